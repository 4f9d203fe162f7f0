//! Frames that own their bytes, as `Framed` yields them: `Codec`, and tokio-util's `LengthDelimitedCodec`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bookend::{Codec, Encoding, Frame, FrameBuf, kind};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::{Contender, compare};

/// Sizes of body, in bytes.
const SIZES: [usize; 4] = [16, 64, 256, 1 << 10];
const READ: usize = 64 << 10;
const LIMIT: u32 = 8 << 20;
const ROUNDS: usize = 201;

/// Decodes a whole stream, which comes in reads that are copied in, as from a socket.
fn decode<C: Decoder, T>(mut codec: C, wire: &[u8], buffer: &mut BytesMut, mut owned: impl FnMut(C::Item) -> T) -> usize
where
    C::Error: std::fmt::Debug,
{
    let mut count = 0;
    for read in wire.chunks(READ) {
        buffer.extend_from_slice(read);
        while let Some(item) = codec.decode(buffer).expect("sound") {
            black_box(&owned(item));
            count += 1;
        }
    }
    count
}

fn timed(count: usize, run: impl FnOnce() -> usize) -> Duration {
    let start = Instant::now();
    let decoded = run();
    let elapsed = start.elapsed();
    assert_eq!(decoded, count, "every frame is found");
    elapsed
}

pub(crate) fn compare_all() {
    for size in SIZES {
        let bodies: Vec<Vec<u8>> = (0..(1 << 20) / (size + 10))
            .map(|seed| (0..size).map(|at| (at * 31 + seed * 17).to_le_bytes()[0]).collect())
            .collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for body in &bodies {
            Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short").encode(&mut ours);
            theirs.extend_from_slice(&u32::try_from(size).expect("short").to_be_bytes());
            theirs.extend_from_slice(body);
        }
        // Each contender first proves that it gets every payload right.
        let mut wanted = bodies.iter();
        decode(Codec::new(LIMIT), &ours, &mut BytesMut::new(), |frame| {
            assert_eq!(frame.body(), wanted.next().expect("no more than were sent"));
            assert_eq!(frame.clone().into_body(), frame.body());
        });
        let mut wanted = bodies.iter();
        decode(LengthDelimitedCodec::new(), &theirs, &mut BytesMut::new(), |body| {
            assert_eq!(body, wanted.next().expect("no more than were sent"));
        });
        let count = bodies.len();
        let [mut first, mut second, mut third, mut fourth] = [(); 4].map(|()| BytesMut::new());
        let mut contenders = [
            Contender::new("LengthDelimitedCodec", || {
                timed(count, || decode(LengthDelimitedCodec::new(), &theirs, &mut first, |body| body))
            }),
            Contender::new("the same, frozen to Bytes", || {
                timed(count, || decode(LengthDelimitedCodec::new(), &theirs, &mut second, BytesMut::freeze))
            }),
            Contender::new("Codec, FrameBuf kept", || {
                timed(count, || decode(Codec::new(LIMIT), &ours, &mut third, |frame: FrameBuf| frame))
            }),
            Contender::new("Codec, into_body", || {
                timed(count, || decode(Codec::new(LIMIT), &ours, &mut fourth, |frame| -> Bytes { frame.into_body() }))
            }),
        ];
        compare(&format!("decode, {size} B"), ROUNDS, &mut contenders);
    }
}
