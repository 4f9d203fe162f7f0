//! Runs the program, and builds small inputs for it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use bookend::{Encoding, Hello, Message, Payload};
use serde_json::Value;

use crate::capture::Segment;

/// What the program prints for this input, and its exit code.
pub(crate) fn inspect(options: &[&str], input: &[u8]) -> (String, String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .arg("inspect")
        .args(options)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A write fails if the program stops reading early.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// The objects that the program prints with --json, and its exit code.
pub(crate) fn objects(options: &[&str], input: &[u8]) -> (Vec<Value>, Option<i32>) {
    let (output, _, code) = inspect(&[options, &["--json"]].concat(), input);
    (output.lines().map(|line| serde_json::from_str(line).expect(line)).collect(), code)
}

/// The events in short form: `client frame 0 HELLO`, `hole 20`, …
pub(crate) fn events(options: &[&str], input: &[u8]) -> Vec<String> {
    let word = |object: &Value, key: &str| object.get(key).map(|value| value.to_string().replace('"', ""));
    let (objects, _) = objects(options, input);
    let events = objects.iter().filter(|object| !matches!(object["event"].as_str(), Some("stream" | "summary")));
    events
        .map(|object| {
            let keys = ["sender", "event", "frame", "name", "fault", "length", "text"];
            let keys = if object["event"] == "frame" { &keys[..4] } else { &keys };
            keys.iter().filter_map(|key| word(object, key)).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

pub(crate) fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

pub(crate) fn message(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    let payload = Payload::decode(Encoding::Utf8, text.as_bytes()).unwrap();
    Message::Message(payload).encode(1 << 20, &mut wire).unwrap();
    wire
}

pub(crate) fn close() -> Vec<u8> {
    b"\xF5\xF8\x08\x01\0\0\0\x02\x03\xE8\xF8\xF5".to_vec()
}

pub(crate) fn session() -> Vec<u8> {
    [hello(), message("grüß"), close()].concat()
}

/// Segments of these bytes, of `size` bytes each.
pub(crate) fn segments(make: fn(u32, &[u8]) -> Segment<'_>, bytes: &[u8], size: usize) -> Vec<Segment<'_>> {
    let starts = (0..bytes.len()).step_by(size);
    starts.zip(bytes.chunks(size)).map(|(at, bytes)| make(u32::try_from(at + 1).unwrap(), bytes)).collect()
}
