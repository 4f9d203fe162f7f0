//! docs/troubleshooting.md has an entry for each name that Bookend reports, and its examples match the diagnoses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bookend::diagnosis::{Diagnosis, Evidence, MISTAKES, diagnose};
use bookend::{
    Code, Decoder, Encoding, Frame, Hello, Limits, MAX_LENGTH, Message, Outcome, Payload, Role, Session, Step, kind,
};

const PAGE: &str = "docs/troubleshooting.md";
const FAULTS: &str = "Faults";
const CLIENT: &str = "The client's own names";

#[test]
fn every_mistake_has_an_entry_in_the_order_of_the_table() {
    let page = Page::read();
    let entries: Vec<&str> = page.mistakes().map(|entry| &*entry.name).collect();
    let mistakes: Vec<&str> = MISTAKES.iter().map(|mistake| mistake.name).collect();
    assert_eq!(entries, mistakes);
}

#[test]
fn every_fault_and_code_has_an_entry_and_nothing_else_has() {
    let page = Page::read();
    let mut entries: Vec<&str> = page.faults().map(|entry| &*entry.name).collect();
    entries.sort_unstable();
    assert_eq!(entries, fault_names());
}

#[test]
fn every_name_of_the_client_has_a_row_and_nothing_else_has() {
    let page = Page::read();
    let rows = page.section(CLIENT).filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut rows: Vec<&str> = rows.collect();
    rows.sort_unstable();
    assert_eq!(rows, client_names());
}

