//! The token file, in TOML: one `[[token]]` for each, with its name, hash, rooms, rights and optional expiry.

use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use bookend::Line;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{DIGEST, Right, Rights, RoomName, Token};
use crate::canonical::{folded, shown};
use crate::toml_string::toml_string;

const KEYS: [&str; 5] = ["name", "sha256", "rooms", "rights", "expires"];

/// A fault of a token file, with its line and column, which start at 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensFault {
    line: usize,
    column: usize,
    text: String,
}

impl TokensFault {
    /// The fault without its position.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TokensFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.text)
    }
}

/// The tokens, or all faults.
pub(super) fn read(text: &str) -> Result<Vec<Token>, Vec<TokensFault>> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, faults: Vec::new() };
    let mut tokens = Vec::new();
    if errors.is_empty() {
        tokens = reader.tokens(table.get_ref());
    }
    for error in errors {
        reader.fault(error.span().unwrap_or_default(), error.message());
    }
    reader.faults.sort_by_key(|fault| (fault.line, fault.column));
    if reader.faults.is_empty() { Ok(tokens) } else { Err(reader.faults) }
}

/// The entry of a token.
pub(super) fn entry(name: &str, sha256: &str, rooms: &[String], rights: Rights, expires: Option<&str>) -> String {
    let quoted: Vec<_> = rooms.iter().map(|room| toml_string(room)).collect();
    let rooms = if rooms.iter().any(|room| room == "*") { "\"*\"".into() } else { format!("[{}]", quoted.join(", ")) };
    let rights: Vec<_> =
        NAMES.iter().filter(|(right, _)| rights.contain(*right)).map(|(_, name)| format!("{name:?}")).collect();
    let (name, rights) = (toml_string(name), rights.join(", "));
    let expires = expires.map_or_else(String::new, |when| format!("expires = {}\n", toml_string(when)));
    format!("[[token]]\nname = {name}\nsha256 = \"{sha256}\"\nrooms = {rooms}\nrights = [{rights}]\n{expires}")
}

const NAMES: [(Right, &str); 3] = [(Right::Read, "read"), (Right::Write, "write"), (Right::Admin, "admin")];

struct Reader<'a> {
    text: &'a str,
    faults: Vec<TokensFault>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn tokens(&mut self, table: &DeTable<'_>) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        for (key, value) in table {
            match (&**key.get_ref(), value.get_ref()) {
                ("token", DeValue::Array(list)) => {
                    for item in list.iter() {
                        let token = self.token(item);
                        let twice = |token: &Token| {
                            tokens.iter().any(|other| other.name == token.name || other.digest == token.digest)
                        };
                        if token.as_ref().is_some_and(twice) {
                            self.fault(item.span(), "this token, or another one of this name, appears twice");
                        }
                        tokens.extend(token);
                    }
                }
                _ => self.fault(key.span(), "a token file contains [[token]] sections only"),
            }
        }
        tokens
    }

    /// `None` if there is a fault, which has been recorded.
    fn token(&mut self, item: &Value<'_>) -> Option<Token> {
        let DeValue::Table(table) = item.get_ref() else {
            self.fault(item.span(), "a token is a section: [[token]]");
            return None;
        };
        for (key, _) in table {
            if !KEYS.contains(&&**key.get_ref()) {
                self.fault(key.span(), &format!("there is no key {}; the keys are {}", key.get_ref(), KEYS.join(", ")));
            }
        }
        let name = self.field(table, item, "name", |value| {
            Line::new(text(value)?).map(|name| name.as_str().into()).ok_or("1 to 64 bytes without control characters")
        });
        let digest = self.field(table, item, "sha256", |value| {
            unhex(text(value)?).ok_or("the SHA-256 of the token, 64 hexadecimal digits")
        });
        let rooms = self.field(table, item, "rooms", rooms);
        let rights = self.field(table, item, "rights", rights);
        if let (Some(Some(_)), Some(rights), Some(value)) = (&rooms, rights, table.get("rights"))
            && rights.contain(Right::Admin)
        {
            self.fault(value.span(), "the right admin controls the whole hub: rooms must be \"*\"");
        }
        let expires = match table.contains_key("expires") {
            true => self.field(table, item, "expires", |value| time(value).map(Some)),
            false => Some(None),
        };
        Some(Token { name: name?, digest: digest?, rooms: rooms?, rights: rights?, expires: expires? })
    }

    fn field<T>(
        &mut self,
        table: &DeTable<'_>,
        item: &Value<'_>,
        key: &str,
        take: impl Fn(&DeValue<'_>) -> Result<T, &'static str>,
    ) -> Option<T> {
        let Some(value) = table.get(key) else {
            self.fault(item.span(), &format!("{key} is missing"));
            return None;
        };
        take(value.get_ref()).map_err(|wanted| self.fault(value.span(), &format!("{key} must be {wanted}"))).ok()
    }

    fn fault(&mut self, span: Range<usize>, text: &str) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        self.faults.push(TokensFault { line, column, text: text.into() });
    }
}

