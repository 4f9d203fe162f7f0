//! SPEC.md is kept: each of its tags is cited by a vector or a test, each of its names is known to the crate and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bookend::{Code, Encoding, Fault, Misuse};
use serde_json::Value;

const LAYERS: [&str; 8] = ["frames", "texts", "hellos", "messages", "sessions", "history", "transfers", "names"];

/// The crates whose tests may cite a tag.
const CRATES: [&str; 9] = [
    "protocol",
    "server",
    "client",
    "cli",
    "interop/vectors",
    "tools/doctor",
    "tools/inspect",
    "tools/load",
    "tools/tidy",
];

#[test]
fn tags_are_unique_and_numbered_without_gaps_in_their_sections() {
    let spec = spec();
    let mut section = "";
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for line in spec.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.split(' ').next().unwrap_or_default();
        }
        if let Some(tag) = line.strip_prefix("- ").and_then(|rest| tags(rest).into_iter().next()) {
            let number = tag.strip_prefix(&format!("R{section}.")).and_then(|number| number.parse().ok());
            numbers.entry(section).or_default().push(number.unwrap_or_else(|| panic!("{tag} in section {section}")));
        }
    }
    assert!(numbers.len() >= 9, "sections with requirements: {numbers:?}");
    for (section, mut numbers) in numbers {
        numbers.sort_unstable(); // a later one may stand where it belongs
        assert!(numbers.iter().copied().eq(1..=numbers.len()), "section {section} has {numbers:?}");
    }
}

#[test]
fn every_tag_is_cited_by_a_vector_or_a_test() {
    let cited: BTreeSet<String> = cites().into_iter().map(|(tag, _)| tag).collect();
    let missing: Vec<String> = required().difference(&cited).cloned().collect();
    assert!(missing.is_empty(), "no vector and no test cites {}", missing.join(", "));
}

#[test]
fn every_cited_tag_exists() {
    let required = required();
    let unknown: Vec<(String, String)> = cites().into_iter().filter(|(tag, _)| !required.contains(tag)).collect();
    assert!(unknown.is_empty(), "SPEC.md has no such tags: {unknown:?}");
}

#[test]
fn every_name_is_known_with_its_code() {
    let mut known: BTreeMap<&str, u16> = BTreeMap::new();
    for (name, code) in errors() {
        assert_eq!(*known.entry(name).or_insert(code), code, "`{name}` has two codes");
    }
    let (on_the_wire, local) = names();
    for (code, names) in &on_the_wire {
        assert_eq!(Code(*code).name(), names.first().map(String::as_str), "the first name of {code}");
        for name in names {
            let of_code = Code(*code).name() == Some(name);
            assert!(of_code || known.get(&**name) == Some(code), "{code} `{name}` is no error's");
            // R6.1: an error of that name goes out with that code.
            assert!(known.get(&**name).is_none_or(|known| known == code), "`{name}` has another code than {code}");
        }
    }
    for name in &local {
        assert!(known.contains_key(&**name), "`{name}` is no error's");
    }
    let listed: BTreeSet<&str> = on_the_wire.values().flatten().chain(&local).map(String::as_str).collect();
    let unlisted: Vec<&str> = known.into_keys().filter(|name| !listed.contains(name)).collect();
    assert!(unlisted.is_empty(), "SPEC.md does not list {unlisted:?}");
}

#[test]
fn every_name_is_shown_by_a_vector_or_a_test() {
    let mut shown = BTreeSet::new();
    for vector in vectors() {
        outcomes(&vector, &mut shown);
    }
    let tests: String = sources().into_iter().map(|(_, text)| text).collect();
    let in_tests = |name: &str| {
        let constant = format!("Code::{}", name.to_uppercase().replace('-', "_"));
        tests.contains(&format!("\"{name}\"")) || tests.contains(&constant)
    };
    let (on_the_wire, local) = names();
    let missing: Vec<&String> =
        on_the_wire.values().flatten().chain(&local).filter(|name| !shown.contains(*name) && !in_tests(name)).collect();
    assert!(missing.is_empty(), "no vector and no test shows {missing:?}");
}

// ---- SPEC.md

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn spec() -> String {
    read(&root().join("SPEC.md"))
}

/// The tags that requirements begin with.
fn required() -> BTreeSet<String> {
    spec().lines().filter_map(|line| tags(line.strip_prefix("- ")?).into_iter().next()).collect()
}

/// What stands in square brackets and looks like a tag.
fn tags(text: &str) -> Vec<String> {
    let bracketed = text.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    let numbers = |text: &str| text.split('.').all(|number| number.parse::<u8>().is_ok()) && text.contains('.');
    bracketed.filter(|tag| tag.strip_prefix('R').is_some_and(numbers)).map(str::to_owned).collect()
}