#[test]
fn every_example_matches_the_diagnosis() {
    let page = Page::read();
    let mut wrong = Vec::new();
    for entry in &page.entries {
        let is_fault = entry.section == FAULTS;
        assert!(is_fault || !entry.examples.is_empty(), "{} has no example", entry.name);
        for example in &entry.examples {
            let (first, said) = example.judge();
            if said != example.says || first != Some(&entry.name) {
                wrong.push(format!("{PAGE}:{}: the diagnosis of `{}` is\n> `{said}`", example.line, entry.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hello_in_examples_is_a_hello() {
    let page = Page::read();
    let definition = page.lines.iter().find_map(|line| line.strip_prefix("HELLO ")).expect("the page says it");
    assert_eq!(bytes(definition), (hello(), Ending::Open));
}

#[test]
fn links_lead_somewhere() {
    let mut to_the_page = 0;
    for file in [PAGE, "README.md", "CHANGELOG.md"] {
        let path = root().join(file);
        for target in targets(&read(&path)).into_iter().filter(|target| !target.contains("://")) {
            let (name, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = path.parent().expect("a file is in a folder");
            let linked = if name.is_empty() { path.clone() } else { folder.join(name) };
            assert!(linked.exists(), "{file} links to {target}");
            assert!(
                anchor.is_empty() || anchors(&read(&linked)).iter().any(|known| known == anchor),
                "{file}: {target}"
            );
            to_the_page += usize::from(file != PAGE && linked.ends_with(PAGE));
        }
    }
    assert!(to_the_page >= 3, "README and CHANGELOG link to the page");
    let module = read(&root().join("protocol/src/diagnosis.rs"));
    assert!(module.lines().any(|line| line.starts_with("//!") && line.contains(PAGE)), "diagnosis.rs names the page");
}

#[test]
fn headings_are_unique() {
    let mut anchors = anchors(&read(&root().join(PAGE)));
    anchors.sort_unstable();
    let twice = anchors.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
}

// ---- the names

/// What `Fault::name`, `Misuse::name` and `Code::name` return, sorted. The source of the first two has every variant in
/// its match; the last is asked for every number.
fn fault_names() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for file in ["fault", "misuse"] {
        let source = read(&root().join(format!("protocol/src/{file}.rs")));
        let (_, body) = source.split_once("pub const fn name(&self) -> &'static str {").expect("each has a name");
        let (body, _) = body.split_once("\n    }\n").expect("the function ends");
        names.extend(literals(body).map(str::to_owned));
    }
    assert!(names.len() > 20, "{names:?}");
    names.extend((0..=u16::MAX).filter_map(|code| Code(code).name()).map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}

/// What the client calls a failure that is no fault of the protocol, sorted: every name in the source of its errors, as
/// far as they are named there and not shown.
fn client_names() -> Vec<String> {
    let known = fault_names();
    let is_name = |word: &&str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            && !known.iter().any(|known| known == word)
            && MISTAKES.iter().all(|mistake| mistake.name != *word)
    };
    let mut names: Vec<String> = Vec::new();
    for file in ["cause", "error", "error/join", "error/send", "proxy", "tls", "tls/trust"] {
        let source = read(&root().join(format!("client/src/{file}.rs")));
        let source: String = source
            .lines()
            .filter(|line| !line.contains("feature = \""))
            .fold(String::new(), |all, line| all + line + "\n");
        let end = if file.starts_with("error") { "impl fmt::Display" } else { "#[cfg(test)]" };
        let named = source.split_once(end).map_or(&*source, |(named, _)| named);
        // Other words in some files look like names, but have no hyphen.
        let is_other = file.starts_with("tls") || file == "proxy";
        let is_named = |word: &&str| !is_other || word.contains('-') || *word == "unsupported";
        names.extend(literals(named).filter(is_name).filter(is_named).map(str::to_owned));
    }
    assert!(names.len() > 5, "{names:?}");
    names.sort_unstable();
    names.dedup();
    names
}

/// What stands in quotes in source code without escapes.
fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.split('"').skip(1).step_by(2))
}

// ---- the page

/// The page: entries under headings that are names.
struct Page {
    lines: Vec<String>,
    entries: Vec<Entry>,
}

struct Entry {
    section: String,
    name: String,
    examples: Vec<Example>,
}

/// Bytes in a block, and the line after it.
struct Example {
    /// The number of the line after the block, from 1.
    line: usize,
    source: String,
    says: String,
}

impl Page {
    fn read() -> Page {
        let lines: Vec<String> = read(&root().join(PAGE)).lines().map(str::to_owned).collect();
        let (mut section, mut entries, mut at) = (String::new(), Vec::<Entry>::new(), 0);
        while at < lines.len() {
            let line = &lines[at];
            if let Some(title) = line.strip_prefix("## ") {
                section = title.to_owned();
            } else if let Some(title) = line.strip_prefix("### `") {
                let name = title.strip_suffix('`').expect("a name is all of its heading").to_owned();
                entries.push(Entry { section: section.clone(), name, examples: Vec::new() });
            } else if let Some(language) = line.strip_prefix("```") {
                let end = (at + 1..lines.len()).find(|&end| lines[end] == "```").expect("a block ends");
                if let (Some(entry), "text") = (entries.last_mut(), language) {
                    let source = lines[at + 1..end].join(" ");
                    let says = lines.get(end + 1).and_then(|line| line.strip_prefix("> `")?.strip_suffix('`'));
                    let says = says.unwrap_or_else(|| panic!("{PAGE}:{}: what does Bookend say?", end + 2)).to_owned();
                    entry.examples.push(Example { line: end + 2, source, says });
                }
                at = end;
            }
            at += 1;
        }
        Page { lines, entries }
    }

    fn mistakes(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.section != FAULTS)
    }

    fn faults(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.section == FAULTS)
    }

    /// The lines below a heading of the second level.
    fn section(&self, title: &str) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().map(String::as_str);
        let below = lines.skip_while(move |line| line.strip_prefix("## ") != Some(title)).skip(1);
        below.take_while(|line| !line.starts_with("## "))
    }
}

/// Where links lead that stand in running text.
fn targets(page: &str) -> Vec<String> {
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.map(str::to_owned).collect()
}

/// What a heading is linked by: its words in small letters with hyphens between them.
fn anchors(page: &str) -> Vec<String> {
    let mut fenced = false;
    let headings = page.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        line.starts_with('#') && !fenced
    });
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// ---- the examples

/// What follows the bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It does not matter.
    Open,
    /// Nothing, until the time is up.
    Silence,
    /// The end of the stream.
    End,
}

impl Example {
    /// What is named first, a mistake or else the fault, and the line. `stream` is what a server reads from the first byte
    /// on, `client` what a client reads, `sound` a frame with numbers; the name of an encoding stands before the payload of a MESSAGE in that encoding.
    fn judge(&self) -> (Option<&'static str>, String) {
        let (subject, rest) = self.source.split_once(' ').expect("a word, then bytes");
        let (bytes, ending) = bytes(rest);
        let of_that_name = |encoding: &Encoding| encoding.name() == subject;
        let of_stream = |role| {
            diagnosis_of_stream(role, &bytes, ending)
                .unwrap_or_else(|| panic!("{PAGE}:{}: nothing is wrong", self.line))
        };
        let (fault, diagnosis) = match Encoding::ALL.into_iter().find(of_that_name) {
            Some(encoding) => diagnosis_of_text(encoding, &bytes),
            None if subject == "stream" => of_stream(Role::Server),
            None if subject == "client" => of_stream(Role::Client),
            None if subject == "sound" => (None, diagnosis_of_numbers(&bytes)),
            None => panic!("{PAGE}:{}: {subject} is neither a stream nor an encoding", self.line),
        };
        (diagnosis.first().map(|first| first.name()).or(fault), diagnosis.to_string())
    }
}

