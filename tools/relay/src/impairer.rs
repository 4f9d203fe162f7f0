//! Applies an impairment to the bytes of one direction: bytes in, steps out, no I/O and no clock.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::chance::Chance;
use super::channel::Filter;
use super::impairment::{Action, Impairment, Pieces, Spot};

/// What the relay does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write(Vec<u8>),
    Wait(Duration),
    HalfClose,
    Reset,
    /// Report that this action is done at this offset.
    Report(u64, String),
}

/// The state of one direction of one connection.
#[derive(Debug)]
pub(super) struct Impairer {
    pieces: Option<Pieces>,
    delay: Option<RangeInclusive<Duration>>,
    filters: Vec<Filter>,
    /// The actions that are not done yet, by offset, the last one first.
    spots: Vec<(u64, Action)>,
    chance: Chance,
    /// The number of bytes taken.
    offset: u64,
}

impl Impairer {
    pub(super) fn new(impairment: &Impairment, mut chance: Chance) -> Impairer {
        let choose = |spot: &Spot, chance: &mut Chance| (chance.within(&spot.offset), spot.action.clone());
        let mut spots: Vec<_> = impairment.spots.iter().map(|spot| choose(spot, &mut chance)).collect();
        spots.sort_by_key(|(offset, _)| *offset);
        spots.reverse();
        Impairer {
            pieces: impairment.pieces.clone(),
            delay: impairment.delay.clone(),
            filters: impairment.channels.iter().copied().map(Filter::new).collect(),
            spots,
            chance,
            offset: 0,
        }
    }

    /// The steps for these bytes.
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
            steps.push(Step::Report(self.offset, action.to_string()));
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
            // Actions at an offset whose byte is gone come too late.
            let offset = self.offset;
            self.spots.retain(|(at, _)| *at >= offset);
        }
        steps
    }

    /// The direction has ended: the last steps.
    pub(super) fn end(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for at in 0..self.filters.len() {
            let held = self.filters[at].end();
            let held = self.filters[at + 1..].iter_mut().fold(held, |bytes, filter| filter.pass(&bytes));
            self.cut(&held, &mut steps);
        }
        steps.push(Step::HalfClose);
        steps
    }

    fn write(&mut self, bytes: Vec<u8>, steps: &mut Vec<Step>) {
        let bytes = self.filters.iter_mut().fold(bytes, |bytes, filter| filter.pass(&bytes));
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
                // Without pieces and delays, the bytes of one read are written in one piece.
                Some(Step::Write(before)) if self.pieces.is_none() => before.extend(piece),
                _ => steps.push(Step::Write(piece.to_vec())),
            }
            bytes = rest;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::channel::Channel;

    fn impairer(pieces: Option<RangeInclusive<u64>>, channels: &[Channel], spots: &[(u64, Action)]) -> Impairer {
        let spot = |(at, action): &(u64, Action)| Spot { offset: *at..=*at, action: action.clone() };
        let impairment = Impairment {
            pieces: pieces.map(Pieces),
            delay: None,
            channels: channels.to_vec(),
            spots: spots.iter().map(spot).collect(),
        };
        Impairer::new(&impairment, Chance::new(7))
    }

    fn write(bytes: &[u8]) -> Step {
        Step::Write(bytes.to_vec())
    }

    fn report(offset: u64, what: &str) -> Step {
        Step::Report(offset, what.into())
    }

    fn written(steps: Vec<Step>) -> Vec<u8> {
        steps.into_iter().flat_map(|step| if let Step::Write(bytes) = step { bytes } else { Vec::new() }).collect()
    }

    #[test]
    fn bytes_of_one_read_are_written_in_one_piece() {
        assert_eq!(impairer(None, &[], &[]).pass(b"abc"), [write(b"abc")]);
    }

    #[test]
    fn pieces_of_one_byte() {
        assert_eq!(impairer(Some(1..=1), &[], &[]).pass(b"abc"), [write(b"a"), write(b"b"), write(b"c")]);
    }

    #[test]
    fn offsets_count_over_reads() {
        let spots = [(1, Action::Drop), (3, Action::Insert(b"--".to_vec())), (5, Action::Flip(Some(5)))];
        let mut impairer = impairer(None, &[], &spots);
        assert_eq!(impairer.pass(b"abc"), [write(b"a"), report(1, "drop"), write(b"c")]);
        let steps = impairer.pass(b"def");
        assert!(steps.contains(&report(3, "insert:2d2d")) && steps.contains(&report(5, "flip:5")), "{steps:?}");
        assert_eq!(written(steps), b"--deF");
    }

    #[test]
    fn direction_stops_at_the_offset() {
        let stall = Action::Stall(Duration::from_secs(1));
        let mut steps = impairer(None, &[], &[(1, stall), (2, Action::HalfClose)]).pass(b"abc");
        steps.retain(|step| !matches!(step, Step::Report(..)));
        assert_eq!(steps, [write(b"a"), Step::Wait(Duration::from_secs(1)), write(b"b"), Step::HalfClose]);
        assert_eq!(impairer(None, &[], &[(0, Action::Reset)]).pass(b"abc"), [report(0, "reset"), Step::Reset]);
    }

    #[test]
    fn all_actions_at_one_offset_are_done() {
        let spots = [
            (1, Action::Insert(b"-".to_vec())),
            (1, Action::Stall(Duration::ZERO)),
            (1, Action::Insert(b"+".to_vec())),
        ];
        let mut found = written(impairer(None, &[], &spots).pass(b"ab"));
        found.sort_unstable();
        assert_eq!(found, b"+-ab");
    }

    #[test]
    fn channels_follow_the_spots_and_release_held_bytes_at_the_end() {
        let mut impairer =
            impairer(None, &[Channel::CrlfToLf, Channel::CrToLf], &[(0, Action::Insert(b"\r".to_vec()))]);
        assert_eq!(written(impairer.pass(b"\nab\r")), b"\nab");
        assert_eq!(impairer.end(), [write(b"\n"), Step::HalfClose]);
    }

    #[test]
    fn same_seed_makes_the_same_pieces() {
        let bytes = [7; 500];
        let cut = |seed| {
            let impairment = Impairment { pieces: Some(Pieces(1..=9)), ..Impairment::default() };
            Impairer::new(&impairment, Chance::new(seed)).pass(&bytes)
        };
        assert_eq!(cut(1), cut(1));
        assert_ne!(cut(1), cut(2));
        let lengths = cut(1).into_iter().map(|step| if let Step::Write(piece) = step { piece.len() } else { 0 });
        let lengths: Vec<_> = lengths.collect();
        assert!((1..=9).all(|length| lengths.contains(&length)) && lengths.iter().sum::<usize>() == 500, "{lengths:?}");
    }
}
