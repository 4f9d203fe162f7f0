//! The frames that a session of an adapter has sent: each item of an answer that stands for one shows its bytes.

use bookend::{
    Decoder, Encoding, Encodings, Fault, Frame, Hello, MAX_LENGTH, Message, OVERHEAD, Payload, Refusal, kind,
};
use bookend_vectors::spec;
use data_encoding::HEXLOWER;

/// The longest reason, in bytes (R6.5).
const MAX_REASON: usize = 200;
/// US-ASCII and UTF-8: what a reason is written in before the other side's HELLO (R6.5).
const BEFORE_HELLO: [Encoding; 2] = [Encoding::Ascii, Encoding::Utf8];

/// What is wrong with the bytes of a frame that an item of an answer shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The word of the answer: 0 is the start, 1 the first step.
    pub(super) word: usize,
    pub(super) why: String,
}

/// Judges every frame that the answer to a `session` request shows. The items themselves are right.
pub(super) fn judge(request: &str, answer: &str) -> Result<(), Wrong> {
    let mut asked = request.split(' ').skip(1);
    let (role, _, hello) = (asked.next(), asked.next(), asked.next());
    let mut judge = Judge { own: own_hello(role, hello), received: Vec::new(), peer: None };
    let steps: Vec<&str> = asked.collect();
    for (word, items) in answer.split(' ').enumerate() {
        let step = word.checked_sub(1).and_then(|index| steps.get(index)).copied().unwrap_or_default();
        if let Some(bytes) = step.strip_prefix("recv:") {
            judge.receive(bytes);
        }
        for item in items.split(',') {
            judge.item(item, step).map_err(|why| Wrong { word, why: format!("{}: {why}", name_of(item)) })?;
        }
    }
    Ok(())
}

struct Judge {
    /// The body of the HELLO that this side sends.
    own: Vec<u8>,
    /// Everything that has arrived.
    received: Vec<u8>,
    /// What the other side accepts, once its HELLO has arrived.
    peer: Option<Encodings>,
}

impl Judge {
    fn receive(&mut self, hex: &str) {
        self.received.extend(HEXLOWER.decode(hex.as_bytes()).unwrap_or_default());
        if self.peer.is_none() {
            let hello = self.frames().next().filter(|frame| frame.kind() == kind::HELLO);
            self.peer = hello.and_then(|frame| Some(Hello::parse(frame.body()).ok()?.accepted()));
        }
    }

