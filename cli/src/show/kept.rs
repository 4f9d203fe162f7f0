//! Prints what a hub has kept, so that it cannot be taken for what arrives now.

use std::io::Write;

use bookend::Message;
use bookend_client::{Entry, Page};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{OutputFormat, json, plain};
use crate::times::date_and_time;

/// Where the reader is.
pub(crate) struct Here {
    pub(crate) zone: TimeZone,
    pub(crate) today: Date,
}

impl OutputFormat {
    /// Appends a page: in lines for people with the time of each message, which begin with `* ` as those of the hub do, and
    /// in JSON as these objects:
    ///
    /// - a message: the object of a DELIVERY with `"event":"kept"`
    /// - messages that are missing, or no longer kept if this is the first object: `{"event":"not-kept","missed":3}`
    pub(crate) fn print_kept(self, page: &Page, text: Option<&str>, here: &Here, lines: &mut Vec<u8>) {
        let is_empty = page.entries.is_empty();
        if let Some(lost) = page.lost_before {
            let start = match (text, lost) {
                (Some(_), _) if is_empty => "* no message that is kept contains that".into(),
                (Some(_), _) => "* no older message that is kept contains that".into(),
                (None, 0) if is_empty => "* nothing is kept".into(),
                (None, 0) => "* nothing older is kept".into(),
                (None, 1) => "* 1 older message is not kept".into(),
                (None, lost) => format!("* {lost} older messages are not kept"),
            };
            self.print_lost(lost, &start, lines);
        }
        for entry in &page.entries {
            match entry {
                Entry::Gap(1) => self.print_lost(1, "* 1 message is not kept", lines),
                Entry::Gap(lost) => self.print_lost(*lost, &format!("* {lost} messages are not kept"), lines),
                Entry::Message(incoming) => self.print_old(&incoming.message(), here, lines),
            }
        }
    }

    fn print_lost(self, lost: u64, line: &str, lines: &mut Vec<u8>) {
        match self {
            OutputFormat::Plain => writeln!(lines, "{line}"),
            OutputFormat::Json => writeln!(lines, r#"{{"event":"not-kept","missed":{lost}}}"#),
            OutputFormat::Messages | OutputFormat::Raw => Ok(()),
        }
        .expect("writing to memory succeeds");
    }

    fn print_old(self, message: &Message<'_>, here: &Here, lines: &mut Vec<u8>) {
        let Message::Delivery(delivery) = message else { return };
        match self {
            OutputFormat::Plain => {
                let time = date_and_time(delivery.time, Some(here.today), &here.zone);
                write!(lines, "* {time} ").and_then(|()| plain(message, 0, lines))
            }
            OutputFormat::Json => {
                let start = lines.len();
                json(message, lines).map(|()| _ = lines.splice(start..=start, *br#"{"event":"kept","#))
            }
            OutputFormat::Messages | OutputFormat::Raw => {
                self.print(message, 0, lines);
                Ok(())
            }
        }
        .expect("writing to memory succeeds");
    }
}
