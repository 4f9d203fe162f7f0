//! The requests of each vector to an adapter, and the answers that SPEC.md requires.

use super::schema::{Frame, FramesVector, HellosVector, MessagesVector, SessionsVector, Step, TextsVector};

/// One request to an adapter.
#[derive(Debug)]
pub struct Request {
    /// How the bytes are sent, or which direction is tested, such as `whole`.
    pub how: String,
    /// The line to send, without its line feed.
    pub request: String,
    /// The answer that SPEC.md requires.
    pub expected: String,
    /// True if the answer may continue with words of the adapter's choice.
    open: bool,
}

impl Request {
    pub(crate) fn new(how: impl Into<String>, request: String, expected: String) -> Request {
        Request { how: how.into(), request, expected, open: false }
    }

    /// True if the answer may continue after `expected` with words of the adapter's choice.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// True if it asks for a session. Each item of the answer that stands for a frame which this side has sent then
    /// ends with `=` and the bytes of the frame, which `expected` does not have.
    pub fn is_session(&self) -> bool {
        self.request.starts_with("session ")
    }

    /// True if `answer`, a line without its line feed, is the expected one. The bytes of sent frames are not compared.
    pub fn passes(&self, answer: &str) -> bool {
        let expected: Vec<&str> = self.expected.split_whitespace().collect();
        let answer = if self.is_session() { without_frames(answer) } else { answer.into() };
        let words: Vec<&str> = answer.split(' ').collect();
        if self.open { words.len() > expected.len() && words.starts_with(&expected) } else { words == expected }
    }
}

/// The answer to a session without the bytes of the frames that were sent.
///
/// ```
/// assert_eq!(bookend_vectors::without_frames("hello=f5f8 got:02:61,ping=f5"), "hello got:02:61,ping");
/// ```
pub fn without_frames(answer: &str) -> String {
    let word = |word: &str| {
        let item = |item: &str| item.split_once('=').map_or(item, |(item, _)| item).to_owned();
        word.split(',').map(item).collect::<Vec<_>>().join(",")
    };
    answer.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// The bytes of a frame that are not its body: START, header and END.
const OVERHEAD: usize = 10;
const CUTS: [&str; 2] = ["whole", "bytes"];
const DEFAULT_LIMIT: u32 = 1 << 20;
const EMPTY_MESSAGE: &str = "f5f8020200000000f8f5";
const STRAY_BYTE: &str = "00";

/// Whole, byte by byte, followed by a frame and by a stray byte; then each frame written again.
pub(crate) fn frames(vector: &FramesVector) -> Vec<Request> {
    let limit = vector.limit.unwrap_or(DEFAULT_LIMIT);
    let sent = vector.bytes.text();
    let shown = |frame: &Frame| format!("{}:{}:{}", frame.kind, frame.encoding, frame.body.hex());
    let frames: Vec<String> = vector.frames.iter().map(shown).collect();
    let ending = match (&vector.result, &vector.fault) {
        (Some(result), None) => result.clone(),
        (None, Some(fault)) => format!("fault:{fault}"),
        _ => panic!("{}: a vector has either a result or a fault", vector.id),
    };
    let stray = format!("fault:bad-start:{}", sent.len() / 2);

    let mut cases = Vec::new();
    for cut in CUTS {
        let input = vector.bytes.hex();
        cases.push(Request::new(cut, format!("frame {limit} {cut} {input}"), format!("{} {ending}", frames.join(" "))));
        for (tail, then) in [(EMPTY_MESSAGE, "02:2:- end"), (STRAY_BYTE, &stray)] {
            let further = match &*ending {
                "more" => "",
                "end" => then,
                fault => fault,
            };
            let expected = format!("{} {further}", frames.join(" "));
            let (how, request) = (format!("{cut}, tail {tail}"), format!("frame {limit} {cut} {sent}{tail}"));
            cases.push(Request { how, request, expected, open: ending == "more" });
        }
    }
    if vector.canonical {
        let mut rest = &*sent;
        for frame in &vector.frames {
            let (written, left) = rest.split_at(2 * OVERHEAD + frame.body.text().len());
            let request = format!("encode {} {} {}", frame.kind, frame.encoding, frame.body.hex());
            cases.push(Request::new("written again", request, format!("ok {written}")));
            rest = left;
        }
        assert_eq!(rest, "", "{}: canonical bytes must be whole frames", vector.id);
    }
    cases
}

/// The direction that the vector names, and the other one if the bytes are canonical.
pub(crate) fn texts(vector: &TextsVector) -> Vec<Request> {
    let TextsVector { encoding, decode, utf8, bom, encode, bytes, fault, canonical, .. } = vector;
    let decodes = |hex: &str| format!("text {encoding} {hex}");
    let encodes = |hex: &str| format!("encode-text {encoding} {hex}");
    match (decode, utf8, bom, encode, bytes, fault) {
        (Some(input), Some(utf8), Some(bom), None, None, None) => {
            let (input, utf8) = (input.hex(), utf8.hex());
            let removed = if *bom { "bom" } else { "nobom" };
            let mut cases = vec![Request::new("read", decodes(&input), format!("ok {utf8} {removed}"))];
            if *canonical {
                cases.push(Request::new("written", encodes(&utf8), format!("ok {input}")));
            }
            cases
        }
        (Some(input), None, None, None, None, Some(fault)) => {
            vec![Request::new("read", decodes(&input.hex()), format!("fault:{fault}"))]
        }
        (None, None, None, Some(utf8), Some(bytes), None) => {
            let (utf8, bytes) = (utf8.hex(), bytes.hex());
            vec![
                Request::new("written", encodes(&utf8), format!("ok {bytes}")),
                Request::new("read again", decodes(&bytes), format!("ok {utf8} nobom")),
            ]
        }
        (None, None, None, Some(utf8), None, Some(fault)) => {
            vec![Request::new("written", encodes(&utf8.hex()), format!("fault:{fault}"))]
        }
        _ => panic!("{}: a vector has either decode or encode, and a result", vector.id),
    }
}

/// The body, and its canonical form, which has the same meaning.
pub(crate) fn hellos(vector: &HellosVector) -> Vec<Request> {
    const ALWAYS: [&str; 7] = ["major", "minor", "accepted", "preferred", "max-body", "keepalive", "features"];
    const OPTIONS: [&str; 7] = ["name", "room", "token", "resume", "software", "client", "requests"];
    let body = vector.body.hex();
    match (&vector.hello, &vector.fault) {
        (Some(hello), None) => {
            let wire = vector.wire.as_ref().map_or(body.clone(), |wire| wire.hex());
            let mut expected = String::from("ok");
            for name in ALWAYS.into_iter().chain(OPTIONS.into_iter().filter(|&name| hello.contains_key(name))) {
                expected += &format!(" {name}={}", hello[name].shown());
            }
            assert_eq!(expected.split(' ').count(), 1 + hello.len(), "{}: it has an unknown field", vector.id);
            expected += &format!(" wire={wire}");
            vec![
                Request::new("read", format!("hello {body}"), expected.clone()),
                Request::new("as written, read", format!("hello {wire}"), expected),
            ]
        }
        (None, Some(fault)) => vec![Request::new("read", format!("hello {body}"), format!("fault:{fault}"))],
        _ => panic!("{}: a vector has either a HELLO or a fault", vector.id),
    }
}

/// The body, and its canonical form, which has the same meaning.
pub(crate) fn messages(vector: &MessagesVector) -> Vec<Request> {
    let body = vector.body.hex();
    let request = |body: &str| format!("message {} {} {body}", vector.kind, vector.encoding);
    match (&vector.message, &vector.fields, vector.ignored, &vector.fault) {
        (Some(message), Some(fields), false, None) => {
            let wire = vector.wire.as_ref().map_or(body.clone(), |wire| wire.hex());
            let names = fields_of(message);
            assert_eq!(names.len(), fields.len(), "{}: the fields of {message} are {names:?}", vector.id);
            let shown: Vec<String> = names.iter().map(|&name| format!("{name}={}", fields[name].shown())).collect();
            let expected = format!("ok {message} {} wire={wire}", shown.join(" "));
            vec![
                Request::new("read", request(&body), expected.clone()),
                Request::new("as written, read", request(&wire), expected),
            ]
        }
        (None, None, true, None) => vec![Request::new("read", request(&body), "ignored".into())],
        (None, None, false, Some(fault)) => vec![Request::new("read", request(&body), format!("fault:{fault}"))],
        _ => panic!("{}: a vector has a message, ignored, or a fault", vector.id),
    }
}

fn fields_of(message: &str) -> &'static [&'static str] {
    match message {
        "MESSAGE" | "PING" | "PONG" => &["payload"],
        "REQUEST" | "REPLY" => &["id", "payload"],
        "ERROR" => &["id", "frame", "code", "reason"],
        "CLOSE" => &["code", "reason"],
        "WELCOME" => &["member", "seq", "greeting"],
        "PRESENCE" => &["member", "event", "name"],
        "POST" => &["to", "payload"],
        "DELIVERY" => &["from", "to", "seq", "time", "name", "payload"],
        "GAP" => &["missed"],
        "CANCEL" => &["id"],
        _ => panic!("{message} is not a message"),
    }
}

