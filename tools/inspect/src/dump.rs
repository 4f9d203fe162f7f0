//! The bytes of a frame, field by field.

use std::io::{self, Write};

use anstyle::Style;
use bookend::diagnosis::WINDOW;
use bookend::{END, Encoding, START};

use super::event::Seen;
use super::layout::{Field, Form};
use super::plain::{self, Styles};
use super::text;

/// Bytes of a row.
const ROW: usize = 16;

/// Writes rows of bytes: those of a field together, with its name and value.
pub(super) fn frame(styles: Styles, seen: &Seen<'_>, fields: &[Field], out: &mut impl Write) -> io::Result<()> {
    let mut rows = Rows { offset: seen.offset, out };
    let length = seen.length.to_be_bytes();
    rows.field(styles.start, &START, "START", "")?;
    rows.field(styles.header, &[seen.kind], "kind", &plain::kind_name(seen.kind))?;
    rows.field(styles.header, &[seen.encoding as u8], "encoding", seen.encoding.name())?;
    rows.field(styles.header, &length, "length", &seen.length.to_string())?;
    let mut at = 0;
    for field in fields {
        let bytes = &seen.body[field.at.clone()];
        at = field.at.end;
        match field.form {
            Form::Payload => rows.payload(styles.payload, bytes, seen.encoding)?,
            Form::Secret => rows.hidden(styles.fixed, bytes.len(), field.name, &plain::value(field, seen.body))?,
            Form::Bytes => rows.field(styles.fixed, bytes, field.name, "")?,
            _ => rows.field(styles.fixed, bytes, field.name, &plain::value(field, seen.body))?,
        }
    }
    // What a malformed body has beside its fields may be half a token.
    if at < seen.body.len() {
        rows.hidden(styles.fixed, seen.body.len() - at, "rest", "(not shown)")?;
    }
    let more = u64::from(seen.length) - seen.body.len() as u64;
    if more > 0 {
        rows.more(more, "not held, or not in the capture")?;
    }
    if seen.ended { rows.field(styles.start, &END, "END", "") } else { Ok(()) }
}

struct Rows<'a, W> {
    offset: u64,
    out: &'a mut W,
}

impl<W: Write> Rows<'_, W> {
    fn field(&mut self, style: Style, bytes: &[u8], name: &str, value: &str) -> io::Result<()> {
        let mut label = format!("{name:<11} {value}");
        for row in bytes.chunks(ROW) {
            self.row(style, &text::hex(row), label.trim_end())?;
            label.clear();
            self.offset += row.len() as u64;
        }
        Ok(())
    }

    fn payload(&mut self, style: Style, bytes: &[u8], encoding: Encoding) -> io::Result<()> {
        let held = &bytes[..bytes.len().min(WINDOW)];
        for (at, row) in held.chunks(ROW).enumerate() {
            let name = if at == 0 { "payload" } else { "" };
            let seen: String =
                row.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }).collect();
            let called = if at == 0 { encoding.name() } else { "" };
            self.row(style, &text::hex(row), format!("{name:<11} |{seen}| {called}").trim_end())?;
            self.offset += row.len() as u64;
        }
        match bytes.len() - held.len() {
            0 => Ok(()),
            left => self.more(left as u64, "not shown"),
        }
    }

    fn hidden(&mut self, style: Style, length: usize, name: &str, value: &str) -> io::Result<()> {
        let stars = vec!["**"; length.min(ROW)].join(" ");
        self.row(style, &stars, format!("{name:<11} {value}").trim_end())?;
        self.offset += length as u64;
        Ok(())
    }

    fn more(&mut self, length: u64, why: &str) -> io::Result<()> {
        writeln!(self.out, "      {:>9}  … {length} bytes {why}", self.offset)?;
        self.offset += length;
        Ok(())
    }

    fn row(&mut self, style: Style, bytes: &str, label: &str) -> io::Result<()> {
        writeln!(self.out, "      {:>9}  {style}{bytes:<48}{style:#} {label}", self.offset)
    }
}
