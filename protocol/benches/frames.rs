//! Decoding and encoding beside tokio-util's `LengthDelimitedCodec` and a memcpy of the same bytes.
//!
//! `cargo bench -p bookend --bench frames`. Each contender first proves that it gets every payload right. Input comes
//! in 64 KiB reads that are copied in, as a socket would. The figures to compare are those of one group.

use std::hint::black_box;
use std::time::Duration;

use bookend::{Codec, Decoder, Encoding, Frame, FrameBuf, ReadBuffer, kind};
use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio_util::codec::{self, LengthDelimitedCodec};

/// Sizes of body, in bytes.
const SIZES: [usize; 8] = [0, 16, 64, 256, 1 << 10, 16 << 10, 256 << 10, 4 << 20];
const READ: usize = 64 << 10;
const LIMIT: u32 = 8 << 20;

/// How many frames of this size make a run that is long enough to measure.
fn count(size: usize) -> usize {
    ((4 << 20) / (size + 10)).clamp(4, 20_000)
}

fn bodies(size: usize) -> Vec<Vec<u8>> {
    (0..count(size))
        .map(|seed| (0..size).map(|at| (at * 31 + seed * 17 + (at >> 8)).to_le_bytes()[0]).collect())
        .collect()
}

fn bookend_wire(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = Vec::new();
    for body in bodies {
        Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short").encode(&mut wire);
    }
    wire
}

fn length_delimited() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(LIMIT as usize).new_codec()
}

fn length_delimited_wire(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = Vec::new();
    for body in bodies {
        wire.extend_from_slice(&u32::try_from(body.len()).expect("short").to_be_bytes());
        wire.extend_from_slice(body);
    }
    wire
}

/// Borrowed frames out of one read buffer.
fn decode_borrowed(wire: &[u8], buffer: &mut ReadBuffer, mut seen: impl FnMut(&[u8])) {
    let mut decoder = Decoder::new(LIMIT);
    for read in wire.chunks(READ) {
        let mut read = read;
        while !read.is_empty() {
            let space = buffer.space();
            let length = space.len().min(read.len());
            space[..length].copy_from_slice(&read[..length]);
            buffer.add(length);
            read = &read[length..];
            let mut rest = buffer.filled();
            let before = rest.len();
            while let Some(frame) = decoder.decode(&mut rest).expect("sound") {
                seen(frame.body());
            }
            let used = before - rest.len();
            buffer.consume(used);
        }
    }
}

/// Owned frames through a tokio-util decoder.
fn decode_codec<C: codec::Decoder>(mut decoder: C, wire: &[u8], buffer: &mut BytesMut, mut seen: impl FnMut(C::Item))
where
    C::Error: std::fmt::Debug,
{
    for read in wire.chunks(READ) {
        buffer.extend_from_slice(read);
        while let Some(item) = decoder.decode(buffer).expect("sound") {
            seen(item);
        }
    }
}

fn copy(wire: &[u8], target: &mut [u8]) {
    for read in wire.chunks(READ) {
        target[..read.len()].copy_from_slice(read);
        black_box(&target[..read.len()]);
    }
}

fn check(bodies: &[Vec<u8>], run: impl FnOnce(&mut dyn FnMut(&[u8]))) {
    let mut at = 0;
    run(&mut |body| {
        assert_eq!(body, bodies[at], "payload {at}");
        at += 1;
    });
    assert_eq!(at, bodies.len());
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for size in SIZES {
        let bodies = bodies(size);
        let (ours, theirs) = (bookend_wire(&bodies), length_delimited_wire(&bodies));
        // Each contender has a buffer of its own, grown in its own way.
        let (mut read_buffer, mut target) = (ReadBuffer::new(), vec![0; READ]);
        let (mut bytes, mut its_bytes) = (BytesMut::new(), BytesMut::new());
        check(&bodies, |seen| decode_borrowed(&ours, &mut read_buffer, seen));
        check(&bodies, |seen| decode_codec(Codec::new(LIMIT), &ours, &mut bytes, |frame: FrameBuf| seen(frame.body())));
        check(&bodies, |seen| decode_codec(length_delimited(), &theirs, &mut its_bytes, |body: BytesMut| seen(&body)));
        group.throughput(Throughput::Elements(bodies.len() as u64));
        group.bench_function(BenchmarkId::new("borrowed", size), |bencher| {
            bencher.iter(|| {
                decode_borrowed(&ours, &mut read_buffer, |body| {
                    black_box(body);
                })
            });
        });
        group.bench_function(BenchmarkId::new("codec", size), |bencher| {
            bencher.iter(|| {
                decode_codec(Codec::new(LIMIT), &ours, &mut bytes, |frame| {
                    black_box(frame);
                })
            });
        });
        group.bench_function(BenchmarkId::new("length-delimited", size), |bencher| {
            bencher.iter(|| {
                decode_codec(length_delimited(), &theirs, &mut its_bytes, |body| {
                    black_box(body);
                })
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| bencher.iter(|| copy(&ours, &mut target)));
    }
    group.finish();
}

fn encode_codec<T, C: codec::Encoder<T>>(mut encoder: C, items: impl Iterator<Item = T>, out: &mut BytesMut)
where
    C::Error: std::fmt::Debug,
{
    for item in items {
        if out.len() > READ {
            black_box(&out[..]);
            out.clear();
        }
        encoder.encode(item, out).expect("short");
    }
    black_box(&out[..]);
    out.clear();
}

fn encode_into(bodies: &[Vec<u8>], out: &mut Vec<u8>) {
    for body in bodies {
        if out.len() > READ {
            black_box(&out[..]);
            out.clear();
        }
        Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short").encode(out);
    }
    black_box(&out[..]);
    out.clear();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for size in SIZES {
        let bodies = bodies(size);
        let mut wire = BytesMut::new();
        for body in &bodies {
            let frame = Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short");
            codec::Encoder::encode(&mut Codec::new(LIMIT), frame, &mut wire).expect("short");
        }
        assert_eq!(wire, bookend_wire(&bodies), "both encoders write the same");
        let (mut out, mut bytes) = (Vec::with_capacity(size + 2 * READ), BytesMut::with_capacity(size + 2 * READ));
        group.throughput(Throughput::Elements(bodies.len() as u64));
        group.bench_function(BenchmarkId::new("buffer", size), |bencher| {
            bencher.iter(|| encode_into(&bodies, &mut out))
        });
        group.bench_function(BenchmarkId::new("parts", size), |bencher| {
            bencher.iter(|| {
                for body in &bodies {
                    black_box(Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short").parts());
                }
            });
        });
        group.bench_function(BenchmarkId::new("codec", size), |bencher| {
            bencher.iter(|| {
                let frames =
                    bodies.iter().map(|body| Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short"));
                encode_codec(Codec::new(LIMIT), frames, &mut bytes);
            });
        });
        group.bench_function(BenchmarkId::new("length-delimited", size), |bencher| {
            bencher.iter(|| encode_codec(length_delimited(), bodies.iter().map(Vec::as_slice), &mut bytes));
        });
        let mut target = vec![0; size];
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| {
                for body in &bodies {
                    target.copy_from_slice(body);
                    black_box(&target[..]);
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(30);
    targets = decode, encode
}
criterion_main!(benches);
