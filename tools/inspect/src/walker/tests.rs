//! The walker alone: its events do not depend on how the bytes are split.

use super::*;
use crate::event::{Remark, Verdict};
use bookend::diagnosis;

const FRAME: &[u8] = b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5";
const LITTLE_ENDIAN: &[u8] = b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5";

/// A step of an input.
enum Step<'a> {
    Push(&'a [u8]),
    Hole(u64),
}

/// A frame of binary bytes.
fn binary(length: u32) -> Vec<u8> {
    let body = vec![0xF5; length as usize];
    [b"\xF5\xF8\x02\0", &length.to_be_bytes()[..], &body, b"\xF8\xF5"].concat()
}

fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

/// The events of a stream, each in a few words.
fn events_of(mut walker: Walker, steps: &[Step<'_>], end: End) -> Vec<String> {
    let mut events = Vec::new();
    let mut out = |event: Event<'_>| -> Result<(), ()> {
        events.push(match event {
            Event::Preamble(bytes) => format!("preamble {}", bytes.len()),
            Event::Line(bytes) => format!("line {}", bytes.len()),
            Event::Frame(seen) if seen.doubtful => format!("doubtful {} at {}", seen.number, seen.offset),
            Event::Frame(seen) => {
                let missing = if seen.missing > 0 { format!(" missing {}", seen.missing) } else { String::new() };
                let end = if seen.ended { "" } else { " unended" };
                format!("frame {} at {} length {}{missing}{end}", seen.number, seen.offset, seen.length)
            }
            Event::Remark(Remark { verdict: Verdict::Refused(error), .. }) => format!("refused {}", error.name()),
            Event::Remark(Remark { verdict: Verdict::OutOfPlace(error), .. }) => format!("perhaps {}", error.name()),
            Event::Remark(Remark { verdict: Verdict::Note(_), .. }) => "note".into(),
            Event::Remark(Remark { verdict: Verdict::Pattern(found), number, offset, .. }) => {
                format!("{} in {} of {} from frame {number} at {offset}", found.mistake, found.count, found.of)
            }
            Event::Fault(fault) => {
                let first = fault.diagnosis.first().map_or("unknown", diagnosis::Hypothesis::name);
                format!("fault {} at {} {first}", fault.fault.name(), fault.offset)
            }
            Event::Skipped(Skipped { offset, length, why, frames: 0, .. }) => {
                format!("skipped {length} at {offset} {why:?}")
            }
            Event::Skipped(Skipped { offset, length, why, frames, .. }) => {
                format!("skipped {length} at {offset} {why:?} with {frames}")
            }
            Event::Hole { offset, length } => format!("hole {length} at {offset}"),
            Event::NoClose => "no-close".into(),
            Event::Unfinished { arrived, .. } => format!("unfinished {arrived}"),
            Event::Dump { .. } | Event::Stream(_) | Event::Conflict { .. } | Event::Damaged(_) => {
                unreachable!("a walker reports none of them")
            }
        });
        Ok(())
    };
    for step in steps {
        match step {
            Step::Push(bytes) => walker.push(bytes, &mut out),
            Step::Hole(length) => walker.hole(*length, &mut out),
        }
        .unwrap();
    }
    walker.end(end, &mut out).unwrap();
    events
}

fn file(limit: u32) -> Walker {
    Walker::new(None, true, limit)
}

/// The events of these bytes, which must be the same for the whole and for pieces (R2.15).
fn events(bytes: &[u8], limit: u32) -> Vec<String> {
    let whole = events_of(file(limit), &[Step::Push(bytes)], End::Finished);
    for size in [1, 7, 4096] {
        let pieces: Vec<Step<'_>> = bytes.chunks(size).map(Step::Push).collect();
        if pieces.len() < 100_000 {
            assert_eq!(events_of(file(limit), &pieces, End::Finished), whole, "in pieces of {size}");
        }
    }
    whole
}

#[test]
fn frames_are_reported_one_by_one() {
    let stream = [&hello(), FRAME, FRAME].concat();
    assert_eq!(events(&stream, 1024), ["frame 0 at 0 length 24", "frame 1 at 34 length 2", "frame 2 at 46 length 2"]);
    let greeted = [b"Bookend hub\r\n", &*stream].concat();
    assert_eq!(events(&greeted, 1024)[..2], ["preamble 13", "frame 0 at 0 length 24"]);
}

