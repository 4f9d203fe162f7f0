//! `session`: runs a [`Session`] over steps and reports what it did.

use std::time::Duration;

use bookend::{
    Code, Decoder, Fault, Frame, Hello, Limits, MAX_LENGTH, Message, Outcome, Payload, Role, Session, State, Step, kind,
};

use crate::show::{bytes, cuts, encoding, hex, number};

pub(crate) fn run(role: &str, cut: &str, hello: &[u8], steps: &[&str]) -> Result<String, String> {
    let role = match role {
        "client" => Role::Client,
        "server" => Role::Server,
        _ => return Err(format!("'{role}' is not a role")),
    };
    let hello = Hello::parse(hello).map_err(|error| error.to_string())?;
    let mut run = Run {
        session: Session::new(role, hello, Limits::default(), Duration::ZERO),
        cut,
        now: Duration::ZERO,
        unused: Vec::new(),
        happened: Vec::new(),
        ended: false,
    };
    run.tell();
    let mut words = vec![run.word()];
    for step in steps {
        run.step(step)?;
        words.push(run.word());
    }
    Ok(words.join(" "))
}

struct Run<'a> {
    session: Session,
    cut: &'a str,
    now: Duration,
    /// Bytes received and not yet used.
    unused: Vec<u8>,
    happened: Vec<String>,
    ended: bool,
}

impl Run<'_> {
    fn step(&mut self, step: &str) -> Result<(), String> {
        match step.split(':').collect::<Vec<_>>()[..] {
            ["recv", input] => self.receive(&bytes(input)?),
            ["time", now] => {
                self.now = Duration::from_millis(number(now)?);
                self.session.tick(self.now);
            }
            ["eof"] => self.session.end_of_stream(self.unused.len(), self.now),
            ["send", kind, encoding_byte, body] => {
                let body = bytes(body)?;
                let frame = Frame::new(crate::show::kind(kind)?, encoding(encoding_byte)?, &body);
                self.send(frame.map_err(|error| error.to_string())?);
            }
            ["agree"] => self.session.agree_on_private_kinds(),
            ["close", code] => self.session.close(Code(number(code)?), "", self.now),
            _ => return Err(format!("'{step}' is not a step")),
        }
        self.tell();
        Ok(())
    }

    fn receive(&mut self, input: &[u8]) {
        let mut start = 0;
        for end in cuts(self.cut, input.len()) {
            let mut buffer = std::mem::take(&mut self.unused);
            buffer.extend_from_slice(&input[start..end]);
            start = end;
            let mut rest = &buffer[..];
            loop {
                let before = rest;
                let step = self.session.receive(&mut rest, self.now);
                let frame = &before[..before.len() - rest.len()];
                match step {
                    Step::Message(message) => {
                        let body = hex(&frame[8..frame.len() - 2]);
                        self.happened.push(format!("got:{:02x}:{body}", message.kind()));
                    }
                    Step::More => break,
                    _ => {}
                }
                self.tell();
            }
            self.unused = rest.to_vec();
            self.tell();
        }
    }

    fn send(&mut self, frame: Frame<'_>) {
        let mut out = Vec::new();
        let open = |name| if self.session.state() == State::Open { name } else { "not-open" };
        // What is wrong with the message alone comes first (R7.18).
        let sent = match Message::parse_agreed(frame).and_then(|message| check_reason(frame).map(|()| message)) {
            Ok(Some(message)) => self.session.encode(&message, &mut out).map_err(|misuse| misuse.name()),
            Ok(None) | Err(Fault::UnknownKind { .. }) => Err(open("unknown-kind")),
            Err(Fault::SecondHello) => Err(open("unexpected-kind")),
            Err(fault) => Err(fault.name()),
        };
        self.happened.push(match sent {
            Ok(()) => {
                self.session.wrote(self.now);
                format!("sent={}", hex(&out))
            }
            Err(name) => format!("refused:{name}"),
        });
    }

    /// Records what the session sends, and whether it has ended.
    fn tell(&mut self) {
        let mut output = Vec::new();
        self.session.take_output(&mut output);
        if !output.is_empty() {
            self.session.wrote(self.now);
        }
        let mut rest = &output[..];
        let mut decoder = Decoder::new(MAX_LENGTH);
        let mut wire = rest;
        while let Some(frame) = decoder.decode(&mut rest).expect("a session sends sound frames") {
            self.happened.push(format!("{}={}", sent(frame), hex(&wire[..wire.len() - rest.len()])));
            wire = rest;
        }
        if self.session.state() == State::Closed && !self.ended {
            self.ended = true;
            let name = match self.session.outcome() {
                Some(Outcome::Fault(error)) => error.name().into(),
                Some(Outcome::Closed(code)) => code.name().map_or_else(|| code.0.to_string(), Into::into),
                Some(Outcome::PeerClosed { code, .. }) => format!("peer-{}", code.0),
                Some(_) | None => "?".into(),
            };
            self.happened.push(format!("end:{name}"));
        }
    }

    fn word(&mut self) -> String {
        let word = if self.happened.is_empty() { "-".into() } else { self.happened.join(",") };
        self.happened.clear();
        word
    }
}

/// Checks the text of a reason before it is sent; in one that arrives, anything is permitted (R3.21).
fn check_reason(frame: Frame<'_>) -> Result<(), Fault> {
    let reason = match frame.kind() {
        kind::ERROR => frame.body().get(10..),
        kind::CLOSE => frame.body().get(2..),
        _ => None,
    };
    reason.map_or(Ok(()), |reason| Payload::decode(frame.encoding(), reason).map(drop))
}

/// A frame that the session itself sent.
pub(crate) fn sent(frame: Frame<'_>) -> String {
    if frame.kind() == kind::HELLO {
        return "hello".into();
    }
    match Message::parse(frame) {
        Ok(Some(Message::Ping(_))) => "ping".into(),
        Ok(Some(Message::Pong(probe))) => format!("pong:{}", hex(probe.as_bytes())),
        Ok(Some(Message::Error(refusal))) => {
            let name = name_of(&refusal.reason.to_str());
            format!("error:{}:{}:{}:{name}", refusal.id, refusal.frame, refusal.code.0)
        }
        Ok(Some(Message::Close { code, reason })) => format!("close:{}:{}", code.0, name_of(&reason.to_str())),
        other => format!("{other:?}"),
    }
}

/// The reason up to the first colon.
fn name_of(reason: &str) -> String {
    match reason.split(':').next() {
        None | Some("") => "-".into(),
        Some(name) => name.into(),
    }
}
