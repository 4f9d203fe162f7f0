//! Redis: SUBSCRIBE and PUBLISH, in RESP2. A subscriber cannot publish, so publishers are separate connections.

use std::time::Duration;

use bookend_load::{Event, Peer, Plan, Purpose};

pub(crate) struct Subscriber {
    channel: String,
    /// The bytes before a published payload, formatted once.
    publish: Vec<u8>,
    /// The bytes before a received payload of the expected length.
    message: Vec<u8>,
    size: usize,
}

impl Subscriber {
    fn of(purpose: Purpose, room: &str, size: usize, out: &mut Vec<u8>) -> Subscriber {
        match purpose {
            Purpose::Member => command(&["SUBSCRIBE", room], out),
            Purpose::Publisher => out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n"),
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

    fn new(purpose: Purpose, plan: &Plan, out: &mut Vec<u8>) -> Subscriber {
        Subscriber::of(purpose, &plan.room, plan.size, out)
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
            // Nearly everything is a message of the expected length, which needs no parsing.
            if let Some(after) = rest.strip_prefix(&*self.message) {
                let Some((payload, after)) = after.split_at_checked(self.size) else { break };
                let Some((end, after)) = after.split_at_checked(2) else { break };
                if end != b"\r\n" {
                    return Err("a payload is not followed by a line end".into());
                }
                take(Event::Delivery(payload));
                rest = after;
                continue;
            }
            let Some((reply, after)) = reply(rest)? else { break };
            match &reply[..] {
                [b"subscribe", channel, _] if *channel == self.channel.as_bytes() => take(Event::Joined),
                [b"pong", _] => take(Event::Pong),
                [b"PONG"] => take(Event::Joined),
                [b"message", _, payload] => take(Event::Delivery(payload)),
                [[b'0'..=b'9', ..]] => {} // the number of subscribers that a PUBLISH reached
                other => return Err(String::from_utf8_lossy(&other.join(&b' ')).into_owned()),
            }
            rest = after;
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

/// A parsed reply, and the input after it.
type Reply<'a> = (Vec<&'a [u8]>, &'a [u8]);
type Element<'a> = (&'a [u8], &'a [u8]);

/// The first reply of `input`, an array of strings and numbers or a single one, and the input after it; `None` if it is
/// incomplete.
fn reply(input: &[u8]) -> Result<Option<Reply<'_>>, String> {
    let Some((head, after)) = line(input) else { return Ok(None) };
    let count = match head.split_first() {
        Some((b'*', count)) => number(count)?,
        Some(_) => return Ok(element(input)?.map(|(element, after)| (vec![element], after))),
        None => return Err("an empty line".into()),
    };
    let mut elements = Vec::new();
    let mut rest = after;
    for _ in 0..count {
        let Some((element, after)) = element(rest)? else { return Ok(None) };
        elements.push(element);
        rest = after;
    }
    Ok(Some((elements, rest)))
}

fn element(input: &[u8]) -> Result<Option<Element<'_>>, String> {
    let Some((head, after)) = line(input) else { return Ok(None) };
    match head.split_first() {
        Some((b'$', length)) => {
            let length = number(length)?;
            let Some((string, after)) = after.split_at_checked(length) else { return Ok(None) };
            Ok(after.split_at_checked(2).map(|(_, after)| (string, after)))
        }
        Some((b':' | b'+', word)) => Ok(Some((word, after))),
        _ => Err(String::from_utf8_lossy(head).into_owned()),
    }
}

fn line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&input[..end], &input[end + 2..]))
}

fn number(digits: &[u8]) -> Result<usize, String> {
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("{} is not a number", String::from_utf8_lossy(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_however_the_stream_is_split() {
        let stream = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n:1\r\n\
            *3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$3\r\na\r\n\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n:5\r\n";
        for size in [3, 4] {
            for cut in 0..stream.len() {
                let (mut events, mut out) = (Vec::new(), Vec::new());
                let mut peer = Subscriber::of(Purpose::Member, "room", size, &mut out);
                let mut take = |event: Event<'_>| events.push(format!("{event:?}"));
                let used = peer.receive(&stream[..cut], Duration::ZERO, &mut out, &mut take).unwrap();
                let used = used + peer.receive(&stream[used..], Duration::ZERO, &mut out, &mut take).unwrap();
                assert_eq!(used, stream.len());
                assert_eq!(events, ["Joined", "Delivery([97, 13, 10])", "Pong"]);
            }
        }
    }

    #[test]
    fn error_ends_the_run() {
        let mut peer = Subscriber::of(Purpose::Member, "room", 24, &mut Vec::new());
        let result = peer.receive(b"-ERR max number of clients reached\r\n", Duration::ZERO, &mut Vec::new(), |_| {});
        assert_eq!(result, Err("-ERR max number of clients reached".into()));
    }
}