/// The fault of a stream that this side reads, if it has one, and its diagnosis, which CLOSE carries.
fn diagnosis_of_stream(role: Role, wire: &[u8], ending: Ending) -> Option<(Option<&'static str>, Diagnosis)> {
    let mut now = Duration::ZERO;
    let mut session = Session::new(role, Hello::new(), Limits::default(), now);
    let mut rest = wire;
    let past = |rest: &[u8]| &wire[..wire.len() - rest.len()];
    loop {
        let before = rest;
        let step = session.receive(&mut rest, now);
        session.explain(past(before), before);
        if step == Step::More {
            break;
        }
    }
    match ending {
        Ending::Open => {}
        Ending::End => session.end_of_stream(rest.len(), now),
        Ending::Silence => {
            while session.outcome().is_none() {
                now = session.deadline().expect("a session has a deadline");
                session.tick(now);
            }
        }
    }
    session.explain(past(rest), rest);
    let Some(Outcome::Fault(fault)) = session.outcome() else { return None };
    let (fault, diagnosis) = (fault.name(), session.diagnosis().expect("it has been explained").clone());
    assert_eq!(last_reason(&mut session), diagnosis.to_string());
    Some((Some(fault), diagnosis))
}

/// The diagnosis of a payload, which ERROR carries if it is bad text.
fn diagnosis_of_text(encoding: Encoding, payload: &[u8]) -> (Option<&'static str>, Diagnosis) {
    let diagnosis = diagnose(&Evidence::text(encoding, payload));
    let Err(fault) = Payload::decode(encoding, payload) else { return (None, diagnosis) };
    let mut session = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    let mut wire = hello();
    Frame::new(kind::MESSAGE, encoding, payload).expect("is short").encode(&mut wire);
    let mut rest = &wire[..];
    while session.receive(&mut rest, Duration::ZERO) != Step::More {}
    assert_eq!(last_reason(&mut session), diagnosis.to_string());
    (Some(fault.name()), diagnosis)
}

/// The diagnosis of the numbers of a sound frame.
fn diagnosis_of_numbers(wire: &[u8]) -> Diagnosis {
    let mut decoder = Decoder::new(MAX_LENGTH);
    let frame = decoder.decode(&mut &*wire).expect("is sound").expect("is whole");
    diagnose(&Evidence::numbers(Message::parse(frame).expect("is legal").expect("is a message")))
}

/// The reason of the CLOSE or the ERROR that a session sends last.
fn last_reason(session: &mut Session) -> String {
    let mut output = Vec::new();
    session.take_output(&mut output);
    let (mut rest, mut decoder, mut last) = (&output[..], Decoder::new(MAX_LENGTH), None);
    while let Some(frame) = decoder.decode(&mut rest).expect("is sound") {
        last = Some(frame);
    }
    match last.map(Message::parse) {
        Some(Ok(Some(Message::Close { reason, .. }))) => reason.to_str().into_owned(),
        Some(Ok(Some(Message::Error(refusal)))) => refusal.reason.to_str().into_owned(),
        other => panic!("neither CLOSE nor ERROR, but {other:?}"),
    }
}

fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

/// Bytes in the page's notation: hexadecimal, ASCII in quotes, `×N` after what is repeated N times, `HELLO`; and the ending.
fn bytes(mut notation: &str) -> (Vec<u8>, Ending) {
    let (mut all, mut last, mut ending) = (Vec::new(), Vec::new(), Ending::Open);
    while let Some(rest) = Some(notation.trim_start()).filter(|rest| !rest.is_empty()) {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (text, after) = quoted.split_once('"').expect("a quote ends");
                last = text.as_bytes().to_vec();
                ("", after)
            }
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        assert_eq!(ending, Ending::Open, "nothing follows the end: {rest}");
        match (word, word.strip_prefix('×')) {
            ("", _) => {}
            ("HELLO", _) => last = hello(),
            ("(silence)", _) => (last, ending) = (Vec::new(), Ending::Silence),
            ("(end)", _) => (last, ending) = (Vec::new(), Ending::End),
            (_, Some(times)) => last = last.repeat(times.parse::<usize>().expect("a number") - 1),
            (hex, None) => last = unhex(hex),
        }
        all.extend_from_slice(&last);
        notation = after;
    }
    (all, ending)
}

fn unhex(hex: &str) -> Vec<u8> {
    assert!(hex.is_ascii() && hex.len().is_multiple_of(2), "{hex} is no hex");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or_else(|_| panic!("{hex} is no hex"));
    (0..hex.len()).step_by(2).map(byte).collect()
}
