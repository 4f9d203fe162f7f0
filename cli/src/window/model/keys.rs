//! Keys, and the commands of the input line.

use bookend::command::{Command, HELP, ME_WITHOUT_TEXT, SEARCH_WITHOUT_TEXT, addressed};
use bookend::{displayed, is_disturbing};
use bookend_client::Query;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Effect, Search, Window};
use crate::window::entry::{Entry, Said, listed};
use crate::window::log::Log;

/// The commands of the window alone, besides those of [`HELP`].
const COMMANDS: [(&str, &str); 1] = [("/clear", "clear the messages; PageUp loads what the hub has kept")];
const KEYS: &str = "Tab completes · Up and Down recall · PageUp and PageDown scroll · Alt-Enter adds a line · Esc leaves a search · Esc or End returns to the newest message · Ctrl-Z suspends";

impl Window {
    pub(in crate::window) fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: String = text.chars().filter(|&c| c == '\n' || c == '\t' || !is_disturbing(c)).collect();
        self.editor.insert(text.trim_end_matches('\n'));
    }

    pub(in crate::window) fn key(&mut self, key: KeyEvent) -> Option<Effect> {
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
            KeyCode::Char('z') if control => return Some(Effect::Suspend),
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
            KeyCode::End if self.shown().is_scrolled() => self.show_newest(),
            KeyCode::End => self.editor.end(),
            KeyCode::Backspace => self.editor.delete_left(),
            KeyCode::Delete => self.editor.delete_right(),
            KeyCode::Up => self.editor.earlier(),
            KeyCode::Down => self.editor.later(),
            KeyCode::PageUp => self.scroll(1),
            KeyCode::PageDown => {
                self.log.unmark_if_seen();
                self.scroll(-1);
            }
            KeyCode::Esc if self.search.is_some() => self.search = None,
            KeyCode::Esc => self.show_newest(),
            KeyCode::Tab => self.complete(),
            KeyCode::Char(c) if !control && !alt => {
                self.log.unmark_if_seen();
                self.editor.insert(c.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
        None
    }

    /// What is shown: the log, or what is found.
    fn shown(&mut self) -> &mut Log {
        self.search.as_mut().map_or(&mut self.log, |search| &mut search.list)
    }

    /// Scrolls up by so many pages, which overlap in a line, or down.
    fn scroll(&mut self, pages: isize) {
        let lines = isize::try_from(self.page.max(2) - 1).unwrap_or(1);
        self.shown().scroll(pages * lines);
    }

    fn show_newest(&mut self) {
        self.shown().show_newest();
        if self.search.is_none() {
            self.log.unmark();
        }
    }

    fn complete(&mut self) {
        let usages = HELP.iter().chain(&COMMANDS).map(|(usage, _)| *usage).filter(|usage| !usage.starts_with("//"));
        let commands = usages.map(|usage| usage.split(' ').next().unwrap_or_default());
        if self.editor.text().starts_with('/') && !self.editor.parts().0.contains(' ') {
            self.editor.complete(commands.map(str::to_owned));
        } else {
            let own = self.members.own();
            let names = self.members.iter().filter(|(member, _)| *member != own).map(|(_, name)| name);
            let is_addressee = matches!(self.editor.parts().0.rsplit_once(' '), Some(("/to" | "/msg", _)));
            let quoted = |name: &str| match is_addressee && name.contains(' ') {
                true => format!("\"{name}\""),
                false => name.to_owned(),
            };
            self.editor.complete(names.map(quoted));
        }
    }

    fn enter(&mut self) -> Option<Effect> {
        let text = self.editor.take();
        self.search = None;
        self.show_newest();
        if text.is_empty() {
            return None;
        }
        match Command::parse(&text) {
            Command::Say(said) => return self.send(None, said.to_owned()),
            Command::Quit => return Some(Effect::Quit),
            // A private message never goes to everyone.
            Command::To(words) => match addressed(self.members.addressee(words)) {
                Ok((member, text)) => {
                    let text = text.to_owned();
                    return self.send(Some(member), text);
                }
                Err(error) => self.error(&error.to_string()),
            },
            Command::Me("") => self.error(ME_WITHOUT_TEXT),
            Command::Me(action) => {
                let name = self.name.clone().unwrap_or_default();
                return self.send(None, format!("* {name} {action}"));
            }
            Command::Who => self.who(),
            Command::Whoami => {
                let you = displayed(self.name.as_deref().unwrap_or("not a member")).to_string();
                self.log.push(Entry::Notice(format!("you are {you} at {}", self.hub)));
            }
            Command::Help => {
                for (usage, about) in HELP.iter().chain(&COMMANDS) {
                    self.log.push(Entry::Notice(format!("{usage}: {about}")));
                }
                self.log.push(Entry::Notice(KEYS.into()));
            }
            Command::Last(_) => self.error("/last: the window shows the last messages, and PageUp those before them"),
            Command::Search(words) if (1..=Query::MAX_TEXT).contains(&words.len()) => {
                self.search = Some(Search::new(words))
            }
            Command::Search(_) => self.error(SEARCH_WITHOUT_TEXT),
            Command::Unknown { name: "clear", .. } => self.log.clear(self.shown_day),
            command => self.error(crate::room::refusal(command)),
        }
        None
    }

    fn send(&mut self, to: Option<u32>, text: String) -> Option<Effect> {
        self.pending += 1;
        if let Some(member) = to {
            let name =
                self.members.iter().find(|(number, _)| *number == member).map(|(_, name)| displayed(name).to_string());
            let name = format!("to {}", name.unwrap_or_else(|| member.to_string()));
            let said =
                Said { seq: None, time: None, name, text: text.clone(), own: true, private: true, mention: false };
            self.log.push(Entry::Said(said));
        }
        Some(Effect::Send { to, text })
    }

    fn who(&mut self) {
        let names: Vec<_> = self.members.iter().map(|(_, name)| listed(&displayed(name).to_string())).collect();
        let more =
            self.members.crowd().map_or(String::new(), |crowd| format!("{crowd} members, of which have spoken: "));
        self.log.push(Entry::Notice(format!("here: {more}{}", names.join(", "))));
    }

    fn error(&mut self, what: &str) {
        self.log.push(Entry::Error(what.into()));
    }
}
