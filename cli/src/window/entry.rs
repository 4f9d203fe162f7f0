//! A message or an event in the window.

use jiff::civil::Date;

/// A message or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Said(Said),
    /// Members that joined and left, in this order, with no other entry between them.
    Presence(Vec<(String, Change)>),
    /// Information from the program.
    Notice(String),
    /// An error.
    Error(String),
    /// Messages that were missed, or that the hub has not kept.
    Missed(String),
    /// The entries after this one are unread.
    Unread,
    /// The messages after this one were said while there was no connection.
    Away,
    /// The entries after this one are of this day.
    Day(Date),
}

/// A change of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Joined,
    Left,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The number of a message to everyone.
    pub(super) seq: Option<u64>,
    /// In milliseconds since 1970, if the hub sent it.
    pub(super) time: Option<u64>,
    pub(super) name: String,
    /// The text, or the number of bytes of a binary message.
    pub(super) text: String,
    /// True if this client sent it.
    pub(super) own: bool,
    /// True if it was sent to one member only.
    pub(super) private: bool,
    /// True if it mentions this client.
    pub(super) mention: bool,
}

impl Entry {
    /// The number of a message to everyone.
    pub(super) fn seq(&self) -> Option<u64> {
        if let Entry::Said(said) = self { said.seq } else { None }
    }

    /// About how many bytes of memory it takes.
    pub(super) fn cost(&self) -> usize {
        let text = match self {
            Entry::Said(said) => said.name.len() + said.text.len(),
            Entry::Presence(changes) => {
                changes.iter().map(|(name, _)| name.len() + size_of::<(String, Change)>()).sum()
            }
            Entry::Notice(text) | Entry::Error(text) | Entry::Missed(text) => text.len(),
            Entry::Unread | Entry::Away | Entry::Day(_) => 0,
        };
        text + size_of::<Entry>()
    }
}

/// A name in a list, where a comma must not make two of it.
pub(super) fn listed(shown: &str) -> String {
    shown.replace(',', "\\u{2c}")
}
