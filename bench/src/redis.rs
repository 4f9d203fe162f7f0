//! Redis: SUBSCRIBE and PUBLISH, in RESP2. Who subscribes cannot publish, so publishers are connections of their own.

use std::time::Duration;

use bookend_load::{Event, Part, Peer, Plan};

pub(crate) struct Subscriber {
    channel: String,
    /// What stands in front of a payload that is published, so that it is copied and not formatted.
    publish: Vec<u8>,
    /// What stands in front of a payload of that length.
    message: Vec<u8>,
    size: usize,
}

impl Subscriber {
    fn of(part: Part, room: &str, size: usize, out: &mut Vec<u8>) -> Subscriber {
        match part {
            Part::Member => command(&["SUBSCRIBE", room], out),
            Part::Publisher => out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n"),
        }
        let length = room.len();
        Subscriber {
            channel: room.into(),
            publish: format!("*3\r\n$7\r\nPUBLISH\r\n${length}\r\n{room}\r\n${size}\r\n").into_bytes(),
            message: format!("*3\r\n$7\r\nmessage\r\n${length}\r\n{room}\r\n${size}\r\n").into_bytes(),
            size,
        }
    }
}

impl Peer for Subscriber {
    const MEMBERS_PUBLISH: bool = false;

    fn new(part: Part, plan: &Plan, out: &mut Vec<u8>) -> Subscriber {
        Subscriber::of(part, &plan.room, plan.size, out)
    }

    fn receive(
        &mut self,
        input: &[u8],
        _now: Duration,
        _out: &mut Vec<u8>,
        mut take: impl FnMut(Event<'_>),
    ) -> Result<usize, String> {
        let mut rest = input;
        loop {
            // Nearly everything is a message of the length that is due, and needs no parsing.
            if let Some(behind) = rest.strip_prefix(&*self.message) {
                let Some((payload, behind)) = behind.split_at_checked(self.size) else { break };
                let Some((end, behind)) = behind.split_at_checked(2) else { break };
                if end != b"\r\n" {
                    return Err("a payload is not followed by a line end".into());
                }
                take(Event::Delivery(payload));
                rest = behind;
                continue;
            }
            let Some((reply, behind)) = reply(rest)? else { break };
            match &reply[..] {
                [b"subscribe", channel, _] if *channel == self.channel.as_bytes() => take(Event::Joined),
                [b"pong", _] => take(Event::Pong),
                [b"PONG"] => take(Event::Joined),
                [b"message", _, payload] => take(Event::Delivery(payload)),
                [[b'0'..=b'9', ..]] => {} // how many a PUBLISH has reached
                other => return Err(String::from_utf8_lossy(&other.join(&b' ')).into_owned()),
            }
            rest = behind;
        }
        Ok(input.len() - rest.len())
    }

    fn publish(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(&self.publish);
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn ping(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
        Ok(())
    }
}

fn command(words: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// What it says, and what is behind it.
type Reply<'a> = (Vec<&'a [u8]>, &'a [u8]);
type Element<'a> = (&'a [u8], &'a [u8]);

/// The first reply of `input`, an array of strings and numbers or one of these, and what is behind it; `None` if it is
/// not whole.
fn reply(input: &[u8]) -> Result<Option<Reply<'_>>, String> {
    let Some((head, behind)) = line(input) else { return Ok(None) };
    let count = match head.split_first() {
        Some((b'*', count)) => number(count)?,
        Some(_) => return Ok(element(input)?.map(|(element, behind)| (vec![element], behind))),
        None => return Err("an empty line".into()),
    };
    let mut elements = Vec::new();
    let mut rest = behind;
    for _ in 0..count {
        let Some((element, behind)) = element(rest)? else { return Ok(None) };
        elements.push(element);
        rest = behind;
    }
    Ok(Some((elements, rest)))
}

fn element(input: &[u8]) -> Result<Option<Element<'_>>, String> {
    let Some((head, behind)) = line(input) else { return Ok(None) };
    match head.split_first() {
        Some((b'$', length)) => {
            let length = number(length)?;
            let Some((string, behind)) = behind.split_at_checked(length) else { return Ok(None) };
            Ok(behind.split_at_checked(2).map(|(_, behind)| (string, behind)))
        }
        Some((b':' | b'+', word)) => Ok(Some((word, behind))),
        _ => Err(String::from_utf8_lossy(head).into_owned()),
    }
}

fn line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&input[..end], &input[end + 2..]))
}

fn number(digits: &[u8]) -> Result<usize, String> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("{} is no number", String::from_utf8_lossy(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_however_the_stream_was_cut() {
        let stream = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n:1\r\n\
            *3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$3\r\na\r\n\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n:5\r\n";
        for size in [3, 4] {
            for cut in 0..stream.len() {
                let (mut heard, mut out) = (Vec::new(), Vec::new());
                let mut peer = Subscriber::of(Part::Member, "room", size, &mut out);
                let mut hear = |event: Event<'_>| heard.push(format!("{event:?}"));
                let used = peer.receive(&stream[..cut], Duration::ZERO, &mut out, &mut hear).unwrap();
                let used = used + peer.receive(&stream[used..], Duration::ZERO, &mut out, &mut hear).unwrap();
                assert_eq!(used, stream.len());
                assert_eq!(heard, ["Joined", "Delivery([97, 13, 10])", "Pong"]);
            }
        }
    }

    #[test]
    fn error_is_told() {
        let mut peer = Subscriber::of(Part::Member, "room", 24, &mut Vec::new());
        let told = peer.receive(b"-ERR max number of clients reached\r\n", Duration::ZERO, &mut Vec::new(), |_| {});
        assert_eq!(told, Err("-ERR max number of clients reached".into()));
    }
}