#[test]
fn what_sound_frames_show_is_reported_once_at_the_end() {
    let padded = b"\xF5\xF8\x02\x02\0\0\0\x03hi\0\xF8\xF5";
    let stream = [&hello()[..], FRAME, padded, padded, LITTLE_ENDIAN, FRAME].concat();
    let events = events(&stream, 1024);
    let remark = "text-nul-padded in 2 of 4 from frame 2 at 46";
    assert_eq!(events.iter().filter(|event| event.contains("text-nul-padded")).collect::<Vec<_>>(), [remark]);
    assert_eq!(events.last().unwrap(), remark);
}

#[test]
fn fault_is_diagnosed_and_the_walk_continues() {
    let stream = [&hello(), LITTLE_ENDIAN, LITTLE_ENDIAN, &hello()[..0], FRAME, FRAME].concat();
    let found = events(&stream, 1024);
    assert_eq!(
        found,
        [
            "frame 0 at 0 length 24",
            "fault too-long at 34 length-little-endian",
            "skipped 24 at 34 Fault",
            "frame 2 at 58 length 2",
            "frame 3 at 70 length 2"
        ]
    );
}

#[test]
fn frames_inside_the_payload_of_a_faulty_frame_are_not_reported() {
    let inside = [FRAME, FRAME].concat();
    let faulty = [b"\xF5\xF8\x02\0\x18\0\0\0", &*inside, b"\xF8\xF5"].concat();
    let found = events(&[&hello(), &*faulty, FRAME, FRAME].concat(), 1 << 20);
    assert_eq!(found[2..], ["skipped 34 at 34 Fault with 2", "frame 2 at 68 length 2", "frame 3 at 80 length 2"]);
}

#[test]
fn frames_within_another_format_are_shown_with_one_fault() {
    let prefixed = |frame: &[u8]| [&[0, 0, 0, u8::try_from(frame.len()).unwrap()], frame].concat();
    let stream = [prefixed(&hello()), prefixed(FRAME), prefixed(FRAME), prefixed(FRAME)].concat();
    let found = events(&stream, 1024);
    assert_eq!(
        found,
        [
            "fault bad-start at 0 wrapped-length-prefix",
            "skipped 4 at 0 Around",
            "doubtful 0 at 4",
            "skipped 4 at 38 Around",
            "doubtful 1 at 42",
            "skipped 4 at 54 Around",
            "doubtful 2 at 58",
            "skipped 4 at 70 Around",
            "doubtful 3 at 74",
        ]
    );
    // A frame that is not whole is no second fault.
    let cut = [&stream[..54], &prefixed(FRAME)[..9], &prefixed(FRAME)].concat();
    let found = events(&cut, 1024);
    assert_eq!(found[5..], ["skipped 13 at 54 Around", "doubtful 2 at 67"]);
    // Unexplained bytes between frames: what was passed over is counted.
    let gaps = [&hello()[..], b"\x80\x01", FRAME, b"\x07\xF0\x31", FRAME, b"\x99", FRAME, FRAME].concat();
    let found = events(&gaps, 1024);
    assert_eq!(
        found[1..],
        [
            "fault bad-start at 34 unknown",
            "skipped 30 at 34 Fault with 2",
            "frame 2 at 64 length 2",
            "frame 3 at 76 length 2"
        ]
    );
}

#[test]
fn what_stands_around_frames_does_not_depend_on_how_the_bytes_are_split() {
    let text = |before: &[u8], after: &[u8]| {
        [&hello()[..], FRAME, FRAME].map(|frame| [before, frame, after].concat()).concat()
    };
    let padded = [&hello()[..], FRAME, FRAME].map(|frame| [frame, &vec![0; 64 - frame.len()][..]].concat()).concat();
    let sum = [&hello()[..], FRAME, FRAME].map(|frame| [frame, &[0x99, frame[2], frame[7], 0xA7]].concat()).concat();
    let web_socket = [&hello()[..], FRAME, FRAME]
        .map(|frame| [&[0x82, u8::try_from(frame.len()).unwrap()], frame].concat())
        .concat();
    let docker = [&hello()[..], FRAME, FRAME]
        .map(|frame| [&[1, 0, 0, 0, 0, 0, 0, u8::try_from(frame.len()).unwrap()], frame].concat())
        .concat();
    for (stream, name) in [
        (text(b"\x02", b"\x03"), "wrapped-stx-etx"),
        (text(b"\x0B", b"\x1C\r"), "wrapped-mllp"),
        (text(b"\xC0", b"\xC0"), "wrapped-slip"),
        (text(b"", b"\0"), "wrapped-nul"),
        (text(b"\xEF\xBB\xBF", b""), "wrapped-byte-order-mark"),
        (text(b"\xAA\x55", b""), "wrapped-constant"),
        (padded, "wrapped-padding"),
        (sum, "wrapped-trailer"),
        (web_socket, "wrapped-websocket"),
        (docker, "wrapped-docker"),
    ] {
        let found = events(&stream, 1024);
        let faults: Vec<&String> = found.iter().filter(|event| event.starts_with("fault")).collect();
        assert!(faults.len() == 1 && faults[0].ends_with(name), "{name}: {found:?}");
        let shown = found.iter().filter(|event| event.starts_with("doubtful") || event.starts_with("frame"));
        assert_eq!(shown.count(), 3, "{name}: {found:?}");
    }
}

