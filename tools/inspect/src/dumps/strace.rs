//! Decodes the calls in the output of strace.

use super::escapes::{self, Escape, Read};
use super::lines::Line;
use super::piece::{Decoder, Fit, Fitting, Out, Sample};
use crate::side::Side;

const WRITES: &[&str] = &["write", "send", "sendto", "sendmsg", "writev", "pwrite64"];
const READS: &[&str] = &["read", "recv", "recvfrom", "recvmsg", "readv", "pread64"];

/// Decodes the calls on one file descriptor.
pub(super) struct Strace {
    descriptor: String,
}

/// A call that transfers bytes.
struct Call<'a> {
    descriptor: &'a str,
    side: Side,
    arguments: &'a str,
}

pub(super) fn fit(sample: &Sample<'_>) -> Fitting {
    // The connection is the first descriptor on which a START is transferred.
    let is_start = |call: &Call<'_>| call.arguments.contains(r"\365\370") || call.arguments.contains(r"\xf5\xf8");
    let Some(call) = sample.whole().filter_map(call).find(is_start) else {
        return Ok(None);
    };
    let descriptor = call.descriptor.to_owned();
    Ok(Some(Fit::new("strace", move || Strace { descriptor: descriptor.clone() })))
}

/// Finds a call such as `write(3, "…", 34) = 34`.
fn call(line: &str) -> Option<Call<'_>> {
    let (before, after) = line.split_once('(')?;
    let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let side = if WRITES.contains(&name) {
        Side::Client
    } else if READS.contains(&name) {
        Side::Server
    } else {
        return None;
    };
    let length = after.find(|c: char| !c.is_ascii_digit()).filter(|&length| length > 0)?;
    let (descriptor, rest) = after.split_at(length);
    // With -y, the address follows: 3<TCP:[…]>
    let arguments = if rest.starts_with('<') { rest.split_once(">, ")?.1 } else { rest.strip_prefix(", ")? };
    Some(Call { descriptor, side, arguments })
}

impl Strace {
    fn call(&self, line: &str, out: &mut Out) -> Result<(), String> {
        let Some(call) = call(line) else { return Ok(()) };
        if call.descriptor != self.descriptor {
            return Ok(());
        }
        if call.arguments.contains("unfinished ...>") {
            return Err("strace splits a call into two lines: use strace -ff -o FILE".into());
        }
        let Some((arguments, result)) = call.arguments.rsplit_once(" = ") else {
            return Err("the result of a call is missing".into());
        };
        let result = result.split_whitespace().next().unwrap_or("");
        let count = match result.parse::<i64>() {
            Ok(count) => usize::try_from(count).unwrap_or(0), // -1: nothing was transferred
            Err(_) => return Err(format!("an unknown result of a call: {result}")),
        };
        if count == 0 {
            return Ok(());
        }
        let bytes = strings(arguments)?;
        if bytes.len() < count {
            return Err("strace cut off a string: use strace -s 65535".into());
        }
        // A partial write transfers less than the whole string.
        out.push(Some(call.side), true, &bytes[..count]);
        Ok(())
    }
}

/// The bytes of all strings of the arguments.
fn strings(arguments: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::new(), arguments);
    while let Some((_, after)) = rest.split_once('"') {
        rest = after;
        loop {
            let Some(character) = rest.chars().next() else { return Err("a string is not closed".into()) };
            rest = &rest[character.len_utf8()..];
            match character {
                '"' => break,
                '\\' => match escapes::read(rest, false, true) {
                    Read::Found(Escape::Byte(byte), used) => {
                        bytes.push(byte);
                        rest = &rest[used..];
                    }
                    _ => return Err("an unknown escape".into()),
                },
                _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if rest.starts_with("...") {
            return Err("strace cut off a string: use strace -s 65535".into());
        }
    }
    Ok(bytes)
}

impl Decoder for Strace {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        match line.whole() {
            Some(text) => self.call(text, out),
            None if line.begins && call(line.text).is_some_and(|call| call.descriptor == self.descriptor) => {
                Err("a call with more than 64 KiB".into())
            }
            None => Ok(()),
        }
    }

    fn end(&mut self, _out: &mut Out) -> Result<(), String> {
        Ok(())
    }
}
