//! What the window shows, and how keys and the hub change it. No terminal, no network, no clock.

use std::time::Duration;

use bookend::{Encoding, Hello, Message, Payload, PresenceEvent, escaped, is_disturbing};
use bookend_client::{End, Event, Members};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::editor::Editor;
use super::log::{Entry, Log, Said};

/// What is to be done besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Say it, to everyone or to one.
    Send {
        to: Option<u32>,
        text: String,
    },
    /// Draw everything anew.
    Redraw,
    Quit,
}

/// How the connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// On its way, with the step that it is at.
    Connecting(String),
    Up,
    /// Nothing has been heard for longer than was promised.
    Suspect,
    /// It will be tried again.
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
    /// The hub, as it was named.
    pub(super) place: String,
    /// The own port, once there is one.
    pub(super) port: Option<u16>,
    pub(super) encoding: Encoding,
    /// How long the last confirmation took.
    pub(super) round_trip: Option<Duration>,
    /// Messages that have not been confirmed.
    pub(super) waiting: usize,
    /// Lines between the newest one and the last one shown.
    pub(super) scroll: usize,
    /// Only what holds this is shown.
    pub(super) search: Option<String>,
    /// How many lines a page has; the view knows.
    pub(super) page: usize,
    /// The own name, as the hub gave it.
    pub(super) name: Option<String>,
    wanted_name: Option<String>,
    focused: bool,
    /// The number and the name of who went, if nobody else has come or gone since: the same number may come again at once, under
    /// another name (R9.33).
    gone: Option<(u32, String)>,
    /// Members are being told of who were here before.
    greeting: bool,
}

const COMMANDS: [(&str, &str); 8] = [
    ("/to", "/to NAME TEXT, or /msg: say it to one member alone"),
    ("/me", "/me TEXT: say what you do"),
    ("/who", "/who: who is here"),
    ("/search", "/search TEXT: show only what holds it; /search alone or Esc shows everything"),
    ("/clear", "/clear: forget what is shown"),
    ("/help", "/help: this"),
    ("/quit", "/quit, ctrl-d: leave"),
    ("//", "//TEXT: say /TEXT"),
];
const KEYS: &str = "Tab completes · Up and Down recall · PageUp and PageDown scroll · Alt-Enter breaks the line · Esc goes back to the end";

impl Window {
    pub(super) fn new(place: String, hello: &Hello) -> Window {
        Window {
            log: Log::default(),
            editor: Editor::default(),
            members: Members::new(0),
            connection: Connection::Connecting("connecting".into()),
            place,
            port: None,
            encoding: hello.preferred(),
            round_trip: None,
            waiting: 0,
            scroll: 0,
            search: None,
            page: 10,
            name: None,
            wanted_name: hello.name().map(str::to_owned),
            focused: true,
            gone: None,
            greeting: false,
        }
    }

