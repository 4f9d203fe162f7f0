//! Decodes lists of numbers: arrays of C, Rust, Go, Java, Python and JavaScript, buffers of Node and binaries of Erlang.

use super::direction;
use super::escapes::{self, Escape, Read};
use super::lines::Line;
use super::piece::{Decoder, Out};
use crate::side::Side;

/// The base of numbers that have no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Decimal,
    Hexadecimal,
    Octal,
    Binary,
}

/// How lists are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) base: Base,
    /// Only what is in brackets counts. If not, a line counts if it has nothing but numbers.
    pub(super) bracketed: bool,
}

/// The most characters held of what precedes a list.
const MAX_BEFORE: usize = 256;
/// The longest element, in characters.
const MAX_ELEMENT: usize = 64 << 10;

/// Decodes lists.
pub(super) struct Lists {
    style: Style,
    before: String,
    /// The depth of brackets.
    depth: usize,
    token: String,
    /// The quote of the string that is being read.
    quote: Option<char>,
    comment: Comment,
    /// Elements of a list that is not certain to be one.
    held: Vec<u8>,
    elements: usize,
    /// A list of one element, which counts unless a name follows: then it is an index or a size.
    single: Option<u8>,
    /// What gdb writes after an element, such as `<repeats 20 times>`.
    note: Option<String>,
    last: u8,
    side: Option<Side>,
    begins: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comment {
    None,
    Line,
    Block,
}

impl Lists {
    pub(super) fn new(style: Style) -> Lists {
        Lists {
            style,
            before: String::new(),
            depth: 0,
            token: String::new(),
            quote: None,
            comment: Comment::None,
            held: Vec::new(),
            elements: 0,
            single: None,
            note: None,
            last: 0,
            side: None,
            begins: true,
        }
    }

    fn outside(&mut self, character: char, out: &mut Out) {
        if let Some(byte) = self.single
            && !character.is_whitespace()
        {
            self.single = None;
            if !character.is_alphanumeric() && !"={(_:[".contains(character) {
                out.push(self.side, true, &[byte]);
            }
        }
        let is_escape = ["\\x", "\\u", "\\o"].iter().any(|escape| self.before.ends_with(escape));
        let opens = match character {
            '{' if is_escape => false,
            '{' | '[' => !(character == '[' && self.before.ends_with(|c: char| c.is_alphanumeric() || c == '_')),
            '<' => self.before.ends_with('<'),
            ' ' => self.before.ends_with("<Buffer") || self.before.ends_with("<SlowBuffer"),
            _ => false,
        };
        if opens {
            self.side = direction::of(&self.before).or(self.side);
            (self.depth, self.elements, self.begins) = (1, 0, true);
            self.held.clear();
            self.token.clear();
            self.before.clear();
            return;
        }
        if self.before.len() > MAX_BEFORE {
            self.before.clear();
        }
        self.before.push(character);
    }

    fn inside(&mut self, character: char, out: &mut Out) -> Result<(), String> {
        match character {
            ',' | ';' | ' ' | '\t' | '\n' => self.element(out)?,
            '"' | '\'' => {
                // b'h' is a byte of Rust and Python.
                if self.token == "b" {
                    self.token.clear();
                }
                self.element(out)?;
                self.quote = (self.depth > 0).then_some(character);
            }
            '[' | '{' => self.depth += 1,
            '<' => {
                self.element(out)?;
                self.note = (self.elements > 0).then(String::new);
            }
            ']' | '}' => {
                self.element(out)?;
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.close(out);
                }
            }
            '>' => {
                self.element(out)?;
                if self.depth > 0 {
                    self.depth = 0;
                    self.close(out);
                }
            }
            _ => self.token.push(character),
        }
        if self.token.ends_with("//") || self.token.ends_with("/*") {
            self.comment = if self.token.ends_with("//") { Comment::Line } else { Comment::Block };
            self.token.truncate(self.token.len() - 2);
        }
        if self.token.len() > MAX_ELEMENT {
            return Err("an element of the list is too long".into());
        }
        Ok(())
    }