#[test]
fn changed_hello_is_named_by_its_canary() {
    let wire: Vec<u8> = hello()
        .iter()
        .flat_map(|byte| if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    let found = events(&[&*wire, FRAME].concat(), 1024);
    assert_eq!(found[0], "fault bad-canary at 0 channel-lf-to-crlf");
    assert_eq!(found.last().unwrap(), "frame 1 at 36 length 2");
}

#[test]
fn hello_that_lost_bytes_and_is_incomplete_is_named_by_its_canary() {
    let wire: Vec<u8> = hello().into_iter().filter(|byte| *byte != b'\n').collect();
    assert_eq!(events(&wire, 1024)[0], "fault bad-canary at 0 channel-lf-dropped");
}

#[test]
fn refused_frame_is_reported_and_the_walk_continues() {
    let latin_1 = b"\xF5\xF8\x02\x02\0\0\0\x04gr\xFC\xDF\xF8\xF5";
    let unknown = b"\xF5\xF8\x09\0\0\0\0\0\xF8\xF5";
    let malformed = b"\xF5\xF8\x08\x01\0\0\0\x01\x03\xF8\xF5";
    let found = events(&[&hello(), &latin_1[..], unknown, malformed, &hello(), FRAME].concat(), 1024);
    assert_eq!(
        found.iter().filter(|event| !event.starts_with("frame")).collect::<Vec<_>>(),
        ["refused bad-text", "refused unknown-kind", "refused malformed"]
    );
    let twice =
        [&hello()[..], &hello(), b"\xF5\xF8\x08\x01\0\0\0\x02\x03\xE8\xF8\xF5", FRAME, FRAME, &hello(), FRAME].concat();
    let found = events(&twice, 1024);
    let others: Vec<&String> = found.iter().filter(|event| !event.starts_with("frame")).collect();
    assert_eq!(others, ["perhaps second-hello", "note"], "a file may hold several sessions");
}

#[test]
fn stream_that_ends_inside_a_frame_is_truncated_but_a_capture_is_unfinished() {
    let cut = [&hello(), &FRAME[..9]].concat();
    assert_eq!(events(&cut, 1024)[1..], ["fault truncated at 34 unknown", "skipped 9 at 34 Fault"]);
    assert_eq!(events_of(file(1024), &[Step::Push(&cut)], End::Cut)[1..], ["unfinished 9"]);
    // A mistake explains the end better than a capture that was stopped.
    let little_endian = [&hello(), b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5".as_slice()].concat();
    let found = events_of(file(1 << 30), &[Step::Push(&little_endian)], End::Cut);
    assert_eq!(found[1], "fault truncated at 34 length-little-endian");
}

#[test]
fn long_body_is_passed_over_and_its_end_checked() {
    let long = binary(3 << 20);
    let stream = [&*long, FRAME].concat();
    let walked = events(&stream, 1 << 30);
    assert_eq!(walked[0], format!("frame 0 at 0 length {}", 3 << 20));
    assert_eq!(walked.last().unwrap(), &format!("frame 1 at {} length 2", long.len()));
    let mut broken = stream;
    broken[long.len() - 1] = 0;
    let walked = events(&broken, 1 << 30);
    assert!(walked[0].starts_with("fault bad-end at 0"), "{walked:?}");
    assert_eq!(walked[1], format!("skipped {} at 0 Fault", long.len()));
    // However END came.
    let steps = [Step::Push(&broken[..long.len() - 1]), Step::Push(&broken[long.len() - 1..])];
    assert_eq!(events_of(file(1 << 30), &steps, End::Finished), walked);
}

#[test]
fn memory_does_not_grow_with_the_claimed_length() {
    let mut walker = file(u32::MAX >> 1);
    let mut frames = 0;
    let mut out = |event: Event<'_>| -> Result<(), ()> {
        frames += u32::from(matches!(event, Event::Frame(_)));
        Ok(())
    };
    let length: u32 = 100 << 20;
    walker.push(&[b"\xF5\xF8\x02\0", &length.to_be_bytes()[..]].concat(), &mut out).unwrap();
    let piece = vec![0; 1 << 20];
    for _ in 0..100 {
        walker.push(&piece, &mut out).unwrap();
        assert!(walker.buffer.capacity() <= 4 << 20, "{}", walker.buffer.capacity());
    }
    walker.push(b"\xF8\xF5", &mut out).unwrap();
    // The same if nothing is a frame, or everything is.
    for piece in [vec![b'x'; 1 << 20], FRAME.repeat(80_000), LITTLE_ENDIAN.repeat(80_000)] {
        for _ in 0..8 {
            walker.push(&piece, &mut out).unwrap();
            assert!(walker.buffer.capacity() <= 4 << 20, "{}", walker.buffer.capacity());
        }
    }
    assert!(frames > 80_000);
}

#[test]
fn hole_inside_a_body_leaves_the_frame_whole() {
    let long = binary(100);
    let steps = [Step::Push(&long[..50]), Step::Hole(20), Step::Push(&long[70..]), Step::Push(FRAME)];
    let found = events_of(file(1024), &steps, End::Finished);
    assert_eq!(found[0], "hole 20 at 50");
    assert_eq!(found[1], "frame 0 at 0 length 100 missing 20");
    assert_eq!(found.last().unwrap(), "frame 1 at 110 length 2");
    let steps = [Step::Push(&long[..50]), Step::Hole(60), Step::Push(FRAME)];
    let found = events_of(file(1024), &steps, End::Finished);
    assert_eq!(found[1], "frame 0 at 0 length 100 missing 60 unended");
    assert_eq!(found.last().unwrap(), "frame 1 at 110 length 2");
}

#[test]
fn hole_across_a_boundary_is_followed_by_a_search() {
    let steps =
        [Step::Push(FRAME), Step::Push(&FRAME[..5]), Step::Hole(20), Step::Push(&FRAME[3..]), Step::Push(FRAME)];
    let found = events_of(file(1024), &steps, End::Finished);
    assert_eq!(found[2..], ["hole 20 at 17", "skipped 14 at 12 Hole", "frame 1 at 46 length 2"]);
}

#[test]
fn capture_that_begins_inside_a_stream_finds_its_frames() {
    let walker = Walker::new(Some(Side::Server), false, 1024);
    let found = events_of(walker, &[Step::Push(&FRAME[7..]), Step::Push(FRAME), Step::Push(FRAME)], End::Cut);
    assert_eq!(found[..2], ["skipped 5 at 0 Begun", "frame 0 at 5 length 2"]);
    let walker = Walker::new(Some(Side::Server), false, 1024);
    assert_eq!(events_of(walker, &[Step::Push(FRAME)], End::Finished).last().unwrap(), "no-close");
}

#[test]
fn line_terminal_has_lines_and_no_faults() {
    let terminal = Walker::new(Some(Side::Client), true, 1024);
    assert_eq!(
        events_of(terminal, &[Step::Push(b"hello\r\n"), Step::Push(b"b\xC3\xBCe")], End::Finished),
        ["line 7", "line 4"]
    );
    let mut hub = Walker::new(Some(Side::Server), true, 1024);
    hub.set_client_frames(Some(false));
    assert_eq!(events_of(hub, &[Step::Push(b"Bookend hub\r\n")], End::Cut), ["line 13"]);
    let mut banner = Walker::new(Some(Side::Server), true, 1024);
    banner.set_client_frames(Some(true));
    let long = vec![b'x'; 1025];
    assert!(events_of(banner, &[Step::Push(&long)], End::Finished)[0].starts_with("fault bad-start at 0"));
}

#[test]
fn no_input_causes_a_panic() {
    // A small generator, so that each run tries the same.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    for round in 0..100 {
        let mut stream = [&hello(), FRAME, &binary(300), FRAME, LITTLE_ENDIAN, FRAME].concat();
        for _ in 0..next() % 8 {
            let at = usize::from(next()) * stream.len() / 256;
            stream[at] = [0xF5, 0xF8, 0, next()][usize::from(next() % 4)];
        }
        let hole = usize::from(next()) * stream.len() / 256;
        let steps = [Step::Push(&stream[..hole]), Step::Hole(u64::from(next())), Step::Push(&stream[hole..])];
        for sender in [Some(Side::Client), Some(Side::Server), None] {
            for end in [End::Finished, End::Cut] {
                events_of(Walker::new(sender, round % 2 == 0, 1024), &steps, end);
            }
        }
        events(&stream, 1024);
    }
}
