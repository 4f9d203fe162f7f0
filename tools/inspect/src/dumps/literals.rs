//! Decodes string literals: those of Python, JavaScript, C, Rust, Go, Java and others, and escaped text without quotes.

use super::direction;
use super::escapes::{self, Escape, Read};
use super::lines::Line;
use super::piece::{Decoder, Out};
use crate::side::Side;

/// How literals are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// `\245` is decimal, as in Lua and Haskell.
    pub(super) decimal: bool,
    /// Each character stands for a byte, as `\u00f5` in JSON and Java. If not, characters are UTF-8.
    pub(super) units: bool,
    /// Only what is in quotes counts.
    pub(super) quoted: bool,
}

/// The most bytes held of a literal that is not known to be part of the dump.
const MAX_HELD: usize = 64 << 10;
/// The most characters held between literals.
const MAX_BETWEEN: usize = 256;

/// Decodes literals.
pub(super) struct Literals {
    style: Style,
    /// Characters of an escape whose rest has not arrived.
    pending: String,
    literal: Option<Literal>,
    /// What precedes the literal: the text since the last one, or since the beginning of the line.
    between: String,
    /// A literal of the dump was read, and only signs of concatenation follow it.
    joined: bool,
    side: Option<Side>,
    /// The last literal, if it is short.
    last: Vec<u8>,
    /// A short literal that is whole, and counts if it stands alone in its line.
    alone: Option<Vec<u8>>,
}

/// The literal that is being read.
struct Literal {
    quote: Option<char>,
    counts: bool,
    held: Vec<u8>,
    begins: bool,
    length: usize,
}

impl Literals {
    pub(super) fn new(style: Style) -> Literals {
        Literals {
            style,
            pending: String::new(),
            literal: None,
            between: String::new(),
            joined: false,
            side: None,
            last: Vec::new(),
            alone: None,
        }
    }

    fn outside(&mut self, character: char, out: &mut Out) -> Result<(), String> {
        match character {
            '"' | '\'' | '\u{201C}' | '\u{2018}' if self.style.quoted && self.may_open(character) => {
                self.open(Some(closing(character)));
                return Ok(());
            }
            '>' => self.after_literal(out)?,
            _ => {}
        }
        self.alone = self.alone.take().filter(|_| character.is_whitespace() || "\\+,;&.".contains(character));
        self.joined &= character.is_whitespace() || "\\+.&<>,()[]".contains(character);
        if self.between.len() >= MAX_BETWEEN {
            self.between.clear();
        }
        self.between.push(character);
        if self.joined && self.between.trim_start().starts_with("..") {
            return Err("the string is cut off (\"...\"): print all of it; strace needs -s 65535".into());
        }
        Ok(())
    }

    /// An apostrophe within a word opens nothing.
    fn may_open(&self, quote: char) -> bool {
        let word = self.between.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        if self.between.ends_with('\\') {
            return false; // an escaped quote
        }
        quote == '"' || word.is_empty() || is_prefix(word)
    }

    fn open(&mut self, quote: Option<char>) {
        let prefix = self.between.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        let is_bytes = quote.is_some() && prefix.contains(['b', 'B']) && is_prefix(prefix);
        let side = direction::of(&self.between);
        if !self.joined {
            self.side = side.or(self.side);
        }
        let separate = !self.joined || self.between.contains(',');
        self.literal =
            Some(Literal { quote, counts: is_bytes || self.joined, held: Vec::new(), begins: separate, length: 0 });
    }

    /// What gdb writes after a literal: `<repeats 20 times>` and `<incomplete sequence \365>`.
    fn after_literal(&mut self, out: &mut Out) -> Result<(), String> {
        let Some((_, note)) = self.between.rsplit_once('<') else { return Ok(()) };
        if let Some(count) = note.strip_prefix("repeats ").and_then(|rest| rest.strip_suffix(" times")) {
            let count = count.parse::<u64>().map_err(|_| "an unknown number of repeats")?;
            let length = count.saturating_sub(1).saturating_mul(self.last.len() as u64);
            out.repeat(self.side, false, &self.last, length)?;
        } else if let Some(rest) = note.strip_prefix("incomplete sequence ") {
            let mut bytes = Vec::new();
            for digits in rest.split('\\').skip(1) {
                bytes.push(u8::from_str_radix(digits, 8).map_err(|_| "an unknown escape of gdb")?);
            }
            out.push(self.side, false, &bytes);
        } else {
            return Ok(());
        }
        self.between.clear();
        self.joined = true;
        Ok(())
    }