    /// Takes the element whose characters were read.
    fn element(&mut self, out: &mut Out) -> Result<(), String> {
        let token = std::mem::take(&mut self.token);
        let number = without_cast(&token);
        if number.is_empty() || self.depth == 0 {
            return Ok(());
        }
        match value(number, self.style.base) {
            Value::Byte(byte) => self.take(&[byte], out),
            Value::Unclear => {
                return Err(format!("{number} is octal in C and decimal elsewhere: print hexadecimal numbers"));
            }
            Value::Other if self.elements < 4 => self.drop_list(),
            Value::Other if number.contains("..") || number.contains("more") || number == "…" => {
                return Err("the list is cut off: print all of it, in Node with buffer.toString('hex')".into());
            }
            Value::Other => return Err(format!("not a byte: {}", super::rows::shortened(number))),
        }
        Ok(())
    }

    /// It was no list of bytes.
    fn drop_list(&mut self) {
        self.depth = 0;
        self.held.clear();
        self.before.clear();
    }

    fn take(&mut self, bytes: &[u8], out: &mut Out) {
        self.elements += 1;
        self.last = bytes.last().copied().unwrap_or(self.last);
        self.held.extend_from_slice(bytes);
        if self.elements >= 4 {
            out.push(self.side, std::mem::take(&mut self.begins), &self.held);
            self.held.clear();
        }
    }

    fn repeat(&mut self, note: &str, out: &mut Out) -> Result<(), String> {
        let count = note.strip_prefix("repeats ").and_then(|rest| rest.strip_suffix(" times")?.parse::<u64>().ok());
        let Some(count) = count else { return Err(format!("an unknown note in the list: <{note}>")) };
        // What is held precedes the repetition.
        out.push(self.side, std::mem::take(&mut self.begins), &std::mem::take(&mut self.held));
        self.elements += 4;
        out.repeat(self.side, false, &[self.last], count.saturating_sub(1))
    }

    fn close(&mut self, out: &mut Out) {
        match self.held[..] {
            [byte] if self.elements == 1 => self.single = Some(byte),
            _ => out.push(self.side, self.begins, &self.held),
        }
        self.held.clear();
        self.before.clear();
    }

    /// The quote closes: a character of C, or a string of Erlang.
    fn close_quote(&mut self, out: &mut Out) -> Result<(), String> {
        self.quote = None;
        let text = std::mem::take(&mut self.token);
        if let Some(bytes) = unescaped(&text) {
            self.take(&bytes, out);
            return Ok(());
        }
        if self.elements >= 4 {
            return Err(format!("not bytes: {}", super::rows::shortened(&text)));
        }
        self.drop_list();
        Ok(())
    }

    fn character(&mut self, character: char, next: Option<char>, out: &mut Out) -> Result<bool, String> {
        match self.comment {
            Comment::Block if character == '*' && next == Some('/') => {
                self.comment = Comment::None;
                return Ok(true);
            }
            Comment::Block | Comment::Line => return Ok(false),
            Comment::None => {}
        }
        if let Some(note) = &mut self.note {
            if character == '>' {
                let note = self.note.take().unwrap_or_default();
                self.repeat(&note, out)?;
            } else if character == '<' || note.len() > 40 {
                self.note = None;
            } else {
                note.push(character);
            }
            return Ok(false);
        }
        if let Some(quote) = self.quote {
            let escaped = self.token.len() - self.token.trim_end_matches('\\').len();
            if character == quote && escaped.is_multiple_of(2) {
                self.close_quote(out)?;
            } else {
                self.token.push(character);
                if self.token.len() > MAX_ELEMENT {
                    return Err("a string of the list is too long".into());
                }
            }
            return Ok(false);
        }
        if self.depth > 0 {
            self.inside(character, out)?
        } else {
            self.outside(character, out)
        }
        Ok(false)
    }

