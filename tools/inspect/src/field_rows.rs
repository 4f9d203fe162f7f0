//! The bytes of a frame, field by field.

use std::io::{self, Write};

use anstyle::Style;
use bookend::diagnosis::WINDOW;
use bookend::{END, Encoding, START};

use super::event::SeenFrame;
use super::layout::{Field, Value};
use super::styles::Styles;
use super::{text, words};

/// The number of bytes in a row.
const ROW: usize = 16;

/// Writes the bytes of a frame in rows. Each field begins a row, with its name and value.
pub(super) fn frame(styles: Styles, seen: &SeenFrame<'_>, fields: &[Field], out: &mut impl Write) -> io::Result<()> {
    let mut rows = Rows { offset: seen.offset, out };
    let length = seen.length.to_be_bytes();
    rows.field(styles.start, &START, "START", "")?;
    rows.field(styles.header, &[seen.kind], "kind", &words::kind_name(seen.kind))?;
    rows.field(styles.header, &[seen.encoding as u8], "encoding", seen.encoding.name())?;
    rows.field(styles.header, &length, "length", &seen.length.to_string())?;
    let mut at = 0;
    for field in fields {
        let bytes = &seen.body[field.at.clone()];
        at = field.at.end;
        match field.value {
            Value::Payload => rows.payload(styles.payload, bytes, seen.encoding)?,
            Value::Secret => rows.hidden(styles.fixed, bytes.len(), field.name, &words::value(field, seen.body))?,
            Value::Bytes => rows.field(styles.fixed, bytes, field.name, "")?,
            _ => rows.field(styles.fixed, bytes, field.name, &words::value(field, seen.body))?,
        }
    }
    // The rest of a malformed body may be part of a token.
    if at < seen.body.len() {
        rows.hidden(styles.fixed, seen.body.len() - at, "rest", words::SECRET)?;
    }
    let more = u64::from(seen.length) - seen.body.len() as u64;
    if more > 0 {
        rows.more(more, "not shown, or missing from the capture")?;
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
            let name_of_encoding = if at == 0 { encoding.name() } else { "" };
            self.row(style, &text::hex(row), format!("{name:<11} |{seen}| {name_of_encoding}").trim_end())?;
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
