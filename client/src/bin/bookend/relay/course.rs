//! What becomes of the bytes of one direction: bytes in, steps out, no I/O and no clock.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::chance::Chance;
use super::channel::{Changing, Channel};

/// The sizes of pieces, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pieces(pub(super) RangeInclusive<u64>);

/// Something that is done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// One of these offsets, in bytes.
    pub(super) place: RangeInclusive<u64>,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Turn this bit, or any.
    Flip(Option<u8>),
    Drop,
    Insert(Vec<u8>),
    Stall(Duration),
    HalfClose,
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

/// How a direction is to be treated.
#[derive(Clone, Debug, Default)]
pub(super) struct Treatment {
    pub(super) pieces: Option<Pieces>,
    pub(super) delay: Option<RangeInclusive<Duration>>,
    pub(super) channel: Vec<Channel>,
    pub(super) spots: Vec<Spot>,
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

#[cfg(test)]
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