    /// The frames that have arrived, HELLO first.
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let start = self.received.iter().position(|&byte| byte == bookend::START[0]).unwrap_or(self.received.len());
        let mut rest = &self.received[start..];
        let mut decoder = Decoder::new(MAX_LENGTH);
        std::iter::from_fn(move || decoder.decode(&mut rest).ok().flatten())
    }

    /// Judges one item, which belongs to this step.
    fn item(&self, item: &str, step: &str) -> Result<(), String> {
        let (words, wire) = match item.split_once('=') {
            Some((words, wire)) => (words, Some(wire)),
            None => (item, None),
        };
        let words: Vec<&str> = words.split(':').collect();
        if !matches!(words[0], "hello" | "ping" | "pong" | "error" | "close" | "sent") {
            return if wire.is_none() { Ok(()) } else { Err("it stands for no frame that was sent".into()) };
        }
        let wire = wire.ok_or("the bytes are missing: write `=` and the whole frame in hex after the item")?;
        let wire = HEXLOWER.decode(wire.as_bytes()).map_err(|_| "after `=`, lower-case hex is expected")?;
        let frame = only_frame(&wire)?;
        match words[..] {
            ["hello"] => self.hello(frame),
            ["ping"] => probe(frame, kind::PING, None),
            ["pong", bytes] => probe(frame, kind::PONG, Some(bytes)),
            ["error", ref fields @ ..] => self.reason(frame, kind::ERROR, fields),
            ["close", ref fields @ ..] => self.reason(frame, kind::CLOSE, fields),
            ["sent"] => self.sent(frame, &wire, step),
            _ => Err("it has too few or too many fields".into()),
        }
    }

    fn hello(&self, frame: Frame<'_>) -> Result<(), String> {
        expect_kind(frame, kind::HELLO)?;
        if frame.encoding() != Encoding::Binary {
            return Err("its encoding must be 0".into());
        }
        if frame.body() != self.own {
            let (own, found) = (HEXLOWER.encode(&self.own), HEXLOWER.encode(frame.body()));
            return Err(format!("its body must be {own} (R4.23: a client adds the option `client`), and is {found}"));
        }
        Ok(())
    }

    /// An ERROR or a CLOSE. `fields` are those of the item: numbers and the name.
    fn reason(&self, frame: Frame<'_>, expected: u8, fields: &[&str]) -> Result<(), String> {
        expect_kind(frame, expected)?;
        let message = Message::parse(frame).map_err(|fault| format!("it is {}", fault.name()))?;
        let (found, fixed) = match message {
            Some(Message::Error(Refusal { id, frame, code, .. })) => (format!("{id}:{frame}:{}", code.0), 10),
            Some(Message::Close { code, .. }) => (code.0.to_string(), 2),
            _ => return Err("it is no message".into()),
        };
        let [numbers @ .., name] = fields else { return Err("it has too few fields".into()) };
        if found != numbers.join(":") {
            return Err(format!("its bytes say {found}"));
        }
        let reason = &frame.body()[fixed..];
        if reason.len() > MAX_REASON {
            return Err(format!("its reason has {} bytes, more than {MAX_REASON} (R6.5)", reason.len()));
        }
        self.accepts(frame.encoding())?;
        let text = match Payload::decode(frame.encoding(), reason) {
            Ok(Payload::Text(text)) => text.to_str(),
            Ok(Payload::Binary(_)) => return Err("the encoding of a reason must not be 0".into()),
            Err(fault) => return Err(format!("its reason is {fault}")),
        };
        let begins = text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(": "));
        if begins || (*name == "-" && text.is_empty()) {
            Ok(())
        } else {
            Err(format!("its reason must be the name, alone or followed by `: ` (R6.2), and is {text:?}"))
        }
    }

    /// A message of the application, as the step gives it.
    fn sent(&self, frame: Frame<'_>, wire: &[u8], step: &str) -> Result<(), String> {
        self.accepts(frame.encoding())?;
        let expected = self.canonical(step).ok_or("this step sends nothing")?;
        if wire == expected {
            return Ok(());
        }
        let mark = expected.len() < wire.len() && frame.encoding() != Encoding::Binary;
        let hint = if mark { " (R5.5: a leading byte order mark is not sent)" } else { "" };
        Err(format!("the frame must be {}{hint}, and is {}", HEXLOWER.encode(&expected), HEXLOWER.encode(wire)))
    }

    /// The frame of a `send` step: without a leading mark, and an ERROR for a REQUEST with the number of its frame.
    fn canonical(&self, step: &str) -> Option<Vec<u8>> {
        let ["send", kind, encoding, body] = step.split(':').collect::<Vec<_>>()[..] else { return None };
        let body = HEXLOWER.decode(if body == "-" { b"" } else { body.as_bytes() }).ok()?;
        let encoding = Encoding::from_byte(encoding.parse().ok()?)?;
        let frame = Frame::new(u8::from_str_radix(kind, 16).ok()?, encoding, &body).ok()?;
        let mut message = Message::parse_agreed(frame).ok()??;
        if let Message::Error(refusal) = &mut message
            && refusal.id != 0
        {
            refusal.frame = self.number_of_request(refusal.id)?;
        }
        let mut wire = Vec::new();
        message.encode(MAX_LENGTH, &mut wire).ok()?;
        Some(wire)
    }

    /// The number of the frame of the latest REQUEST with this id (R3.17).
    fn number_of_request(&self, wanted: u32) -> Option<u32> {
        let requests = self.frames().enumerate().filter(|(_, frame)| {
            frame.kind() == kind::REQUEST && frame.body().first_chunk() == Some(&wanted.to_be_bytes())
        });
        u32::try_from(requests.last()?.0).ok()
    }

    /// Checks that the other side reads this encoding.
    fn accepts(&self, encoding: Encoding) -> Result<(), String> {
        match self.peer {
            Some(peer) if !peer.contains(encoding) => Err(format!("the other side does not accept {encoding} (R5.10)")),
            None if !BEFORE_HELLO.contains(&encoding) => {
                Err(format!("before the other side's HELLO a reason is in US-ASCII or UTF-8 (R6.5), not in {encoding}"))
            }
            _ => Ok(()),
        }
    }
}

/// The requirement that an explanation cites.
pub(super) fn requirement_in(why: &str) -> Option<&'static str> {
    let cited = why.split(['(', ':', ')']).find(|part| part.starts_with('R') && part.contains('.'))?;
    spec::requirement(cited).map(|requirement| requirement.tag)
}

/// The item without its bytes.
fn name_of(item: &str) -> &str {
    item.split_once('=').map_or(item, |(item, _)| item)
}

/// The body of the HELLO that a side sends for the HELLO of the request.
fn own_hello(role: Option<&str>, hello: Option<&str>) -> Vec<u8> {
    let body = hello.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok()).unwrap_or_default();
    let Ok(hello) = Hello::parse(&body) else { return body };
    // The option has no value: type 7 and length 0. Options are written in the order of their types.
    let option = [7, 0];
    let canonical = hello.body();
    let (fixed, mut options) = canonical.split_at(24);
    let mut own = fixed.to_vec();
    let mut placed = role != Some("client");
    while let [kind, length, rest @ ..] = options {
        let value = &rest[..usize::from(*length)];
        if !placed && *kind > option[0] {
            own.extend(option);
            placed = true;
        }
        if *kind != option[0] {
            own.extend([*kind, *length]);
            own.extend(value);
        }
        options = &rest[value.len()..];
    }
    if !placed {
        own.extend(option);
    }
    own
}

