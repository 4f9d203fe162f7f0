//! What becomes of the bytes of one direction: bytes in, steps out, no I/O and no clock.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::chance::Chance;
use super::channel::{Changing, Channel};

/// The sizes of pieces, in bytes, such as `1` or `10..99`; at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces(RangeInclusive<u64>);

/// Something that is done once, such as `100=drop` or `60..200=flip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// One of these offsets, in bytes from the first that the side sends.
    pub place: RangeInclusive<u64>,
    /// What is done there.
    pub action: Action,
}

/// What is done at one place of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Inverts this bit of the byte, 0 to 7 from the lowest, or a random one.
    Flip(Option<u8>),
    /// Leaves the byte out.
    Drop,
    /// Inserts these bytes before it.
    Insert(Vec<u8>),
    /// Passes nothing on for this time.
    Stall(Duration),
    /// Ends the direction, and leaves the other one open.
    HalfClose,
    /// Ends both directions with a TCP reset.
    Reset,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write(Vec<u8>),
    Wait(Duration),
    HalfClose,
    Reset,
    /// That a spot has come, and what is done there.
    Tell(u64, String),
}

/// What is done to the bytes of one direction; nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// The sizes of the pieces that are passed on.
    pub pieces: Option<Pieces>,
    /// How long each piece is held.
    pub delay: Option<RangeInclusive<Duration>>,
    /// The channels that the bytes pass, in this order, after the spots.
    pub channel: Vec<Channel>,
    /// What is done once.
    pub spots: Vec<Spot>,
}

/// One direction of one connection.
#[derive(Debug)]
pub(super) struct Course {
    pieces: Option<Pieces>,
    delay: Option<RangeInclusive<Duration>>,
    changing: Vec<Changing>,
    /// What is yet to be done, and where; the last comes first.
    spots: Vec<(u64, Action)>,
    chance: Chance,
    /// How many bytes have come.
    offset: u64,
}

impl Course {
    pub(super) fn new(treatment: &Treatment, mut chance: Chance) -> Course {
        let place = |spot: &Spot, chance: &mut Chance| (chance.within(&spot.place), spot.action.clone());
        let mut spots: Vec<_> = treatment.spots.iter().map(|spot| place(spot, &mut chance)).collect();
        spots.sort_by_key(|(offset, _)| *offset);
        spots.reverse();
        Course {
            pieces: treatment.pieces.clone(),
            delay: treatment.delay.clone(),
            changing: treatment.channel.iter().copied().map(Changing::new).collect(),
            spots,
            chance,
            offset: 0,
        }
    }

    /// What is to be done with these bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            let until = self.spots.last().map_or(u64::MAX, |(offset, _)| *offset);
            let before = usize::try_from(until - self.offset).unwrap_or(usize::MAX).min(bytes.len());
            let (plain, rest) = bytes.split_at(before);
            self.write(plain.to_vec(), &mut steps);
            self.offset += before as u64;
            bytes = rest;
            let Some(&byte) = bytes.first() else { break };
            let Some((_, mut action)) = self.spots.pop() else { continue };
            if let Action::Flip(bit @ None) = &mut action {
                *bit = u8::try_from(self.chance.within(&(0..=7))).ok();
            }
            steps.push(Step::Tell(self.offset, action.to_string()));
            match action {
                Action::Flip(bit) => {
                    let bit = bit.unwrap_or_default();
                    self.write(vec![byte ^ (1 << bit)], &mut steps);
                    (bytes, self.offset) = (&bytes[1..], self.offset + 1);
                }
                Action::Drop => (bytes, self.offset) = (&bytes[1..], self.offset + 1),
                Action::Insert(more) => self.write(more, &mut steps),
                Action::Stall(time) => steps.push(Step::Wait(time)),
                Action::HalfClose => {
                    steps.push(Step::HalfClose);
                    break;
                }
                Action::Reset => {
                    steps.push(Step::Reset);
                    break;
                }
            }
            // Of several for one place, those are too late for which the byte is gone.
            let offset = self.offset;
            self.spots.retain(|(at, _)| *at >= offset);
        }
        steps
    }

    /// The direction has ended: what is still to be written.
    pub(super) fn end(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for at in 0..self.changing.len() {
            let held = self.changing[at].end();
            let held = self.changing[at + 1..].iter_mut().fold(held, |bytes, changing| changing.pass(&bytes));
            self.cut(&held, &mut steps);
        }
        steps.push(Step::HalfClose);
        steps
    }

    fn write(&mut self, bytes: Vec<u8>, steps: &mut Vec<Step>) {
        let bytes = self.changing.iter_mut().fold(bytes, |bytes, changing| changing.pass(&bytes));
        self.cut(&bytes, steps);
    }

    fn cut(&mut self, mut bytes: &[u8], steps: &mut Vec<Step>) {
        while !bytes.is_empty() {
            let size = self.pieces.as_ref().map_or(u64::MAX, |pieces| self.chance.within(&pieces.0));
            let size = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(size);
            if let Some(delay) = &self.delay {
                let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                let nanos = self.chance.within(&(nanos(*delay.start())..=nanos(*delay.end())));
                steps.push(Step::Wait(Duration::from_nanos(nanos)));
            }
            match steps.last_mut() {
                // Without pieces and delays what was read in one piece is written in one.
                Some(Step::Write(before)) if self.pieces.is_none() => before.extend(piece),
                _ => steps.push(Step::Write(piece.to_vec())),
            }
            bytes = rest;
        }
    }
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

