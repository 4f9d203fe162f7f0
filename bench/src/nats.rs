//! NATS: SUB and PUB, without headers. A subscriber may publish, and receives its own messages too.

use std::time::Duration;

use bookend_load::{Event, Peer, Plan, Purpose};

pub(crate) struct Subscriber {
    publish: Vec<u8>,
    /// The bytes before a received payload of the expected length.
    message: Vec<u8>,
    size: usize,
    joined: bool,
}

const CONNECT: &str = r#"CONNECT {"verbose":false,"pedantic":false,"lang":"rust","version":"1"}"#;

impl Subscriber {
    fn of(_purpose: Purpose, room: &str, size: usize, out: &mut Vec<u8>) -> Subscriber {
        // The PONG shows that the server has processed SUB.
        out.extend_from_slice(format!("{CONNECT}\r\nSUB {room} 1\r\nPING\r\n").as_bytes());
        Subscriber {
            publish: format!("PUB {room} {size}\r\n").into_bytes(),
            message: format!("MSG {room} 1 {size}\r\n").into_bytes(),
            size,
            joined: false,
        }
    }
}

impl Peer for Subscriber {
    const MEMBERS_PUBLISH: bool = true;

    fn new(purpose: Purpose, plan: &Plan, out: &mut Vec<u8>) -> Subscriber {
        Subscriber::of(purpose, &plan.room, plan.size, out)
    }

    fn receive(
        &mut self,
        input: &[u8],
        _now: Duration,
        out: &mut Vec<u8>,
        mut take: impl FnMut(Event<'_>),
    ) -> Result<usize, String> {
        let mut rest = input;
        loop {
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
            let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else { break };
            let line = &rest[..end];
            match line.split(|&byte| byte == b' ').next() {
                Some(b"INFO" | b"+OK") => {}
                Some(b"PING") => out.extend_from_slice(b"PONG\r\n"),
                Some(b"PONG") if self.joined => take(Event::Pong),
                Some(b"PONG") => {
                    self.joined = true;
                    take(Event::Joined);
                }
                // An MSG of another length is also wrong.
                _ => return Err(String::from_utf8_lossy(line).into_owned()),
            }
            rest = &rest[end + 2..];
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
        out.extend_from_slice(b"PING\r\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_however_the_stream_is_split() {
        let stream = b"INFO {}\r\nPONG\r\nMSG room 1 3\r\na\r\n\r\nPING\r\nPONG\r\n";
        for cut in 0..stream.len() {
            let (mut events, mut out) = (Vec::new(), Vec::new());
            let mut peer = Subscriber::of(Purpose::Member, "room", 3, &mut out);
            out.clear();
            let mut take = |event: Event<'_>| events.push(format!("{event:?}"));
            let used = peer.receive(&stream[..cut], Duration::ZERO, &mut out, &mut take).unwrap();
            let used = used + peer.receive(&stream[used..], Duration::ZERO, &mut out, &mut take).unwrap();
            assert_eq!((used, &*out), (stream.len(), &b"PONG\r\n"[..]));
            assert_eq!(events, ["Joined", "Delivery([97, 13, 10])", "Pong"]);
        }
    }

    #[test]
    fn error_and_wrong_length_end_the_run() {
        for line in ["-ERR 'Slow Consumer'", "MSG room 1 4"] {
            let mut peer = Subscriber::of(Purpose::Member, "room", 3, &mut Vec::new());
            let result = peer.receive(format!("{line}\r\n").as_bytes(), Duration::ZERO, &mut Vec::new(), |_| {});
            assert_eq!(result, Err(line.into()));
        }
    }
}
