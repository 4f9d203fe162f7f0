//! `Serialize` and `Deserialize` for plain values (feature `serde`): an [`Encoding`] and a [`Line`] are strings. The
//! others are derived where they are defined.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encoding::Encoding;
use crate::line::Line;

impl Serialize for Encoding {
    /// Its [`name`](Encoding::name).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Encoding, D::Error> {
        deserializer.deserialize_str(Parsed(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Line, D::Error> {
        deserializer.deserialize_str(Parsed(PhantomData))
    }
}

/// A value that is made of a string.
trait Parse: Sized {
    const EXPECTED: &'static str;

    fn parse(text: &str) -> Option<Self>;
}

impl Parse for Encoding {
    const EXPECTED: &'static str = "binary, us-ascii, utf-8, utf-16be or utf-16le";

    fn parse(text: &str) -> Option<Encoding> {
        text.parse().ok()
    }
}

impl Parse for Line {
    const EXPECTED: &'static str = "a plain line of 1 to 64 bytes";

    fn parse(text: &str) -> Option<Line> {
        Line::new(text)
    }
}

struct Parsed<T>(PhantomData<T>);

impl<T: Parse> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}