    // ---- the hub

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Progress { step, .. } => self.connection = Connection::Connecting(step.to_string()),
            Event::Up(up) => {
                self.connection = Connection::Up;
                self.port = up.local.map(|address| address.port());
                self.members = Members::new(up.welcome.as_ref().map_or(0, |welcome| welcome.member));
                self.greeting = up.welcome.is_some();
                let greeting = up.welcome.as_ref().map_or("connected", |welcome| &welcome.greeting);
                let again = if up.session > 1 { "connected again: " } else { "" };
                self.log.push(Entry::Notice(format!("{again}{}", escaped(greeting))));
            }
            Event::Message(incoming) => self.message(&incoming.message()),
            Event::Missed(missed) => self.log.push(Entry::Missed(missed.to_string())),
            Event::Failed(error) => self.log.push(Entry::Trouble(error.to_string())),
            Event::Suspect => self.connection = Connection::Suspect,
            Event::Heard => self.connection = Connection::Up,
            Event::Down { error, retry_in } => {
                if !matches!(self.connection, Connection::Waiting { .. } | Connection::Connecting(_)) {
                    self.log.push(Entry::Trouble(format!("the connection is lost: {}", escaped(&error.to_string()))));
                }
                self.connection = Connection::Waiting { why: error.name(), retry_in: *retry_in };
            }
            Event::Closed(end) => {
                let fix = if let End::Failed(error) = end { format!("; {}", error.fix()) } else { String::new() };
                let why = format!("{}{fix}", escaped(&end.to_string()));
                self.log.push(Entry::Trouble(why.clone()));
                self.connection = Connection::Closed(why);
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        self.members.observe(message);
        match message {
            Message::Presence { member, event, name } => {
                let gone = self.gone.take();
                let name = escaped(&name.text().to_str()).to_string();
                if *member == self.members.own() && *event != PresenceEvent::Crowd {
                    self.own_name(name);
                    return;
                }
                match event {
                    PresenceEvent::Joined => match gone.filter(|(number, _)| number == member) {
                        Some((_, before)) => {
                            self.log.unsay_going(&before);
                            self.log.push(Entry::Notice(format!("{before} is now {name}")));
                        }
                        None => self.log.push(Entry::Moved(vec![(name, true)])),
                    },
                    PresenceEvent::Left => {
                        self.gone = Some((*member, name.clone()));
                        self.log.push(Entry::Moved(vec![(name, false)]));
                    }
                    PresenceEvent::Crowd => self.log.push(Entry::Notice(format!("{member} are here"))),
                    PresenceEvent::Here => {}
                }
            }
            Message::Delivery(delivery) => {
                let own = delivery.from == self.members.own();
                let name = if delivery.from == 0 { "*".into() } else { escaped(delivery.name()).to_string() };
                self.said(name, delivery.payload, Some(delivery.time), own, delivery.to != 0);
            }
            Message::Message(payload) => self.said("-".into(), *payload, None, false, false),
            Message::Error(refusal) => {
                let reason = refusal.reason.to_str();
                self.log.push(Entry::Trouble(format!("refused: {}", escaped(&reason))));
            }
            _ => {}
        }
    }

    fn own_name(&mut self, name: String) {
        if self.greeting && self.wanted_name.as_ref().is_some_and(|wanted| *wanted != name) {
            self.log.push(Entry::Notice(format!("you are {name} here: the name that you asked for is taken")));
        }
        self.greeting = false;
        self.name = Some(name);
    }

    fn said(&mut self, name: String, payload: Payload<'_>, time: Option<u64>, own: bool, private: bool) {
        let text = match payload.text() {
            Some(text) => text.into_owned(),
            None => format!("({} bytes)", payload.as_bytes().len()),
        };
        let mention = !own && self.name.as_ref().is_some_and(|own| mentions(&text, own));
        if !self.focused || self.scroll > 0 {
            self.log.mark();
        }
        self.log.push(Entry::Said(Said { time, name, text, own, private, mention }));
    }

    /// What was sent has been confirmed after that time, or not.
    pub(super) fn settled(&mut self, text: &str, outcome: Result<Duration, String>) {
        self.waiting = self.waiting.saturating_sub(1);
        match outcome {
            Ok(time) => self.round_trip = Some(time),
            Err(why) => self.log.push(Entry::Trouble(format!("not delivered: {}: {}", escaped(text), escaped(&why)))),
        }
    }

    /// So much time has passed.
    pub(super) fn pass(&mut self, time: Duration) {
        if let Connection::Waiting { retry_in, .. } = &mut self.connection {
            *retry_in = retry_in.saturating_sub(time);
        }
    }

    // ---- the person

    pub(super) fn focus(&mut self, focused: bool) {
        self.focused = focused;
    }

