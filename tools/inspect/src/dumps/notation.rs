//! How a row of a dump writes its values: the table of notations.

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notation {
    /// What the options of od and hexdump call it.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// The bytes of a value; 0 if its digits determine it.
    pub(super) width: usize,
    /// The least significant byte of a value comes first in the stream.
    pub(super) little: bool,
    /// The last value of a row may have fewer digits.
    pub(super) short: bool,
}

/// The shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Exactly this many binary digits.
    Binary(usize),
    /// Hexadecimal digits, an even number of them; exactly `Some` number, or one less than full at the end of a row.
    Hex(Option<usize>),
    /// `0x` and hexadecimal digits.
    Prefixed(usize),
    /// Exactly this many octal digits.
    Octal(usize),
    /// `0` and octal digits, as gdb writes them.
    ShortOctal,
    /// Decimal digits with a sign; exactly `Some` number.
    Decimal(Option<usize>),
    /// A decimal value and a character in quotes, as gdb writes them.
    Quoted,
    /// Columns of four characters: a character, an escape or octal digits.
    Characters,
}

const fn of(name: &'static str, shape: Shape, width: usize, little: bool) -> Notation {
    Notation { name, shape, width, little, short: false }
}

/// Two digits for each byte, as most programs print them.
pub(super) const BYTES: Notation = of("hexadecimal bytes", Shape::Hex(Some(2)), 1, false);
/// Any number of bytes in a group.
pub(super) const GROUPS: Notation = of("hexadecimal groups", Shape::Hex(None), 0, false);

/// The notations, in the order in which they are tried. The first that fits is read.
pub(super) const TABLE: &[Notation] = &[
    of("binary", Shape::Binary(8), 1, false),
    BYTES,
    GROUPS,
    of("hexadecimal 16-bit words", Shape::Hex(Some(4)), 2, true),
    of("hexadecimal 32-bit words", Shape::Hex(Some(8)), 4, true),
    of("hexadecimal 64-bit words", Shape::Hex(Some(16)), 8, true),
    of("bytes", Shape::Prefixed(2), 1, true),
    of("16-bit words", Shape::Prefixed(4), 2, true),
    of("32-bit words", Shape::Prefixed(8), 4, true),
    of("64-bit words", Shape::Prefixed(16), 8, true),
    of("octal bytes", Shape::Octal(3), 1, false),
    of("octal 16-bit words", Shape::Octal(6), 2, true),
    of("octal 32-bit words", Shape::Octal(11), 4, true),
    of("octal 64-bit words", Shape::Octal(22), 8, true),
    of("short octal bytes", Shape::ShortOctal, 1, false),
    of("decimal 16-bit words", Shape::Decimal(Some(5)), 2, true),
    of("decimal bytes", Shape::Decimal(None), 1, true),
    of("decimal 16-bit words", Shape::Decimal(None), 2, true),
    of("decimal 32-bit words", Shape::Decimal(None), 4, true),
    of("decimal 64-bit words", Shape::Decimal(None), 8, true),
    of("characters and numbers", Shape::Quoted, 1, false),
    of("characters", Shape::Characters, 1, false),
];

impl Notation {
    /// True if the order of the bytes of a value matters and the notation does not show it.
    pub(super) fn is_words(self) -> bool {
        self.width > 1
    }

    /// Appends the bytes of a value. False if `token` is not written like this.
    pub(super) fn read(self, token: &str, bytes: &mut Vec<u8>) -> bool {
        let digits = |radix| token.bytes().all(|byte| char::from(byte).is_digit(radix));
        let value = match self.shape {
            Shape::Binary(count) if token.len() == count && digits(2) => u64::from_str_radix(token, 2).ok(),
            Shape::Hex(count) if digits(16) => return self.hex(count, token, bytes),
            Shape::Prefixed(count) => token
                .strip_prefix("0x")
                .filter(|digits| digits.len() == count)
                .and_then(|digits| u64::from_str_radix(digits, 16).ok()),
            Shape::Octal(count) if token.len() == count && digits(8) => u64::from_str_radix(token, 8).ok(),
            Shape::ShortOctal if token.starts_with('0') && digits(8) => u64::from_str_radix(token, 8).ok(),
            Shape::Decimal(Some(count)) if token.len() == count && digits(10) => token.parse().ok(),
            Shape::Decimal(None) | Shape::Quoted => self.decimal(token),
            _ => None,
        };
        let Some(value) = value else { return false };
        let all = value.to_le_bytes();
        if all[self.width..].iter().any(|&byte| byte != 0) {
            return false;
        }
        bytes.extend_from_slice(&all[..self.width]);
        true
    }

