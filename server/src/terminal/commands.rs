//! The commands of a terminal.

use std::time::Duration;

use bookend::addressee::split;
use bookend::{Code, Line, MAX_LINE as MAX_NAME, Payload, Text, displayed, escaped};

use super::{State, TOO_MANY_ROOMS, Terminal};
use crate::canonical::{folded, shown};
use crate::client::Client;
use crate::rendition::{LineEncoding, Rendition};

/// How many members /who shows.
const SHOWN: usize = 100;
/// The window in which changes of name or room are counted.
const CHANGE_WINDOW: Duration = Duration::from_secs(10);

const NO_RIGHT_TO_WRITE: &str = "! policy: no right to write here";
const HELP: [&str; 9] = [
    "* /who: list who is here",
    "* /name NAME: change your name to NAME",
    "* /msg NAME TEXT: send TEXT to NAME alone; a NAME with blanks is written in quotes",
    "* /me TEXT: say what you do",
    "* /join ROOM: move to another room",
    "* /whoami: show your name, your room and your address",
    "* /encoding ascii|utf-8: set what this terminal can show; other characters appear as \\u{hex}",
    "* //TEXT: say /TEXT",
    "* /quit: leave",
];

impl Terminal {
    pub(super) fn command(&mut self, command: &str, client: &mut Client) {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("name" | "msg" | "me", _) if !client.may_write() => self.print(NO_RIGHT_TO_WRITE, client),
            ("help", _) => HELP.iter().for_each(|line| self.print(line, client)),
            ("who", _) => self.who(client),
            ("quit", _) => self.quit(client),
            ("name", name) => self.name(name, client),
            ("msg", rest) => self.message(rest, client),
            ("me", "") => self.print("! /me TEXT: TEXT is what you do", client),
            ("me", action) => {
                let text = format!("* {} {action}", client.name().unwrap_or_default());
                self.post(&text, client);
            }
            ("join", room) => self.join_room(room, client),
            ("whoami", _) => self.whoami(client),
            ("encoding", "ascii" | "us-ascii") => self.set_encoding(LineEncoding::Ascii, "ascii", client),
            ("encoding", "utf-8" | "utf8") => self.set_encoding(LineEncoding::Utf8, "utf-8", client),
            ("encoding", _) => self.print("! /encoding ascii or /encoding utf-8", client),
            _ => self.print(
                "! there is no such command; /help lists all. To say a line that starts with /, type //",
                client,
            ),
        }
    }

    pub(super) fn post(&self, text: &str, client: &mut Client) {
        match client.may_write() {
            true => client.post(Payload::Text(Text::utf8(text))),
            false => self.print(NO_RIGHT_TO_WRITE, client),
        }
    }

    fn name(&mut self, name: &str, client: &mut Client) {
        let Some(name) = visible_line(name) else {
            return self.print(&format!("! /name NAME: 1 to {MAX_NAME} bytes without control characters"), client);
        };
        match client.ban_of_name(name.as_str()) {
            Some(notice) => self.print(&format!("! policy: {}", escaped(&notice)), client),
            None if self.may_change(client) => client.rename(name.as_str()),
            None => self.too_many_changes(client),
        }
    }

    fn join_room(&mut self, room: &str, client: &mut Client) {
        match visible_line(room) {
            Some(room) if client.room().is_some_and(|current| folded(current.name()) == folded(room.as_str())) => {
                self.print("! /join ROOM: you are there", client);
            }
            Some(_) if !self.may_change(client) => self.too_many_changes(client),
            Some(room) if !client.hub().has_place(room.as_str()) => {
                client.count_error(Code::TRY_LATER);
                self.print(TOO_MANY_ROOMS, client);
            }
            // This records the room for a reload of the tokens, so it comes last.
            Some(room) if !client.may_enter(room.as_str()) => {
                self.print("! policy: no right to this room", client);
            }
            Some(room) => self.state = State::Moving(room),
            None => self.print(&format!("! /join ROOM: 1 to {MAX_NAME} bytes without control characters"), client),
        }
    }

    /// Counts a change of name or room. Everyone is notified of each, so there is a limit.
    fn may_change(&mut self, client: &Client) -> bool {
        while self.changes.front().is_some_and(|&at| self.now >= at.saturating_add(CHANGE_WINDOW)) {
            self.changes.pop_front();
        }
        let may = self.changes.len() < client.hub().config().changes;
        if may {
            self.changes.push_back(self.now);
        }
        may
    }

    fn too_many_changes(&self, client: &mut Client) {
        let (max, seconds) = (client.hub().config().changes, CHANGE_WINDOW.as_secs());
        self.print(&format!("! rate: at most {max} times /name or /join in {seconds} seconds"), client);
    }

    fn whoami(&self, client: &mut Client) {
        let (name, room) = (client.name().unwrap_or_default(), client.room());
        let (room, here) = room.map_or(("no room", 0), |room| (room.name(), room.count()));
        let you = format!("you are {} in {}", displayed(name), displayed(room));
        let text = format!("* {you} ({here} here), from {}", client.peer().label());
        self.print(&text, client);
    }

    fn who(&self, client: &mut Client) {
        let (names, here) = client.room().map(|room| room.member_names(SHOWN)).unwrap_or_default();
        let more = if here > SHOWN { format!(", and {} more", here - SHOWN) } else { String::new() };
        // A name with a comma must not look like two.
        let names: Vec<_> = names.iter().map(|name| displayed(name).to_string().replace(',', "\\u{2c}")).collect();
        self.print(&format!("* {here} here: {}{more}", names.join(", ")), client);
    }

    /// `NAME TEXT`, where a name that contains blanks is in quotes.
    fn message(&self, rest: &str, client: &mut Client) {
        let Some(room) = client.room() else { return };
        let (to, text) = match split(rest, |name| room.member_named(name)) {
            Ok((0, _)) => return self.print("! /msg NAME TEXT: 0 is everyone; omit /msg to send to everyone", client),
            Ok((to, text)) => (to, text.trim_start()),
            Err(error) => return self.print(&format!("! {error}; /who lists the members"), client),
        };
        if text.is_empty() {
            return self.print("! /msg NAME TEXT: TEXT is missing", client);
        }
        let name = room.member(to).map(|member| member.name).unwrap_or_default();
        match client.post_to(to, Payload::Text(Text::utf8(text))) {
            Ok(_) => self.print(&format!("* to {} alone: {}", displayed(&name), escaped(text)), client),
            Err((code, reason)) => {
                client.count_error(code);
                self.print(&format!("! {}: {reason}", code.name().unwrap_or_default()), client);
            }
        }
    }

    fn set_encoding(&mut self, encoding: LineEncoding, name: &str, client: &mut Client) {
        self.encoding = encoding;
        client.set_rendition(Rendition::Lines(encoding));
        self.print(&format!("* lines are now sent in {name}"), client);
    }
}

/// The shown form of a name or a room that was typed; `None` if it is no plain line, or shows nothing.
fn visible_line(text: &str) -> Option<Line> {
    Line::new(&shown(Line::new(text)?.as_str())?)
}