    pub(super) fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: String = text.chars().filter(|&c| c == '\n' || c == '\t' || !is_disturbing(c)).collect();
        self.editor.insert(text.trim_end_matches('\n'));
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter if alt => self.editor.insert("\n"),
            KeyCode::Char('j') if control => self.editor.insert("\n"),
            KeyCode::Enter => return self.enter(),
            KeyCode::Char('c') if control && !self.editor.text().is_empty() => _ = self.editor.take(),
            KeyCode::Char('c' | 'd') if control => return self.editor.text().is_empty().then_some(Effect::Quit),
            KeyCode::Char('l') if control => return Some(Effect::Redraw),
            KeyCode::Char('a') if control => self.editor.home(),
            KeyCode::Char('e') if control => self.editor.end(),
            KeyCode::Char('u') if control => self.editor.delete_to_start(),
            KeyCode::Char('k') if control => self.editor.delete_to_end(),
            KeyCode::Char('w') if control => self.editor.delete_word(),
            KeyCode::Char('b') if alt => self.editor.word_left(),
            KeyCode::Char('f') if alt => self.editor.word_right(),
            KeyCode::Left if control => self.editor.word_left(),
            KeyCode::Right if control => self.editor.word_right(),
            KeyCode::Left => self.editor.left(),
            KeyCode::Right => self.editor.right(),
            KeyCode::Home => self.editor.home(),
            KeyCode::End => self.editor.end(),
            KeyCode::Backspace => self.editor.delete_left(),
            KeyCode::Delete => self.editor.delete_right(),
            KeyCode::Up => self.editor.earlier(),
            KeyCode::Down => self.editor.later(),
            KeyCode::PageUp => self.scroll += self.page.max(2) - 1,
            KeyCode::PageDown => {
                self.scroll = self.scroll.saturating_sub(self.page.max(2) - 1);
                self.log.unmark_if(self.scroll == 0);
            }
            KeyCode::Esc => {
                (self.scroll, self.search) = (0, None);
                self.log.unmark();
            }
            KeyCode::Tab => self.complete(),
            KeyCode::Char(c) if !control && !alt => {
                self.log.unmark_if(self.scroll == 0);
                self.editor.insert(c.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
        None
    }

    fn complete(&mut self) {
        let commands = COMMANDS.iter().map(|(name, _)| *name).filter(|name| *name != "//");
        if self.editor.text().starts_with('/') && !self.editor.parts().0.contains(' ') {
            self.editor.complete(commands);
        } else {
            let own = self.members.own();
            self.editor.complete(self.members.iter().filter(|(member, _)| *member != own).map(|(_, name)| name));
        }
    }

    fn enter(&mut self) -> Option<Effect> {
        let text = self.editor.take();
        self.scroll = 0;
        self.log.unmark();
        if text.is_empty() {
            return None;
        }
        if let Some(rest) = text.strip_prefix("//") {
            return self.send(None, format!("/{rest}"));
        }
        if !text.starts_with('/') {
            return self.send(None, text);
        }
        let (command, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match command {
            "/quit" => return Some(Effect::Quit),
            "/to" | "/msg" => match self.members.addressee(rest) {
                Some((_, "")) => self.trouble("/to NAME TEXT: there is no text"),
                // What is meant for one is never told to all.
                Some((0, _)) => self.trouble("/to NAME TEXT: 0 is everyone; without /to everyone is told"),
                Some((member, text)) => {
                    let text = text.to_owned();
                    return self.send(Some(member), text);
                }
                None => self.trouble("/to NAME TEXT: nobody here has that name; /who tells who is"),
            },
            "/me" if !rest.is_empty() => {
                let name = self.name.clone().unwrap_or_default();
                return self.send(None, format!("* {name} {rest}"));
            }
            "/who" => self.who(),
            "/search" => self.search = Some(rest.to_lowercase()).filter(|rest| !rest.is_empty()),
            "/clear" => self.log.clear(),
            "/help" => {
                for (_, about) in COMMANDS {
                    self.log.push(Entry::Notice(about.into()));
                }
                self.log.push(Entry::Notice(KEYS.into()));
            }
            _ => self.trouble(&format!("there is no {}; /help has all, and //TEXT says /TEXT", escaped(command))),
        }
        None
    }

    fn send(&mut self, to: Option<u32>, text: String) -> Option<Effect> {
        self.waiting += 1;
        if let Some(member) = to {
            let name =
                self.members.iter().find(|(number, _)| *number == member).map(|(_, name)| escaped(name).to_string());
            let name = format!("to {}", name.unwrap_or_else(|| member.to_string()));
            let said = Said { time: None, name, text: text.clone(), own: true, private: true, mention: false };
            self.log.push(Entry::Said(said));
        }
        Some(Effect::Send { to, text })
    }

    fn who(&mut self) {
        let names: Vec<_> = self.members.iter().map(|(_, name)| escaped(name).to_string()).collect();
        let more = self.members.crowd().map_or(String::new(), |crowd| format!("{crowd} in all, of whom have spoken: "));
        self.log.push(Entry::Notice(format!("here: {more}{}", names.join(", "))));
    }

    fn trouble(&mut self, what: &str) {
        self.log.push(Entry::Trouble(what.into()));
    }
}

/// Is the name a word of the text?
fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    text.match_indices(&name).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + found.len()..].chars().next();
        ![before, behind].into_iter().flatten().any(char::is_alphanumeric)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use bookend::{MemberName, Text};

