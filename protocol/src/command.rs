//! What a person types in a room (hub profile): a line to say, or a command. The hub's terminals and the chat of `bookend`
//! have the same ones.

use core::fmt;

use crate::addressee::Unaddressed;

/// A line that a person typed.
///
/// ```
/// use bookend::command::Command;
///
/// assert_eq!(Command::parse("hello"), Command::Say("hello"));
/// assert_eq!(Command::parse("//etc/passwd is a file"), Command::Say("/etc/passwd is a file"));
/// assert_eq!(Command::parse("/to ann psst"), Command::To("ann psst"));
/// assert_eq!(Command::parse("/msg ann psst"), Command::To("ann psst"));
/// assert_eq!(Command::parse("/etc/passwd"), Command::Unknown { name: "etc/passwd", words: "" });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Text for everyone: a line that does not begin with `/`, or what follows the first of two.
    Say(&'a str),
    /// `/to NAME TEXT`, or `/msg`: see [`addressed`].
    To(&'a str),
    /// `/me TEXT`.
    Me(&'a str),
    /// `/who`.
    Who,
    /// `/whoami`.
    Whoami,
    /// `/name NAME`.
    Name(&'a str),
    /// `/join ROOM`.
    Join(&'a str),
    /// `/encoding NAME`.
    Encoding(&'a str),
    /// `/last`, or `/last N`: the last messages that the hub has kept. See [`last_count`].
    Last(&'a str),
    /// `/search TEXT`: those that contain a text.
    Search(&'a str),
    /// `/help`.
    Help,
    /// `/quit`.
    Quit,
    /// Another command, without its `/`, and the words after it. It is refused with [`UNKNOWN`], and never said: it may be
    /// a private message with a slip of the pen.
    Unknown {
        /// The command.
        name: &'a str,
        /// What follows it.
        words: &'a str,
    },
}

/// What `/help` shows: each command, and what it does.
pub const HELP: [(&str, &str); 12] = [
    ("/who", "list who is here"),
    ("/to NAME TEXT", "send TEXT to NAME alone, as /msg does; a NAME with blanks is written in quotes, a number as #7"),
    ("/me TEXT", "say what you do"),
    ("/whoami", "show your name and where you are"),
    ("/name NAME", "change your name to NAME; bookend chat has the option --name"),
    ("/join ROOM", "move to another room; bookend chat has the option --room"),
    ("/encoding ascii|utf-8", "set what you can see; other characters appear as \\u{hex}; bookend chat has --encoding"),
    ("//TEXT", "say /TEXT"),
    ("/last [N]", "show the last N messages that the hub has kept, or the last 10"),
    ("/search TEXT", "show the last of them that contain TEXT, in upper or lower case"),
    ("/help", "list the commands"),
    ("/quit", "leave"),
];

/// The refusal of an unknown command.
pub const UNKNOWN: &str = "there is no such command; /help lists all. To say a line that starts with /, type //";
/// How many messages `/last` shows, and at most how many `/search` does.
pub const LAST_COUNT: u32 = 10;
/// The refusal of `/last` with something else than a number.
pub const LAST_WITHOUT_NUMBER: &str = "/last N: N is a number of messages, at least 1";
/// The refusal of `/search` alone, and of a text that is too long.
pub const SEARCH_WITHOUT_TEXT: &str = "/search TEXT: TEXT is what to look for, 1 to 256 bytes";
/// The refusal of `/me` alone.
pub const ME_WITHOUT_TEXT: &str = "/me TEXT: TEXT is what you do";

impl<'a> Command<'a> {
    /// Judges a line without its end.
    #[must_use]
    pub fn parse(line: &'a str) -> Command<'a> {
        let Some(command) = line.strip_prefix('/') else { return Command::Say(line) };
        if command.starts_with('/') {
            return Command::Say(command);
        }
        let (name, words) = command.split_once(' ').unwrap_or((command, ""));
        let words = words.trim();
        match name {
            "to" | "msg" => Command::To(words),
            "me" => Command::Me(words),
            "who" => Command::Who,
            "whoami" => Command::Whoami,
            "name" => Command::Name(words),
            "join" => Command::Join(words),
            "encoding" => Command::Encoding(words),
            "last" => Command::Last(words),
            "search" => Command::Search(words),
            "help" => Command::Help,
            "quit" => Command::Quit,
            _ => Command::Unknown { name, words },
        }
    }
}

/// The number of messages that `/last` asks for: [`LAST_COUNT`] if it has no words. `None` if they are not a number of at least
/// 1.
#[must_use]
pub fn last_count(words: &str) -> Option<u32> {
    match words {
        "" => Some(LAST_COUNT),
        words => words.parse().ok().filter(|&count| count > 0),
    }
}

/// Why `/to` sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToError {
    /// It is not certain who is meant.
    Unaddressed(Unaddressed),
    /// Number 0 is everyone.
    Everyone,
    /// There is nothing to send.
    NoText,
}

/// The member and the text of `/to`, whose words [`addressee::split`](crate::addressee::split) has split.
///
/// # Errors
/// [`ToError`]: nothing may be sent then, and nothing to everyone.
pub fn addressed(split: Result<(u32, &str), Unaddressed>) -> Result<(u32, &str), ToError> {
    match split {
        Ok((0, _)) => Err(ToError::Everyone),
        Ok((member, text)) => match text.trim_start() {
            "" => Err(ToError::NoText),
            text => Ok((member, text)),
        },
        Err(error) => Err(ToError::Unaddressed(error)),
    }
}

impl fmt::Display for ToError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToError::Unaddressed(error) => write!(f, "{error}; /who lists the members"),
            ToError::Everyone => f.write_str("/to NAME TEXT: 0 is everyone; omit /to to send to everyone"),
            ToError::NoText => f.write_str("/to NAME TEXT: TEXT is missing"),
        }
    }
}

impl core::error::Error for ToError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_begins_with_a_stroke_is_a_command() {
        for (line, command) in [
            ("", Command::Say("")),
            (" /quit", Command::Say(" /quit")),
            ("//", Command::Say("/")),
            ("///x", Command::Say("//x")),
            ("/", Command::Unknown { name: "", words: "" }),
            ("/Quit", Command::Unknown { name: "Quit", words: "" }),
            ("/too bob psst", Command::Unknown { name: "too", words: "bob psst" }),
            ("/quit now", Command::Quit),
            ("/me  waves ", Command::Me("waves")),
            ("/last", Command::Last("")),
            ("/search  Noon tea ", Command::Search("Noon tea")),
            ("/to  \"ann lee\" hi", Command::To("\"ann lee\" hi")),
        ] {
            assert_eq!(Command::parse(line), command, "{line:?}");
        }
    }

    #[test]
    fn help_lists_every_command() {
        for (usage, _) in HELP.iter().filter(|(usage, _)| !usage.starts_with("//")) {
            let name = usage.split(' ').next().expect("it is not empty");
            assert!(!matches!(Command::parse(name), Command::Unknown { .. } | Command::Say(_)), "{usage}");
        }
    }

    #[test]
    fn last_takes_a_number_of_at_least_one_or_none() {
        let counts = ["", "1", "4294967295", "0", "-1", "x", "1 2", "4294967296"].map(last_count);
        assert_eq!(counts, [Some(LAST_COUNT), Some(1), Some(u32::MAX), None, None, None, None, None]);
    }

    #[test]
    fn nothing_is_sent_unless_a_member_and_a_text_are_given() {
        assert_eq!(addressed(Ok((7, " hi"))), Ok((7, "hi")));
        assert_eq!(addressed(Ok((0, "hi"))), Err(ToError::Everyone));
        assert_eq!(addressed(Ok((7, " "))), Err(ToError::NoText));
    }
}