/// The frame that these bytes are, and nothing more.
fn only_frame(wire: &[u8]) -> Result<Frame<'_>, String> {
    let mut rest = wire;
    match Decoder::new(MAX_LENGTH).decode(&mut rest) {
        Ok(Some(frame)) if rest.is_empty() => Ok(frame),
        Ok(Some(frame)) => Err(format!("{} bytes follow its frame", wire.len() - OVERHEAD - frame.body().len())),
        Ok(None) => Err(format!("its {} bytes are not a whole frame", wire.len())),
        Err(fault) => Err(format!("its bytes are no frame: {fault}")),
    }
}

fn expect_kind(frame: Frame<'_>, expected: u8) -> Result<(), String> {
    let name = |kind| kind::name(kind).map_or_else(|| format!("kind {kind:02x}"), Into::into);
    if frame.kind() == expected {
        Ok(())
    } else {
        Err(format!("it must be {}, and is {}", name(expected), name(frame.kind())))
    }
}

/// A PING, or the PONG with these bytes.
fn probe(frame: Frame<'_>, expected: u8, bytes: Option<&str>) -> Result<(), String> {
    expect_kind(frame, expected)?;
    if let Err(fault @ Fault::Malformed { .. }) = Message::parse(frame) {
        return Err(fault.to_string());
    }
    let found = HEXLOWER.encode(frame.body());
    match bytes {
        Some(bytes) if found != if bytes == "-" { "" } else { bytes } => Err(format!("its bytes say {found}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "424b4e440d0a1a0aff110d0001001f000010000000000000";
    const ASCII_HELLO: &str = "424b4e440d0a1a0aff110d00010007000010000000000000";

    fn request(steps: &str) -> String {
        format!("session server whole {HELLO} recv:f5f8010000000018{ASCII_HELLO}f8f5 {steps}")
    }

    fn of(steps: &str, answer: &str) -> String {
        let answer = format!("- hello=f5f8010000000018{HELLO}f8f5 {answer}");
        judge(&request(steps), &answer)
            .map_or_else(|wrong| format!("{} {}", wrong.word, wrong.why), |()| "right".into())
    }

    #[test]
    fn right_frames_are_right() {
        assert_eq!(of("send:02:2:efbbbf61", "sent=f5f802020000000161f8f5"), "right"); // [R5.5]
        assert_eq!(of("time:1", "ping=f5f8060000000000f8f5"), "right");
        assert_eq!(of("recv:f5f806000000000161f8f5", "pong:61=f5f807000000000161f8f5"), "right");
        assert_eq!(of("close:1000", "close:1000:normal=f5f808010000000803e86e6f726d616cf8f5"), "right");
        assert_eq!(of("close:3000", "close:3000:-=f5f80801000000020bb8f8f5"), "right");
        // [R3.17] [R7.19] The REQUEST is frame 1, whatever the application says.
        let steps = "recv:f5f803010000000400000005f8f5 send:05:1:00000005000000630bb8";
        assert_eq!(of(steps, "got:03:00000005 sent=f5f805010000000a00000005000000010bb8f8f5"), "right");
    }

    #[test]
    fn each_mistake_is_named() {
        for (steps, answer, why) in [
            ("time:1", "ping", "2 ping: the bytes are missing"),
            ("time:1", "got:02:61=f5f8", "stands for no frame"),
            ("time:1", "ping=f5f8060000000000f8", "not a whole frame"),
            ("time:1", "ping=f5f8060000000000f9f5", "its bytes are no frame"),
            ("time:1", "ping=f5f8070000000000f8f5", "it must be PING, and is PONG"),
            ("time:1", "ping=f5f8060000000000f8f500", "follow its frame"),
            ("time:1", "pong:61=f5f807000000000162f8f5", "its bytes say 62"),
            ("send:02:2:efbbbf61", "sent=f5f8020200000004efbbbf61f8f5", "byte order mark is not sent"),
            ("send:02:2:61", "sent=f5f802010000000161f8f5", "the frame must be f5f80202"),
            ("close:1000", "close:1000:normal=f5f808030000000e03e8006e006f0072006d0061006cf8f5", "R5.10"),
            ("close:1000", "close:1000:normal=f5f808010000000803e96e6f726d616cf8f5", "its bytes say 1001"),
            ("close:1000", "close:1000:normal=f5f808010000000803e86e6f726d616df8f5", "R6.2"),
        ] {
            let found = of(steps, answer);
            assert!(found.contains(why), "{answer}: {found}");
        }
        let early = format!("session client whole {HELLO} close:1000");
        let own = format!("{HELLO}0700");
        let hello = format!("hello=f5f801000000001a{own}f8f5");
        assert_eq!(judge(&early, &format!("{hello} close:1000:-=f5f808010000000203e8f8f5")), Ok(()));
        let wrong = judge(&early, &format!("{hello} close:1000:-=f5f808040000000203e8f8f5")).unwrap_err();
        assert!(wrong.why.contains("US-ASCII or UTF-8"), "{wrong:?}");
        let without = judge(&early, &format!("hello=f5f8010000000018{HELLO}f8f5 -")).unwrap_err();
        assert!(without.word == 0 && without.why.contains("R4.23"), "{without:?}");
    }
}