    use super::*;

    pub(crate) fn window() -> Window {
        Window::new("127.0.0.1:3990".into(), &Hello::new().with_name("ann").unwrap())
    }

    fn press(window: &mut Window, keys: &str) -> Option<Effect> {
        let mut effect = None;
        for key in keys.chars() {
            let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
            effect = window.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        effect
    }

    fn last(window: &Window) -> String {
        format!("{:?}", window.log.newest_first().next())
    }

    #[test]
    fn lines_are_sent_and_commands_are_not() {
        let mut window = window();
        assert_eq!(press(&mut window, "grüß\n"), Some(Effect::Send { to: None, text: "grüß".into() }));
        assert_eq!(press(&mut window, "//x\n"), Some(Effect::Send { to: None, text: "/x".into() }));
        assert_eq!(press(&mut window, "\n"), None);
        assert_eq!(press(&mut window, "/nonsense\n"), None);
        assert!(last(&window).contains("there is no /nonsense"));
        for command in ["/to", "/msg"] {
            assert_eq!(press(&mut window, &format!("{command} bob hi\n")), None);
            assert!(last(&window).contains("nobody here"));
        }
        assert_eq!(press(&mut window, "/to 0 secret\n"), None);
        assert!(last(&window).contains("0 is everyone"));
        assert_eq!(press(&mut window, "/quit\n"), Some(Effect::Quit));
        assert_eq!(window.waiting, 2);
    }

    #[test]
    fn a_paste_is_one_message_however_many_lines_it_has() {
        let mut window = window();
        window.paste("one\r\ntwo\x1b[31m\u{202e}\n");
        assert_eq!(press(&mut window, "\n"), Some(Effect::Send { to: None, text: "one\ntwo[31m".into() }));
    }

    fn presence(window: &mut Window, member: u32, event: PresenceEvent, name: &str) {
        let name = MemberName::new(Text::utf8(name)).unwrap();
        window.message(&Message::Presence { member, event, name });
    }

    #[test]
    fn another_name_is_told_as_that_and_not_as_a_coming_and_a_going() {
        // [R9.33]
        let mut window = window();
        presence(&mut window, 2, PresenceEvent::Joined, "bob");
        presence(&mut window, 2, PresenceEvent::Left, "bob");
        presence(&mut window, 2, PresenceEvent::Joined, "rob");
        assert!(last(&window).contains("bob is now rob"), "{}", last(&window));
        presence(&mut window, 2, PresenceEvent::Left, "rob");
        presence(&mut window, 3, PresenceEvent::Joined, "rob"); // somebody else
        let moved = Entry::Moved(vec![("rob".into(), false), ("rob".into(), true)]);
        assert_eq!(window.log.newest_first().next(), Some(&moved));
        let bob = Entry::Moved(vec![("bob".into(), true)]);
        assert_eq!(window.log.newest_first().last(), Some(&bob));
        assert_eq!(window.log.newest_first().count(), 3);
    }

    #[test]
    fn what_was_not_delivered_is_told() {
        let mut window = window();
        press(&mut window, "a\n");
        window.settled("a", Err("unconfirmed: x".into()));
        assert!(last(&window).contains("not delivered: a: unconfirmed"), "{}", last(&window));
        assert_eq!(window.waiting, 0);
    }

    #[test]
    fn ctrl_c_clears_the_line_first() {
        let mut window = window();
        press(&mut window, "x");
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(window.key(control('d')), None);
        assert_eq!(window.key(control('c')), None);
        assert_eq!(window.editor.text(), "");
        assert_eq!(window.key(control('c')), Some(Effect::Quit));
    }

    #[test]
    fn a_name_is_a_word() {
        assert!(mentions("Ann: hi", "ann") && mentions("hi ann!", "ann") && mentions("böb", "BÖB"));
        assert!(!mentions("anna", "ann") && !mentions("can", "an"));
    }
}
