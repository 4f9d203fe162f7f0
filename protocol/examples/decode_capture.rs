//! Decodes one direction of a captured session: prints each frame, then what is wrong, if anything.
//!
//! `cargo run -p bookend --example decode_capture -- FILE`, or `-` for standard input. The file is read as a stream.

use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;

use bookend::{Decoder, Frame, Hello, MAX_LENGTH, Message, ReadBuffer, kind};

fn main() -> io::Result<ExitCode> {
    let input: Box<dyn Read> = match std::env::args().nth(1).as_deref() {
        None | Some("-") => Box::new(io::stdin().lock()),
        Some(path) => Box::new(File::open(path)?),
    };
    decode(input)
}

fn decode(mut input: impl Read) -> io::Result<ExitCode> {
    let mut buffer = ReadBuffer::new();
    let mut decoder = Decoder::new(MAX_LENGTH);
    loop {
        let count = input.read(buffer.space())?;
        buffer.add(count);
        let mut rest = buffer.filled();
        let before = rest.len();
        loop {
            let offset = decoder.offset();
            match decoder.decode(&mut rest) {
                Ok(Some(frame)) => println!("{offset:>8}  {}", described(frame)),
                Ok(None) => break,
                Err(error) => {
                    println!("{offset:>8}  {error}");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        let used = before - rest.len();
        buffer.consume(used);
        if count == 0 {
            break;
        }
    }
    match buffer.filled().len() {
        0 => Ok(ExitCode::SUCCESS),
        left => {
            println!("{:>8}  truncated: the stream ended {left} bytes into a frame", decoder.offset());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn described(frame: Frame<'_>) -> String {
    let name = kind::name(frame.kind()).map_or_else(|| format!("kind {:02x}", frame.kind()), Into::into);
    let (length, encoding) = (frame.body().len(), frame.encoding());
    let meaning = match frame.kind() {
        kind::HELLO => Hello::parse(frame.body()).map(|hello| format!("{hello:?}")),
        _ => Message::parse(frame).map(|message| message.map_or("ignored".into(), |message| format!("{message:?}"))),
    };
    let meaning = meaning.unwrap_or_else(|error| error.to_string());
    format!("{name} {encoding} {length} bytes: {}", bookend::escaped(&meaning))
}