    fn hex(self, count: Option<usize>, token: &str, bytes: &mut Vec<u8>) -> bool {
        let fits = match count {
            Some(count) => token.len() == count || (self.short && token.len() < count),
            None => token.len() <= MAX_GROUP,
        };
        if !fits || token.is_empty() || !token.len().is_multiple_of(2) {
            return false;
        }
        let begun = bytes.len();
        let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let (pairs, _) = token.as_bytes().as_chunks::<2>();
        bytes.extend(pairs.iter().filter_map(|pair| byte(pair)));
        if self.little {
            bytes[begun..].reverse();
        }
        true
    }

    fn decimal(self, token: &str) -> Option<u64> {
        let negative = token.starts_with('-');
        let digits = token.strip_prefix('-').unwrap_or(token);
        if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
            return None; // zero-padded numbers are octal, or words
        }
        let value: i128 = token.parse().ok()?;
        let bits = 8 * self.width;
        let fits = if negative { value >= -(1 << (bits - 1)) } else { value < 1 << bits };
        let mask = u64::MAX >> (64 - bits);
        fits.then(|| u64::try_from(value & i128::from(mask)).unwrap_or(0))
    }
}

/// The most digits of a group of hexadecimal bytes: a row of 256.
const MAX_GROUP: usize = 512;

/// The byte that four columns of `od -c` or `hexdump -c` stand for. `None` if they are no byte.
pub(super) fn character(cell: &str) -> Option<u8> {
    let token = cell.trim_start();
    match token {
        "" if cell.len() == 4 => Some(b' '),
        r"\0" => Some(0),
        r"\a" => Some(7),
        r"\b" => Some(8),
        r"\t" => Some(9),
        r"\n" => Some(10),
        r"\v" => Some(11),
        r"\f" => Some(12),
        r"\r" => Some(13),
        _ if token.len() == 3 && token.bytes().all(|byte| matches!(byte, b'0'..=b'7')) => {
            u8::from_str_radix(token, 8).ok()
        }
        _ => match token.as_bytes() {
            [byte @ b'!'..=b'~'] => Some(*byte),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, token: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut of_name = TABLE.iter().filter(|notation| notation.name == name);
        Notation { short: true, ..*of_name.next_back().expect(name) }.read(token, &mut bytes).then_some(bytes)
    }

    #[test]
    fn values_are_read_in_their_notation() {
        for (name, token, bytes) in [
            ("binary", "11110101", &[0xF5][..]),
            ("hexadecimal groups", "f5f802", &[0xF5, 0xF8, 0x02]),
            ("hexadecimal 16-bit words", "f8f5", &[0xF5, 0xF8]),
            ("hexadecimal 32-bit words", "f8f5", &[0xF5, 0xF8]),
            ("32-bit words", "0x0202f8f5", &[0xF5, 0xF8, 2, 2]),
            ("octal bytes", "365", &[0xF5]),
            ("octal 16-bit words", "174365", &[0xF5, 0xF8]),
            ("short octal bytes", "0", &[0]),
            ("decimal bytes", "-11", &[0xF5]),
            ("decimal bytes", "245", &[0xF5]),
            ("decimal 32-bit words", "-118098440", &[0xF8, 0xF5, 0xF5, 0xF8]),
            ("decimal 64-bit words", "-1", &[0xFF; 8]),
        ] {
            assert_eq!(read(name, token).as_deref(), Some(bytes), "{name}: {token}");
        }
        for (name, token) in [
            ("binary", "11110102"),
            ("hexadecimal bytes", "f"),
            ("octal bytes", "777"),
            ("decimal bytes", "002"),
            ("decimal bytes", "256"),
            ("decimal bytes", "-129"),
        ] {
            assert_eq!(read(name, token), None, "{name}: {token}");
        }
    }

    #[test]
    fn cells_of_characters_are_read() {
        let cells = [" 365", "   B", r"  \0", r"  \n", "    ", " 030"];
        assert_eq!(cells.map(character), [Some(0xF5), Some(b'B'), Some(0), Some(10), Some(b' '), Some(24)]);
        assert_eq!([" nul", "  ", " 999"].map(character), [None; 3]);
    }
}
