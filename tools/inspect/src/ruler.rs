//! Compares packets with frames: which frames, or parts of frames, one read returned.

use bookend::{HEADER_LENGTH, OVERHEAD, START};

/// A part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of a frame.
    Frame {
        /// The number of the frame, from 0.
        number: u64,
        /// The kind of the frame, once it has arrived.
        kind: Option<u8>,
        /// The number of bytes in earlier packets.
        before: u64,
        /// The number of bytes in this packet.
        here: u64,
        /// The length of the frame in bytes, once it is known.
        of: Option<u64>,
    },
    /// Bytes before the first frame.
    Before { here: u64 },
    /// Bytes after a wrong START, which cannot be assigned to frames.
    Outside { here: u64 },
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Ruler {
    state: State,
    number: u64,
    header: Vec<u8>,
    /// The number of bytes of the frame that have arrived.
    arrived: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No frame has begun.
    #[default]
    Before,
    Frames,
    Outside,
}

impl Ruler {
    /// Divides a packet into parts, in their order.
    pub(super) fn lay(&mut self, packet: &[u8]) -> Vec<Part> {
        let (mut parts, mut rest) = (Vec::new(), packet);
        while !rest.is_empty() {
            let taken = match self.state {
                State::Before => {
                    let before = rest.iter().position(|&byte| byte == START[0]);
                    if before.is_some() {
                        self.state = State::Frames;
                    }
                    let here = before.unwrap_or(rest.len());
                    if here > 0 {
                        parts.push(Part::Before { here: here as u64 });
                    }
                    here
                }
                State::Frames => match self.frame(rest) {
                    Some(part) => {
                        parts.push(part);
                        let Part::Frame { here, .. } = part else { unreachable!("frame returns parts of frames") };
                        usize::try_from(here).expect("it is a part of a slice")
                    }
                    None => 0,
                },
                State::Outside => {
                    parts.push(Part::Outside { here: rest.len() as u64 });
                    rest.len()
                }
            };
            rest = &rest[taken..];
        }
        parts
    }

    /// The part of `rest` that belongs to the current frame; `None` if it is not a frame.
    fn frame(&mut self, rest: &[u8]) -> Option<Part> {
        let before = self.arrived;
        let missing = HEADER_LENGTH - self.header.len();
        self.header.extend_from_slice(&rest[..rest.len().min(missing)]);
        let begun = self.header.len().min(START.len());
        if self.header[..begun] != START[..begun] {
            self.state = State::Outside;
            return None;
        }
        let of = (self.header.len() == HEADER_LENGTH).then(|| {
            let length: [u8; 4] = self.header[4..].try_into().expect("it is four bytes");
            u64::from(u32::from_be_bytes(length)) + OVERHEAD as u64
        });
        let here = of.map_or(u64::MAX, |of| of - before).min(rest.len() as u64);
        let part = Part::Frame { number: self.number, kind: self.header.get(2).copied(), before, here, of };
        self.arrived += here;
        if of == Some(self.arrived) {
            self.number += 1;
            self.arrived = 0;
            self.header.clear();
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{Encoding, Frame};

    fn frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame::new(2, Encoding::Utf8, b"hi").unwrap().encode(&mut bytes);
        Frame::new(6, Encoding::Binary, b"").unwrap().encode(&mut bytes);
        bytes
    }

    fn part(number: u64, kind: Option<u8>, before: u64, here: u64, of: Option<u64>) -> Part {
        Part::Frame { number, kind, before, here, of }
    }

    #[test]
    fn packet_may_hold_many_frames_and_a_frame_many_packets() {
        let bytes = frames();
        let whole = [part(0, Some(2), 0, 12, Some(12)), part(1, Some(6), 0, 10, Some(10))];
        assert_eq!(Ruler::default().lay(&bytes), whole);

        let mut ruler = Ruler::default();
        assert_eq!(ruler.lay(&bytes[..1]), [part(0, None, 0, 1, None)]);
        assert_eq!(ruler.lay(&bytes[1..9]), [part(0, Some(2), 1, 8, Some(12))]);
        let last = [part(0, Some(2), 9, 3, Some(12)), part(1, Some(6), 0, 10, Some(10))];
        assert_eq!(ruler.lay(&bytes[9..]), last);
    }

    #[test]
    fn every_byte_is_in_one_part_however_the_stream_is_split() {
        let mut bytes = b"hub\r\n".to_vec();
        bytes.extend(frames());
        bytes.extend(b"GET / HTTP/1.1");
        for cut in 0..=bytes.len() {
            let mut ruler = Ruler::default();
            let parts = [ruler.lay(&bytes[..cut]), ruler.lay(&bytes[cut..])].concat();
            let count = |part: &Part| match *part {
                Part::Frame { here, .. } | Part::Before { here } | Part::Outside { here } => here,
            };
            assert_eq!(parts.iter().map(count).sum::<u64>(), bytes.len() as u64, "cut at {cut}: {parts:?}");
            assert_eq!(ruler.number, 2);
        }
    }
}
