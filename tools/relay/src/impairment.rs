//! What is done to the bytes of one direction, as the caller states it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::channel::Channel;

/// The sizes of pieces in bytes, at least 1. Parsed from `1` or `10..99`, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces(pub(super) RangeInclusive<u64>);

/// An action that is done once, at an offset. Parsed from `100=drop` or `60..200=flip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The offset, or a range from which one is chosen at random. It counts the bytes that the side sends, from 0.
    pub offset: RangeInclusive<u64>,
    /// The action.
    pub action: Action,
}

/// What is done at one offset of a stream. [`Spot`] documents the textual form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Inverts this bit of the byte, 0 (the lowest) to 7, or a random one.
    Flip(Option<u8>),
    /// Drops the byte.
    Drop,
    /// Inserts these bytes before it.
    Insert(Vec<u8>),
    /// Forwards nothing for this time.
    Stall(Duration),
    /// Ends the direction; the other one stays open.
    HalfClose,
    /// Ends both directions with a TCP reset.
    Reset,
}

/// What is done to the bytes of one direction; nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Impairment {
    /// Forward the bytes in pieces of these sizes. `None` forwards what one read returns in one piece.
    pub pieces: Option<Pieces>,
    /// Hold each piece for a time from this range.
    pub delay: Option<RangeInclusive<Duration>>,
    /// The channels that the bytes pass after the spots, in this order.
    pub channels: Vec<Channel>,
    /// The actions that are done once, in any order.
    pub spots: Vec<Spot>,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Flip(None) => f.write_str("flip"),
            Action::Flip(Some(bit)) => write!(f, "flip:{bit}"),
            Action::Drop => f.write_str("drop"),
            Action::Insert(bytes) => write!(f, "insert:{}", HEXLOWER.encode(bytes)),
            Action::Stall(time) => write!(f, "stall:{}", humantime::format_duration(*time)),
            Action::HalfClose => f.write_str("half-close"),
            Action::Reset => f.write_str("reset"),
        }
    }
}

/// Parses `N` or `N..M`, both ends included.
fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a number of bytes"));
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let range = number(least)?..=number(most)?;
    if range.is_empty() { Err("the first number must not exceed the second".into()) } else { Ok(range) }
}

impl FromStr for Pieces {
    type Err = String;

    fn from_str(text: &str) -> Result<Pieces, String> {
        let range = range(text)?;
        if *range.start() == 0 { Err("a piece must have at least one byte".into()) } else { Ok(Pieces(range)) }
    }
}

impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Spot, String> {
        let (offset, action) = text.split_once('=').ok_or("expected WHERE=WHAT, such as 100=drop")?;
        Ok(Spot { offset: range(offset)?, action: action.parse()? })
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Action, String> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("flip", None) => Ok(Action::Flip(None)),
            ("flip", Some(bit)) => {
                let bit = bit.parse().ok().filter(|bit| *bit < 8).ok_or("the bit must be 0 to 7")?;
                Ok(Action::Flip(Some(bit)))
            }
            ("drop", None) => Ok(Action::Drop),
            ("insert", Some(hex)) => {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
                bytes.map(Action::Insert).map_err(|_| format!("{hex:?} is not an even number of hexadecimal digits"))
            }
            ("stall", Some(time)) => {
                humantime::parse_duration(time).map(Action::Stall).map_err(|error| error.to_string())
            }
            ("half-close", None) => Ok(Action::HalfClose),
            ("reset", None) => Ok(Action::Reset),
            _ => Err(format!("{text:?}: expected flip[:BIT], drop, insert:HEX, stall:TIME, half-close or reset")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn spots_are_parsed() {
        let spot = |text: &str| text.parse::<Spot>();
        assert_eq!(spot("7=drop"), Ok(Spot { offset: 7..=7, action: Action::Drop }));
        assert_eq!(spot("0..99=flip:7"), Ok(Spot { offset: 0..=99, action: Action::Flip(Some(7)) }));
        assert_eq!(spot("1=insert:0aFF"), Ok(Spot { offset: 1..=1, action: Action::Insert(vec![10, 255]) }));
        let stall = Action::Stall(Duration::from_millis(1500));
        assert_eq!(spot("1=stall:1s 500ms"), Ok(Spot { offset: 1..=1, action: stall }));
        for wrong in ["", "7", "=drop", "7=", "7=drop:1", "9..7=drop", "7=flip:8", "7=insert:f", "7=stall", "x=reset"] {
            assert!(spot(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_parsed() {
        assert_eq!("1..3".parse::<Pieces>().unwrap().0, 1..=3);
        assert!("0".parse::<Pieces>().is_err() && "3..1".parse::<Pieces>().is_err());
    }
}
