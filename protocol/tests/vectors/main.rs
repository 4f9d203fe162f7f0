//! Every vector of `interop/vectors`, answered by the crate itself: whole, one byte at a time, and with a tail.

#[cfg(feature = "transfer")]
mod transfers;

use std::collections::BTreeSet;

use bookend_adapter::answer;
use bookend_vectors::{FILES, Request, Vector, parse};

#[test]
fn every_vector_of_frames_holds() {
    check("frames");
}

#[test]
fn every_vector_of_texts_holds() {
    check("texts");
}

#[test]
fn every_vector_of_hellos_holds() {
    check("hellos");
}

#[test]
fn every_vector_of_messages_holds() {
    check("messages");
}

#[test]
fn every_vector_of_sessions_holds() {
    check("sessions");
}

#[test]
fn every_vector_of_the_history_holds() {
    check("history");
}

#[test]
fn a_vector_with_a_wrong_answer_fails() {
    let wrong = |json: &str, from: &str, to: &str| {
        assert!(json.contains(from));
        json.replace(from, to)
    };
    let frame = r#"{"layer": "frames", "vectors": [{"id": "F", "requires": ["R"], "why": "Not so.",
        "bytes": "f5f8 02 02 00000001 61 f8f5", "frames": [{"kind": "02", "encoding": 2, "body": "61"}],
        "result": "end", "canonical": true}]}"#;
    assert!(all_failures("frames", frame).is_empty());
    for (from, to) in [("\"61\"", "\"62\""), ("\"end\"", "\"more\""), ("f8f5", "f8f6"), ("\"02\"", "\"03\"")] {
        assert!(!all_failures("frames", &wrong(frame, from, to)).is_empty(), "{to} passes");
    }
    let hello = "424b4e44 0d0a1a0aff110d00 01 00 1f 00 00100000 0000 0000";
    let session = r#"{"layer": "sessions", "vectors": [{"id": "S", "requires": ["R"], "why": "Not so.",
        "role": "client", "hello": "HELLO", "start": "hello", "steps": [{"eof": true, "then": "end:no-close"}]}]}"#
        .replace("HELLO", hello);
    assert!(all_failures("sessions", &session).is_empty());
    assert!(!all_failures("sessions", &wrong(&session, "no-close", "idle")).is_empty());
}

/// Asks every request of every vector of a layer, and reports all that fail.
fn check(layer: &'static str) {
    let (_, json) = FILES.into_iter().find(|(name, _)| *name == layer).expect("it is a layer");
    let vectors = read(layer, json);
    assert!(!vectors.is_empty());
    let mut ids = BTreeSet::new();
    for vector in &vectors {
        assert!(ids.insert(&vector.id), "{} occurs twice", vector.id);
        assert!(!vector.requires.is_empty(), "{} shows no requirement of SPEC.md", vector.id);
    }
    let failures = all_failures(layer, json);
    assert!(failures.is_empty(), "{} of {} vectors fail:\n{}", failures.len(), ids.len(), failures.join("\n"));
}

fn read(layer: &'static str, json: &str) -> Vec<Vector> {
    parse(layer, json).unwrap_or_else(|error| panic!("{layer}.json: {error}"))
}

/// For each vector that fails, its id, what it shows, and the requests that fail.
fn all_failures(layer: &'static str, json: &str) -> Vec<String> {
    let failing = |vector: &Vector| {
        let failures = failures(&vector.requests);
        (!failures.is_empty()).then(|| format!("{} {}\n{}", vector.id, vector.why, failures.concat()))
    };
    read(layer, json).iter().filter_map(failing).collect()
}

fn failures(requests: &[Request]) -> Vec<String> {
    assert!(!requests.is_empty());
    let mut failures = Vec::new();
    for asked in requests {
        let answer = answer(&asked.request);
        if !asked.passes(&answer) {
            let Request { how, request, expected, .. } = asked;
            failures.push(format!("  {how}: asked {request}\n  expected {expected}\n  answered {answer}\n"));
        }
    }
    failures
}
