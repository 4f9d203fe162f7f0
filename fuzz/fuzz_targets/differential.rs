//! Sends the same requests, in the notation of interop/README.md, to the Rust and the C peer, whose answers must agree:
//! frames, faults and their offsets, texts, messages, and the actions of a session.
//!
//! The first byte of the input selects the request, the second its options; the rest is what a peer sends.
#![no_main]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const C_PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../interop/c");
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/c");
const HELLO: &str = "424b4e440d0a1a0aff110d00";

thread_local! {
    static PEER: RefCell<Peer> = RefCell::new(Peer::start());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(request) = request(bytes) else { return };
    let own = bookend_adapter::answer(&request);
    let other = PEER.with_borrow_mut(|peer| peer.ask(&request));
    assert!(bookend_adapter::agree(&own, &other), "Rust and C differ: {request}\nRust: {own}\nC:    {other}");
});

/// The C peer's adapter, as a process.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Builds the adapter with the sanitizers and starts it.
    fn start() -> Peer {
        let flags = "CFLAGS=-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all";
        let adapter = format!("{BUILD}/bookend-adapter");
        let made = Command::new("make").args(["-s", "-C", C_PEER, &format!("BUILD={BUILD}"), flags, &adapter]).status();
        assert!(made.expect("make runs").success(), "the C peer is built");
        // The sanitizer settings of the fuzzer must not apply to the adapter.
        let mut command = Command::new(adapter);
        command.env_remove("ASAN_OPTIONS").env_remove("UBSAN_OPTIONS");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Peer { child, input, output }
    }

    fn ask(&mut self, request: &str) -> String {
        writeln!(self.input, "{request}").unwrap_or_else(|error| panic!("the C peer is gone: {error}: {request}"));
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the answer is ASCII");
        assert!(answer.ends_with('\n'), "the C peer ended ({:?}) at: {request}", self.child.wait());
        answer.truncate(answer.len() - 1);
        answer
    }
}

/// The request that the input encodes, or `None` if it is too short.
fn request(bytes: &[u8]) -> Option<String> {
    let (&what, bytes) = bytes.split_first()?;
    let (&how, rest) = bytes.split_first()?;
    let cut = if how & 1 == 0 { "whole" } else { "bytes" };
    let text = 1 + how % 4;
    Some(match what % 6 {
        0 => format!("frame {} {cut} {}", [0, 1, 16, 4096, 1 << 20][usize::from(how / 2) % 5], hex(rest)),
        1 => format!("text {text} {}", hex(rest)),
        2 => format!("encode-text {text} {}", hex(String::from_utf8_lossy(rest).as_bytes())),
        3 => format!("hello {}", hex(rest)),
        4 => {
            let (&kind, body) = rest.split_first()?;
            // The adapter has a separate request for HELLO.
            if kind == 1 {
                return None;
            }
            format!("message {kind:02x} {} {}", how % 5, hex(body))
        }
        _ => session(how, cut, rest),
    })
}

/// A session request: `how` selects the role, the fields of HELLO and how it begins; `rest` encodes the steps.
fn session(how: u8, cut: &str, mut rest: &[u8]) -> String {
    let role = if how & 2 == 0 { "client" } else { "server" };
    let accepted = if how & 4 == 0 { "1f" } else { "07" };
    let keepalive = if how & 8 == 0 { 0 } else { 2 };
    let hub = u8::from(how & 16 != 0);
    let mut request = format!("session {role} {cut} {HELLO}0100{accepted}0000100000{keepalive:04x}{hub:04x}");
    let mut now = 0_u64;
    if how & 32 == 0 {
        // Most bugs can occur only after the peer's HELLO.
        write!(request, " recv:f5f8010000000018{HELLO}01001f000010000000020001f8f5")
            .expect("writing to a String cannot fail");
    }
    while let Some((&step, more)) = rest.split_first() {
        rest = more;
        let count = usize::from(step >> 2).min(rest.len());
        let (piece, after) = rest.split_at(count);
        match step & 3 {
            0 | 1 if piece.is_empty() => {}
            0 | 1 => {
                write!(request, " recv:{}", hex(piece)).expect("writing to a String cannot fail");
                rest = after;
            }
            2 => {
                now += u64::from(step >> 2) * 100;
                write!(request, " time:{now}").expect("writing to a String cannot fail");
            }
            _ => {
                if let [kind @ (2..=4 | 0x10..=0x14), body @ ..] = piece {
                    write!(request, " send:{kind:02x}:{}:{}", kind & 1, hex(body))
                        .expect("writing to a String cannot fail");
                } else if step >> 2 == 63 {
                    request += " eof";
                } else if step >> 2 == 62 {
                    request += " close:1000";
                }
                rest = after;
            }
        }
    }
    request
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