/// `N` or `N..M`, both included.
fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number of bytes"));
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let range = number(least)?..=number(most)?;
    if range.is_empty() { Err("the second number is the larger one".into()) } else { Ok(range) }
}

impl FromStr for Pieces {
    type Err = String;

    fn from_str(text: &str) -> Result<Pieces, String> {
        let range = range(text)?;
        if *range.start() == 0 { Err("a piece has at least one byte".into()) } else { Ok(Pieces(range)) }
    }
}

impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Spot, String> {
        let (place, what) = text.split_once('=').ok_or("it is WHERE=WHAT, such as 100=drop")?;
        Ok(Spot { place: range(place)?, action: what.parse()? })
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Action, String> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("flip", None) => Ok(Action::Flip(None)),
            ("flip", Some(bit)) => {
                let bit = bit.parse().ok().filter(|bit| *bit < 8).ok_or("a bit is 0 to 7")?;
                Ok(Action::Flip(Some(bit)))
            }
            ("drop", None) => Ok(Action::Drop),
            ("insert", Some(hex)) => {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
                bytes.map(Action::Insert).map_err(|_| format!("{hex:?} is no hex"))
            }
            ("stall", Some(time)) => {
                humantime::parse_duration(time).map(Action::Stall).map_err(|error| error.to_string())
            }
            ("half-close", None) => Ok(Action::HalfClose),
            ("reset", None) => Ok(Action::Reset),
            _ => Err(format!("{text:?}: it is flip[:BIT], drop, insert:HEX, stall:TIME, half-close or reset")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn course(pieces: Option<RangeInclusive<u64>>, channel: &[Channel], spots: &[(u64, Action)]) -> Course {
        let spot = |(at, action): &(u64, Action)| Spot { place: *at..=*at, action: action.clone() };
        let treatment = Treatment {
            pieces: pieces.map(Pieces),
            delay: None,
            channel: channel.to_vec(),
            spots: spots.iter().map(spot).collect(),
        };
        Course::new(&treatment, Chance::new(7))
    }

    fn write(bytes: &[u8]) -> Step {
        Step::Write(bytes.to_vec())
    }

    fn tell(offset: u64, what: &str) -> Step {
        Step::Tell(offset, what.into())
    }

    fn written(steps: Vec<Step>) -> Vec<u8> {
        steps.into_iter().flat_map(|step| if let Step::Write(bytes) = step { bytes } else { Vec::new() }).collect()
    }

    #[test]
    fn spots_are_read() {
        let spot = |text: &str| text.parse::<Spot>();
        assert_eq!(spot("7=drop"), Ok(Spot { place: 7..=7, action: Action::Drop }));
        assert_eq!(spot("0..99=flip:7"), Ok(Spot { place: 0..=99, action: Action::Flip(Some(7)) }));
        assert_eq!(spot("1=insert:0aFF"), Ok(Spot { place: 1..=1, action: Action::Insert(vec![10, 255]) }));
        let stall = Action::Stall(Duration::from_millis(1500));
        assert_eq!(spot("1=stall:1s 500ms"), Ok(Spot { place: 1..=1, action: stall }));
        for wrong in ["", "7", "=drop", "7=", "7=drop:1", "9..7=drop", "7=flip:8", "7=insert:f", "7=stall", "x=reset"] {
            assert!(spot(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!("1..3".parse::<Pieces>().unwrap().0, 1..=3);
        assert!("0".parse::<Pieces>().is_err() && "3..1".parse::<Pieces>().is_err());
    }

    #[test]
    fn what_is_read_in_one_piece_is_written_in_one() {
        assert_eq!(course(None, &[], &[]).pass(b"abc"), [write(b"abc")]);
    }

    #[test]
    fn every_byte_alone() {
        assert_eq!(course(Some(1..=1), &[], &[]).pass(b"abc"), [write(b"a"), write(b"b"), write(b"c")]);
    }

    #[test]
    fn offsets_count_over_reads() {
        let spots = [(1, Action::Drop), (3, Action::Insert(b"--".to_vec())), (5, Action::Flip(Some(5)))];
        let mut course = course(None, &[], &spots);
        assert_eq!(course.pass(b"abc"), [write(b"a"), tell(1, "drop"), write(b"c")]);
        let steps = course.pass(b"def");
        assert!(steps.contains(&tell(3, "insert:2d2d")) && steps.contains(&tell(5, "flip:5")), "{steps:?}");
        assert_eq!(written(steps), b"--deF");
    }

    #[test]
    fn what_stops_a_direction_stops_it_there() {
        let stall = Action::Stall(Duration::from_secs(1));
        let mut steps = course(None, &[], &[(1, stall), (2, Action::HalfClose)]).pass(b"abc");
        steps.retain(|step| !matches!(step, Step::Tell(..)));
        assert_eq!(steps, [write(b"a"), Step::Wait(Duration::from_secs(1)), write(b"b"), Step::HalfClose]);
        assert_eq!(course(None, &[], &[(0, Action::Reset)]).pass(b"abc"), [tell(0, "reset"), Step::Reset]);
    }

    #[test]
    fn all_that_is_to_be_done_at_one_place_is_done() {
        let spots = [
            (1, Action::Insert(b"-".to_vec())),
            (1, Action::Stall(Duration::ZERO)),
            (1, Action::Insert(b"+".to_vec())),
        ];
        let mut found = written(course(None, &[], &spots).pass(b"ab"));
        found.sort_unstable();
        assert_eq!(found, b"+-ab");
    }

    #[test]
    fn a_channel_comes_behind_the_spots_and_ends_with_the_stream() {
        let mut course = course(None, &[Channel::CrlfToLf, Channel::CrToLf], &[(0, Action::Insert(b"\r".to_vec()))]);
        assert_eq!(written(course.pass(b"\nab\r")), b"\nab");
        assert_eq!(course.end(), [write(b"\n"), Step::HalfClose]);
    }

    #[test]
    fn the_same_seed_makes_the_same_pieces() {
        let bytes = [7; 500];
        let cut = |seed| {
            let treatment = Treatment { pieces: Some(Pieces(1..=9)), ..Treatment::default() };
            Course::new(&treatment, Chance::new(seed)).pass(&bytes)
        };
        assert_eq!(cut(1), cut(1));
        assert_ne!(cut(1), cut(2));
        let lengths = cut(1).into_iter().map(|step| if let Step::Write(piece) = step { piece.len() } else { 0 });
        let lengths: Vec<_> = lengths.collect();
        assert!((1..=9).all(|length| lengths.contains(&length)) && lengths.iter().sum::<usize>() == 500, "{lengths:?}");
    }
}