/// Whole and byte by byte, and each followed by a message, which an ended session ignores.
pub(crate) fn sessions(vector: &SessionsVector) -> Vec<Request> {
    let steps: Vec<String> = vector.steps.iter().map(step).collect();
    let words: Vec<String> = std::iter::once(&vector.start)
        .chain(vector.steps.iter().map(|step| &step.then))
        .map(|word| word.text())
        .collect();
    let over = words
        .iter()
        .flat_map(|word| word.split(','))
        .any(|item| item.starts_with("close:") || item.starts_with("end:"));
    let mut cases = Vec::new();
    for cut in CUTS {
        let request = format!("session {} {cut} {} {}", vector.role, vector.hello.hex(), steps.join(" "));
        let tail = format!("{request} recv:{EMPTY_MESSAGE}");
        cases.push(Request::new(cut, request, words.join(" ")));
        let expected = words.join(" ") + if over { " -" } else { "" };
        cases.push(Request { how: format!("{cut}, tail"), request: tail, expected, open: !over });
    }
    cases
}

fn step(step: &Step) -> String {
    let sent = |frame: &Frame| format!("send:{}:{}:{}", frame.kind, frame.encoding, frame.body.hex());
    let words = [
        step.recv.as_ref().map(|bytes| format!("recv:{}", bytes.hex())),
        step.time.map(|time| format!("time:{time}")),
        step.eof.then(|| "eof".into()),
        step.send.as_ref().map(sent),
        step.agree.then(|| "agree".into()),
        step.close.map(|code| format!("close:{code}")),
    ];
    match &words.iter().flatten().collect::<Vec<_>>()[..] {
        [word] => word.to_string(),
        _ => panic!("a step has exactly one action"),
    }
}
