//! The state of the window, and how events change it; `keys` is how keys change it, and `search` what is found. No terminal, network or clock.

mod keys;
mod search;

use std::time::Duration;

use bookend::{Encoding, Hello, Message, PresenceEvent, displayed, escaped};
use bookend_client::{End, Event, HistoryError, Members, Missed, Page, Up};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::editor::Editor;
use super::entry::{Change, Entry, Said};
use super::log::{Ask, Log};
use super::page::Reader;
use crate::times;
pub(super) use search::Search;

/// What the owner of the window must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Send a message, to everyone or to one member.
    Send {
        to: Option<u32>,
        text: String,
    },
    /// Clear the terminal and draw everything.
    Redraw,
    /// Stop the program until the shell continues it.
    Suspend,
    Quit,
}

/// The state of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Connecting, with the current step.
    Connecting(String),
    Up,
    /// The hub has been silent for longer than its keepalive.
    Suspect,
    /// Waiting to reconnect.
    Waiting {
        /// The name of the fault.
        why: &'static str,
        retry_in: Duration,
    },
    Closed(String),
}

pub(super) struct Window {
    pub(super) log: Log,
    pub(super) editor: Editor,
    pub(super) members: Members,
    pub(super) connection: Connection,
    /// The hub, as named on the command line.
    pub(super) hub: String,
    /// The local port of the connection.
    pub(super) port: Option<u16>,
    pub(super) encoding: Encoding,
    /// How long the last confirmation took.
    pub(super) round_trip: Option<Duration>,
    /// Messages that are not confirmed yet.
    pub(super) pending: usize,
    /// What is found, shown in place of the log.
    pub(super) search: Option<Search>,
    /// The number of lines in a page, set by the view.
    pub(super) page: usize,
    /// The name of this client, as the hub assigned it.
    pub(super) name: Option<String>,
    wanted_name: Option<String>,
    focused: bool,
    /// The number and the name of the member that left last, until the next PRESENCE. A rename is a member that leaves and
    /// joins again at once under another name (R9.33).
    left: Option<(u32, String)>,
    /// The list of members that were here before is arriving.
    is_listing: bool,
    zone: TimeZone,
    /// The number of the next message when this session began, if it is not the first: those before it were missed.
    away_until: Option<u64>,
    /// The day by the clock of this machine.
    today: Option<Date>,
    /// The day to which the last entry of the log belongs.
    shown_day: Option<Date>,
}

impl Window {
    /// An empty window that shows times in `zone`.
    pub(super) fn new(hub: String, hello: &Hello, zone: TimeZone) -> Window {
        Window {
            log: Log::default(),
            editor: Editor::default(),
            members: Members::new(0),
            connection: Connection::Connecting("connecting".into()),
            hub,
            port: None,
            encoding: hello.preferred(),
            round_trip: None,
            pending: 0,
            search: None,
            page: 10,
            name: None,
            wanted_name: hello.name().map(str::to_owned),
            focused: true,
            left: None,
            is_listing: false,
            zone,
            away_until: None,
            today: None,
            shown_day: None,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Progress { step, .. } => self.connection = Connection::Connecting(step.to_string()),
            Event::Up(up) => self.up(up),
            Event::Message(incoming) => self.message(&incoming.message()),
            Event::Missed(missed) => {
                if self.away_until.take().is_some() && !matches!(missed, Missed::Unknown { .. }) {
                    self.log.mark_away();
                }
                self.log.push(Entry::Missed(missed.to_string()));
            }
            Event::Failed(error) => self.log.push(Entry::Error(error.to_string())),
            Event::Suspect => self.connection = Connection::Suspect,
            Event::Heard => self.connection = Connection::Up,
            Event::Down { error, retry_in } => {
                if !matches!(self.connection, Connection::Waiting { .. } | Connection::Connecting(_)) {
                    self.log.push(Entry::Error(format!("connection lost: {}", escaped(&error.to_string()))));
                }
                self.connection = Connection::Waiting { why: error.name(), retry_in: *retry_in };
            }
            Event::Closed(end) => {
                let fix = if let End::Failed(error) = end { format!("; {}", error.fix()) } else { String::new() };
                let why = format!("{}{fix}", escaped(&end.to_string()));
                self.log.push(Entry::Error(why.clone()));
                self.connection = Connection::Closed(why);
            }
            _ => {}
        }
    }

    fn up(&mut self, up: &Up) {
        self.connection = Connection::Up;
        self.port = up.local.map(|address| address.port());
        self.members = Members::new(up.welcome.as_ref().map_or(0, |welcome| welcome.member));
        self.is_listing = up.welcome.is_some();
        let greeting = up.welcome.as_ref().map_or("connected", |welcome| &welcome.greeting);
        let again = if up.session > 1 { "reconnected: " } else { "" };
        self.log.push(Entry::Notice(format!("{again}{}", escaped(greeting))));
        let next = up.welcome.as_ref().map_or(0, |welcome| welcome.next_seq);
        self.log.begin(next);
        self.away_until = Some(next).filter(|_| up.session > 1);
    }