fn text<'a>(value: &'a DeValue<'_>) -> Result<&'a str, &'static str> {
    value.as_str().ok_or("a string")
}

/// One string, or a list of strings.
fn texts<'a>(value: &'a DeValue<'_>) -> Option<Vec<&'a str>> {
    match value {
        DeValue::Array(list) => list.iter().map(|item| item.get_ref().as_str()).collect(),
        value => value.as_str().map(|text| vec![text]),
    }
}

fn rooms(value: &DeValue<'_>) -> Result<Option<Box<[RoomName]>>, &'static str> {
    let wanted = "room names, or \"*\" for all";
    let names = texts(value).filter(|names| !names.is_empty()).ok_or(wanted)?;
    if names == ["*"] {
        return Ok(None);
    }
    if names.contains(&"*") {
        return Err("\"*\" alone, or room names");
    }
    let room = |name: &&str| {
        let shown = shown(Line::new(name)?.as_str())?.as_ref().into();
        Some(RoomName { folded: folded(name), shown })
    };
    let rooms: Option<Box<[_]>> = names.iter().map(room).collect();
    rooms.map(Some).ok_or(wanted)
}

fn rights(value: &DeValue<'_>) -> Result<Rights, &'static str> {
    let wanted = "one or more of \"read\", \"write\" and \"admin\"";
    let names = texts(value).filter(|names| !names.is_empty()).ok_or(wanted)?;
    names.iter().try_fold(Rights::NONE, |rights, name| right(name).map(|right| rights.with(right))).ok_or(wanted)
}

/// The right of that name.
fn right(name: &str) -> Option<Right> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(right, _)| *right)
}

/// A date, which is the start of that day, or a date and a time; in UTC.
fn time(value: &DeValue<'_>) -> Result<SystemTime, &'static str> {
    let text = match value {
        DeValue::Datetime(time) => time.to_string(),
        value => text(value)?.to_owned(),
    };
    let text = if text.len() == "2027-01-01".len() { text + "T00:00:00Z" } else { text };
    humantime::parse_rfc3339_weak(&text)
        .map_err(|_| "a date such as 2027-01-31, or a date and time such as 2027-01-31T12:00:00Z, in UTC")
}

fn unhex(text: &str) -> Option<[u8; DIGEST]> {
    let mut digest = [0; DIGEST];
    if text.len() != 2 * DIGEST || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_with_its_position() {
        let hash = "0".repeat(64);
        let text = format!(
            "tokens = 1\n[[token]]\nname = ''\nsha256 = '+0'\nrooms = []\nrights = ['reed']\nexpires = 'soon'\nroom = 1\n\
             [[token]]\nname = 'a'\n[[token]]\nname = 'b'\nsha256 = '{hash}'\nrooms = '*'\nrights = 'read'\n\
             [[token]]\nname = 'c'\nsha256 = '{hash}'\nrooms = '*'\nrights = 'read'\n"
        );
        let faults: Vec<_> = read(&text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "1:1: a token file contains [[token]] sections only",
                "3:8: name must be 1 to 64 bytes without control characters",
                "4:10: sha256 must be the SHA-256 of the token, 64 hexadecimal digits",
                "5:9: rooms must be room names, or \"*\" for all",
                "6:10: rights must be one or more of \"read\", \"write\" and \"admin\"",
                "7:11: expires must be a date such as 2027-01-31, or a date and time such as 2027-01-31T12:00:00Z, in UTC",
                "8:1: there is no key room; the keys are name, sha256, rooms, rights, expires",
                "9:1: sha256 is missing",
                "9:1: rooms is missing",
                "9:1: rights is missing",
                "16:1: this token, or another one of this name, appears twice",
            ]
        );
        assert_eq!(read("[[token]\n").unwrap_err().len(), 1);
        assert_eq!(read("").map(|tokens| tokens.len()), Ok(0));
    }

    #[test]
    fn a_hash_consists_of_hexadecimal_digits_only() {
        assert_eq!(unhex(&"0f".repeat(32)), Some([0x0f; 32]));
        for wrong in ["", "0", &"0f".repeat(31), &"+f".repeat(32), &"ü".repeat(32), &"0g".repeat(32)] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