/// The names of section 6, by code, in their order; and those that never go on the wire.
fn names() -> (BTreeMap<u16, Vec<String>>, Vec<String>) {
    let spec = spec();
    let (_, section) = spec.split_once("## 6 Codes and names").expect("there is a section 6");
    let (section, _) = section.split_once("\n## ").expect("there is a section 7");
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let mut on_the_wire: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for line in section.lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        if let (Some(Ok(code)), Some(names)) = (cells.next().map(str::parse), cells.next()) {
            on_the_wire.insert(code, quoted(names));
        }
    }
    let local = section.lines().find_map(|line| line.strip_prefix("Local only")).expect("some names are local only");
    assert!(on_the_wire.len() >= 20, "{on_the_wire:?}");
    (on_the_wire, quoted(local))
}

// ---- vectors and tests

fn vectors() -> Vec<Value> {
    let mut vectors = Vec::new();
    for layer in LAYERS {
        let json = read(&root().join("interop/vectors").join(layer).with_extension("json"));
        let mut file: Value = serde_json::from_str(&json).expect("is JSON");
        vectors.append(file["vectors"].as_array_mut().expect("there are vectors"));
    }
    vectors
}

/// The results in a vector: a fault's name, the items of a session.
fn outcomes(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if ["fault", "start", "steps", "then", "repeat"].contains(&&**name) {
                    outcomes(value, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| outcomes(value, into)),
        Value::String(words) => into.extend(words.split([':', ',']).map(str::to_owned)),
        _ => {}
    }
}

/// Each tag that a vector or a test cites, and where.
fn cites() -> Vec<(String, String)> {
    let mut cites = Vec::new();
    for vector in vectors() {
        for tag in vector["requires"].as_array().expect("a vector requires something") {
            cites.push((tag.as_str().expect("tags are strings").into(), vector["id"].to_string()));
        }
    }
    for (path, text) in sources() {
        cites.extend(tags(&text).into_iter().map(|tag| (tag, path.display().to_string())));
    }
    cites
}

/// The tests in Rust: the files in a crate's `tests`, and the parts of its sources after `#[cfg(test)]`.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for folder in CRATES {
        for path in rust_files(&root().join(folder).join("tests")) {
            sources.push((path.clone(), read(&path)));
        }
        for path in rust_files(&root().join(folder).join("src")) {
            let text = read(&path);
            let is_test = path.file_stem().is_some_and(|name| name == "tests");
            let tests = if is_test { Some(&*text) } else { text.split_once("#[cfg(test)]").map(|(_, tests)| tests) };
            sources.extend(tests.map(|tests| (path, tests.to_owned())));
        }
    }
    assert!(sources.len() > 5, "the tests are found");
    sources
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    for entry in entries {
        let path = entry.expect("is listed").path();
        if path.is_dir() {
            files.append(&mut rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The name and code of each fault and of each misuse.
fn errors() -> Vec<(&'static str, u16)> {
    let faults = faults().into_iter().map(|fault| (fault.name(), fault.code().0));
    let misuses = misuses().into_iter().map(|misuse| (misuse.name(), misuse.code().0));
    faults.chain(misuses).collect()
}

fn faults() -> [Fault; 25] {
    let (offset, found, kind, id, encoding) = (0, 0, 0, 0, Encoding::Utf8);
    [
        Fault::BadStart { offset, found },
        Fault::BadEnd { offset, found, length: 0 },
        Fault::UnknownEncoding { offset, found },
        Fault::TooLong { offset, length: 0, max: 0 },
        Fault::Truncated { arrived: 0 },
        Fault::NoClose,
        Fault::HelloExpected { kind },
        Fault::SecondHello,
        Fault::BadHello { why: "" },
        Fault::BadCanary { position: 0, found },
        Fault::TwoClients,
        Fault::Version { major: 0 },
        Fault::Malformed { kind, why: "" },
        Fault::UnknownKind { kind },
        Fault::UnexpectedKind { kind },
        Fault::DuplicateRequest { id },
        Fault::BadText { encoding, offset: 0 },
        Fault::EncodingRefused { encoding },
        Fault::HelloTimeout,
        Fault::Idle { seconds: 0 },
        Fault::SlowConsumer,
        Fault::FrameTimeout { arrived: 0, expected: None },
        Fault::PingFlood,
        Fault::EmptyFlood,
        Fault::TooManyRequests,
    ]
}

fn misuses() -> [Misuse; 10] {
    let (kind, id, encoding) = (0, 0, Encoding::Utf8);
    [
        Misuse::NotOpen,
        Misuse::TooLong { length: 0, max: 0 },
        Misuse::UnmappableText { encoding, offset: 0 },
        Misuse::EncodingRefused { encoding },
        Misuse::UnknownKind { kind },
        Misuse::UnexpectedKind { kind },
        Misuse::DuplicateRequest { id },
        Misuse::TooManyRequests,
        Misuse::NoSuchRequest { id },
        Misuse::BadHello { why: "" },
    ]
}