    fn byte(&mut self, bytes: &[u8], escaped: bool, out: &mut Out) -> Result<(), String> {
        let side = self.side;
        let Some(literal) = &mut self.literal else { return Ok(()) };
        literal.counts |= escaped;
        literal.held.extend_from_slice(bytes);
        literal.length += bytes.len();
        if literal.counts {
            self.last.clear();
            if literal.length <= 4 {
                self.last.extend_from_slice(&literal.held);
            }
            if literal.length > 4 {
                out.push(side, std::mem::take(&mut literal.begins), &literal.held);
                literal.held.clear();
            }
        } else if literal.held.len() > MAX_HELD {
            return Err("a string without escapes is too long to be read with certainty".into());
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Out) {
        let Some(literal) = self.literal.take() else { return };
        if literal.counts {
            out.push(self.side, literal.begins, &literal.held);
            self.joined = true;
            self.alone = None;
        } else {
            let word = self.between.trim_start();
            self.alone = (word.is_empty()).then_some(literal.held);
            self.joined = false;
        }
        self.between.clear();
    }

    /// Reads an escape. Returns the length of its text, or `None` if more is needed.
    fn escape(&mut self, after: &str, complete: bool, out: &mut Out) -> Result<Option<usize>, String> {
        let (escape, used) = match escapes::read(after, self.style.decimal, complete) {
            Read::Found(escape, used) => (escape, used),
            Read::Partial => return Ok(None),
            Read::Unknown if self.literal.as_ref().is_some_and(|literal| literal.counts) => {
                return Err(format!("an unknown escape: \\{}", after.chars().take(6).collect::<String>()));
            }
            Read::Unknown => return Ok(Some(0)),
        };
        match escape {
            Escape::Nothing => {}
            Escape::Byte(byte) => self.byte(&[byte], is_byte_escape(after), out)?,
            Escape::Character(value) if self.style.units => {
                let byte = u8::try_from(value).map_err(|_| "a character above U+00FF is not a byte")?;
                self.byte(&[byte], true, out)?;
            }
            Escape::Character(value) => {
                let character = char::from_u32(value).ok_or("half a character of UTF-16 is no byte")?;
                self.byte(character.encode_utf8(&mut [0; 4]).as_bytes(), false, out)?;
            }
        }
        Ok(Some(used))
    }

    fn inside(&mut self, character: char, out: &mut Out) -> Result<(), String> {
        if self.literal.as_ref().is_some_and(|literal| literal.quote == Some(character)) {
            self.close(out);
            return Ok(());
        }
        if !character.is_ascii() && self.style.units {
            return Err("a string of characters, not bytes: print the bytes before they are decoded".into());
        }
        self.byte(character.encode_utf8(&mut [0; 4]).as_bytes(), false, out)
    }

    fn line_ends(&mut self, continues: bool, out: &mut Out) -> Result<(), String> {
        if self.style.quoted {
            if let Some(literal) = &self.literal
                && !continues
            {
                if literal.counts && literal.length > 0 {
                    return Err("a line end breaks a string: join its lines".into());
                }
                self.literal = None;
                self.joined = false;
            }
            if let Some(bytes) = self.alone.take() {
                out.push(self.side, true, &bytes);
                self.joined = true;
            }
        } else {
            self.close(out);
            self.joined = false;
        }
        self.between.clear();
        Ok(())
    }

    /// Begins the text of a line without quotes: after its label.
    fn begin_bare(&mut self, text: &str) -> usize {
        let Some(escape) = text.find('\\') else { return text.len() };
        let label = &text[..escape];
        let end = label.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let before = label[..end].trim_end();
        let starts = if before.is_empty() || before.ends_with([':', '=', '>', ']', ')', '|', '<']) { end } else { 0 };
        self.between = text[..starts].to_owned();
        self.open(None);
        starts
    }
}

/// Prefixes of literals: `b'…'` of Python and Rust, `L"…"` of C and others.
fn is_prefix(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "b" | "rb" | "br" | "u" | "l" | "u8" | "c" | "f" | "r")
}

fn closing(quote: char) -> char {
    match quote {
        '\u{201C}' => '\u{201D}',
        '\u{2018}' => '\u{2019}',
        other => other,
    }
}

/// True for the escapes of bytes; those of line ends and quotes are in any text.
fn is_byte_escape(after: &str) -> bool {
    after.starts_with(|c: char| c == 'x' || c == 'o' || c.is_ascii_digit())
}

impl Decoder for Literals {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        let begun = std::mem::take(&mut self.pending);
        let text = format!("{begun}{}", line.text);
        let mut at = if line.begins && !self.style.quoted { self.begin_bare(&text) } else { 0 };
        let mut continues = false;
        while let Some(character) = text[at..].chars().next() {
            let next = at + character.len_utf8();
            if character == '\\' && self.literal.is_some() {
                let after = &text[next..];
                let Some(used) = self.escape(after, line.ends, out)? else {
                    self.pending = text[at..].to_owned();
                    return Ok(());
                };
                continues = after.is_empty();
                at = next + used;
                continue;
            }
            if self.literal.is_some() {
                self.inside(character, out)?
            } else {
                self.outside(character, out)?
            }
            at = next;
        }
        if line.ends { self.line_ends(continues, out) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut Out) -> Result<(), String> {
        match self.literal {
            Some(Literal { counts: true, .. }) => Err("the string is not closed".into()),
            _ => self.line_ends(false, out),
        }
    }
}