    /// A line without brackets.
    fn bare(&mut self, text: &str, out: &mut Out) -> Result<(), String> {
        let mut bytes = Vec::new();
        if text.trim() == "*" {
            return Err(super::digits::OMITTED.into());
        }
        for token in text.split([' ', '\t', ',', ';']).filter(|token| !token.is_empty()) {
            match value(token, self.style.base) {
                Value::Byte(byte) => bytes.push(byte),
                _ if bytes.len() < 4 => return Ok(()), // other text
                _ => return Err(format!("not a byte: {}", super::rows::shortened(token))),
            }
        }
        out.push(None, std::mem::take(&mut self.begins), &bytes);
        Ok(())
    }
}

/// The number without a cast or a type, such as `(byte) 0xF5` and `245u8`.
fn without_cast(token: &str) -> &str {
    let number = token.trim_start_matches("(byte)").trim_start_matches("(char)").trim_start_matches("(unsigned");
    let number = number.trim_matches(['(', ')']);
    let number = if matches!(number, "byte" | "char" | "sbyte" | "uint8_t") { "" } else { number };
    number.strip_suffix("_u8").or_else(|| number.strip_suffix("u8")).unwrap_or(number)
}

enum Value {
    Byte(u8),
    /// Different languages read it differently.
    Unclear,
    Other,
}

fn value(number: &str, base_of_list: Base) -> Value {
    let radix = |digits: &str, radix| match u8::from_str_radix(digits, radix) {
        Ok(byte) if !digits.starts_with('+') => Value::Byte(byte),
        _ => Value::Other,
    };
    let lower = number.to_ascii_lowercase();
    for (prefix, base) in [("0x", 16), ("16#", 16), ("&h", 16), ("$", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = lower.strip_prefix(prefix)
            && base_of_list != Base::Hexadecimal
        {
            return radix(digits, base);
        }
    }
    match base_of_list {
        Base::Hexadecimal if number.len() <= 2 => radix(number, 16),
        Base::Hexadecimal => Value::Other,
        Base::Octal if number.len() == 3 => radix(number, 8),
        Base::Binary if number.len() == 8 => radix(number, 2),
        Base::Octal | Base::Binary => Value::Other,
        Base::Decimal if number.starts_with("00") || number.len() < 3 || !number.starts_with('0') => {
            let signed = number.parse::<i8>().ok().filter(|_| number.starts_with('-')).map(i8::cast_unsigned);
            signed.map_or_else(|| radix(number, 10), Value::Byte)
        }
        Base::Decimal if number.len() == 4 => radix(number, 8),
        Base::Decimal if number.bytes().all(|byte| byte.is_ascii_digit()) => Value::Unclear,
        Base::Decimal => Value::Other,
    }
}

/// The bytes of a string with escapes. `None` if it is no string of bytes.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let Read::Found(Escape::Byte(byte), used) = escapes::read(after, false, true) else { return None };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

impl Decoder for Lists {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        if !self.style.bracketed {
            return match line.whole() {
                Some(text) => self.bare(text, out),
                None => Err("a line of numbers is too long".into()),
            };
        }
        let mut characters = line.text.chars().peekable();
        while let Some(character) = characters.next() {
            if self.character(character, characters.peek().copied(), out)? {
                characters.next();
            }
        }
        if line.ends {
            if self.comment == Comment::Line {
                self.comment = Comment::None;
            }
            if self.quote.is_some() && self.elements < 4 {
                self.quote = None;
                self.drop_list();
            }
            self.character('\n', None, out)?;
            if self.depth == 0 {
                self.flush_single(out);
                self.before.clear();
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Out) -> Result<(), String> {
        self.flush_single(out);
        if self.depth > 0 && self.elements >= 4 {
            return Err("the list is not closed: the end is missing".into());
        }
        Ok(())
    }
}

impl Lists {
    fn flush_single(&mut self, out: &mut Out) {
        if let Some(byte) = self.single.take() {
            out.push(self.side, true, &[byte]);
        }
    }
}
