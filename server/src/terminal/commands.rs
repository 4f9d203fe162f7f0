//! The commands of a terminal.

use std::time::Duration;

use bookend::addressee::split;
use bookend::command::{Command, HELP, ME_WITHOUT_TEXT, UNKNOWN, addressed};
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

impl Terminal {
    /// Does what a line says.
    pub(super) fn typed(&mut self, line: &str, client: &mut Client) {
        let command = Command::parse(line);
        match command {
            Command::Name(_) | Command::To(_) | Command::Me(_) if !client.may_write() => {
                self.print(NO_RIGHT_TO_WRITE, client);
            }
            Command::Say("") => {}
            Command::Say(text) => self.post(text, client),
            Command::Help => HELP.iter().for_each(|(usage, about)| self.print(&format!("* {usage}: {about}"), client)),
            Command::Who => self.who(client),
            Command::Quit => self.quit(client),
            Command::Name(name) => self.name(name, client),
            Command::To(words) => self.message(words, client),
            Command::Me("") => self.print(&format!("! {ME_WITHOUT_TEXT}"), client),
            Command::Me(action) => {
                let text = format!("* {} {action}", client.name().unwrap_or_default());
                self.post(&text, client);
            }
            Command::Last(words) => self.last(words, client),
            Command::Search(text) => self.search(text, client),
            Command::Join(room) => self.join_room(room, client),
            Command::Whoami => self.whoami(client),
            Command::Encoding("ascii" | "us-ascii") => self.set_encoding(LineEncoding::Ascii, "ascii", client),
            Command::Encoding("utf-8" | "utf8") => self.set_encoding(LineEncoding::Utf8, "utf-8", client),
            Command::Encoding(_) => self.print("! /encoding ascii or /encoding utf-8", client),
            _ => self.print(&format!("! {UNKNOWN}"), client),
        }
    }

    pub(super) fn post(&self, text: &str, client: &mut Client) {
        if !client.may_write() {
            return self.print(NO_RIGHT_TO_WRITE, client);
        }
        match client.refusal() {
            None => client.post(Payload::Text(Text::utf8(text))),
            Some(refusal) => {
                client.count_error(Code::TRY_LATER);
                self.print(&format!("! try-later: {refusal}"), client);
            }
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
        let (to, text) = match addressed(split(rest, |name| room.member_named(name))) {
            Ok(found) => found,
            Err(error) => return self.print(&format!("! {error}"), client),
        };
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