    fn message(&mut self, message: &Message<'_>) {
        self.members.observe(message);
        match message {
            Message::Presence { member, event, name } => {
                let left = self.left.take();
                let name = displayed(&name.text().to_str()).to_string();
                if *member == self.members.own() && *event != PresenceEvent::Crowd {
                    self.own_name(name);
                    return;
                }
                match event {
                    PresenceEvent::Joined => match left.filter(|(number, _)| number == member) {
                        Some((_, before)) => {
                            self.log.remove_last_left(&before);
                            self.log.push(Entry::Notice(format!("{before} is now {name}")));
                        }
                        None => self.log.push(Entry::Presence(vec![(name, Change::Joined)])),
                    },
                    PresenceEvent::Left => {
                        self.left = Some((*member, name.clone()));
                        self.log.push(Entry::Presence(vec![(name, Change::Left)]));
                    }
                    PresenceEvent::Crowd => self.log.push(Entry::Notice(format!("{member} are here"))),
                    PresenceEvent::Here => {}
                }
            }
            Message::Delivery(delivery) => {
                let said = self.reader().delivered(delivery, delivery.from == self.members.own());
                self.said(said);
            }
            Message::Message(payload) => self.said(self.reader().said("-".into(), *payload, false)),
            Message::Error(refusal) => {
                let reason = refusal.reason.to_str();
                self.log.push(Entry::Error(format!("refused: {}", escaped(&reason))));
            }
            _ => {}
        }
    }

    fn own_name(&mut self, name: String) {
        if self.is_listing && self.wanted_name.as_ref().is_some_and(|wanted| *wanted != name) {
            self.log.push(Entry::Notice(format!(
                "your name here is {name}: the one that you requested is taken, or the hub writes it so"
            )));
        }
        self.is_listing = false;
        self.name = Some(name);
    }

    fn said(&mut self, said: Said) {
        if let Some(day) = said.time.and_then(|time| times::day(time, &self.zone)) {
            self.show_day(day);
        }
        if let Some(seq) = said.seq
            && let Some(until) = self.away_until.take()
            && seq < until
        {
            self.log.mark_away();
        }
        if !self.focused || self.log.is_scrolled() || self.search.is_some() {
            self.log.mark();
        }
        self.log.push(Entry::Said(said));
    }

    fn reader(&self) -> Reader<'_> {
        Reader { name: self.name.as_deref(), days: Some(&self.zone) }
    }

    /// What the hub is to be asked for, once.
    pub(super) fn ask(&mut self) -> Option<Ask> {
        if !matches!(self.connection, Connection::Up | Connection::Suspect) {
            return None;
        }
        match &mut self.search {
            Some(search) => search.list.ask().map(|part| Ask { part, text: Some(search.text.clone()) }),
            None => self.log.ask().map(|part| Ask { part, text: None }),
        }
    }

    /// The hub has answered, or not.
    pub(super) fn answered(&mut self, ask: &Ask, page: Result<Page, HistoryError>) {
        let reader = Reader { name: self.name.as_deref(), days: Some(&self.zone) };
        match (&ask.text, &mut self.search) {
            (None, _) => self.log.answered(ask.part, page, &reader),
            (Some(text), Some(search)) if *text == search.text => {
                search.list.answered(ask.part, page, &Reader { days: None, ..reader });
                search.look_in(&self.log);
            }
            _ => {} // the user has left the search
        }
    }

    /// The date of a time, if it is not today, and the time.
    pub(super) fn date_and_time(&self, time: u64) -> String {
        times::date_and_time(time, self.today, &self.zone)
    }

    /// A message was confirmed after this time, or was not.
    pub(super) fn settled(&mut self, text: &str, outcome: Result<Duration, String>) {
        self.pending = self.pending.saturating_sub(1);
        match outcome {
            Ok(time) => self.round_trip = Some(time),
            Err(why) => self.log.push(Entry::Error(format!("not delivered: {}: {}", escaped(text), escaped(&why)))),
        }
    }

    /// The time is `now`, in milliseconds since 1970. True if a day has begun.
    pub(super) fn today(&mut self, now: u64) -> bool {
        let today = times::day(now, &self.zone);
        let before = std::mem::replace(&mut self.today, today);
        match (before, today) {
            // The window has just opened.
            (None, today) => {
                self.shown_day = self.shown_day.or(today);
                today.into_iter().for_each(|today| self.log.begin_day(today));
            }
            (before, Some(today)) if before != Some(today) => self.show_day(today),
            _ => return false,
        }
        before.is_some()
    }

    /// The next entries belong to `day`.
    fn show_day(&mut self, day: Date) {
        if self.shown_day.replace(day) != Some(day) {
            self.log.push(Entry::Day(day));
        }
    }

    /// This much time has passed.
    pub(super) fn pass(&mut self, time: Duration) {
        if let Connection::Waiting { retry_in, .. } = &mut self.connection {
            *retry_in = retry_in.saturating_sub(time);
        }
    }

    pub(super) fn focus(&mut self, focused: bool) {
        self.focused = focused;
    }
}

#[cfg(test)]
pub(super) mod tests;
