//! The text encodings and their numbers on the wire (SPEC 5).

use core::fmt;
use core::str::FromStr;

/// How a payload's text is encoded; the numbers are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Encoding {
    /// Not text.
    Binary = 0,
    /// US-ASCII, bytes 00 to 7F.
    Ascii = 1,
    /// UTF-8.
    Utf8 = 2,
    /// UTF-16, big-endian.
    Utf16Be = 3,
    /// UTF-16, little-endian.
    Utf16Le = 4,
}

impl Encoding {
    /// Every encoding, in the order of its number.
    pub const ALL: [Encoding; 5] =
        [Encoding::Binary, Encoding::Ascii, Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le];

    /// The encoding of a wire byte, `None` above 4.
    #[inline]
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Encoding> {
        match byte {
            0 => Some(Encoding::Binary),
            1 => Some(Encoding::Ascii),
            2 => Some(Encoding::Utf8),
            3 => Some(Encoding::Utf16Be),
            4 => Some(Encoding::Utf16Le),
            _ => None,
        }
    }

    /// Its name: `binary`, or IANA's name in small letters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Binary => "binary",
            Encoding::Ascii => "us-ascii",
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Utf16Le => "utf-16le",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a name that is not an encoding's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEncodingName;

impl fmt::Display for UnknownEncodingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an encoding is one of binary, ascii, utf-8, utf-16be, utf-16le")
    }
}

impl core::error::Error for UnknownEncodingName {}

impl FromStr for Encoding {
    type Err = UnknownEncodingName;

    fn from_str(name: &str) -> Result<Encoding, UnknownEncodingName> {
        if name.eq_ignore_ascii_case("ascii") {
            return Ok(Encoding::Ascii);
        }
        Encoding::ALL.into_iter().find(|encoding| encoding.name().eq_ignore_ascii_case(name)).ok_or(UnknownEncodingName)
    }
}

/// A set of encodings, as the `accepted` byte of HELLO holds it: always binary, US-ASCII and UTF-8 (R4.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encodings(u8);

impl Encodings {
    /// The encodings that every peer accepts: binary, US-ASCII and UTF-8.
    pub const CORE: Encodings = Encodings(0x07);
    /// All five.
    pub const ALL: Encodings = Encodings(0x1F);

    /// The set of an `accepted` byte, `None` if it lacks one of [`CORE`](Encodings::CORE); reserved bits are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Encodings> {
        if bits & Encodings::CORE.0 == Encodings::CORE.0 { Some(Encodings(bits & Encodings::ALL.0)) } else { None }
    }

    /// The `accepted` byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Is it in the set?
    #[inline]
    #[must_use]
    pub const fn contains(self, encoding: Encoding) -> bool {
        self.0 & (1 << encoding as u8) != 0
    }
}
