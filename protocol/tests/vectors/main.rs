//! Every vector of `interop/vectors`, answered by the crate itself: whole, one byte at a time, and with a tail.

#[path = "../../../client/src/bin/bookend/conform/vectors/cases.rs"]
mod cases;
#[path = "../../../client/src/bin/bookend/conform/vectors/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::path::Path;

use bookend_adapter::answer;
use cases::Case;
use schema::{File, FramesVector, SessionsVector, Vector};
use serde::de::DeserializeOwned;

#[test]
fn every_vector_of_frames_holds() {
    check("frames", cases::frames);
}

#[test]
fn every_vector_of_texts_holds() {
    check("texts", cases::texts);
}

#[test]
fn every_vector_of_hellos_holds() {
    check("hellos", cases::hellos);
}

#[test]
fn every_vector_of_messages_holds() {
    check("messages", cases::messages);
}

#[test]
fn every_vector_of_sessions_holds() {
    check("sessions", cases::sessions);
}

#[test]
fn vector_with_another_result_fails() {
    let wrong = |json: &str, from: &str, to: &str| {
        assert!(json.contains(from));
        json.replace(from, to)
    };
    let frame = r#"{"id": "F", "requires": ["R"], "why": "Not so.", "bytes": "f5f8 02 02 00000001 61 f8f5",
        "frames": [{"kind": "02", "encoding": 2, "body": "61"}], "result": "end", "canonical": true}"#;
    for (from, to) in [("\"61\"", "\"62\""), ("\"end\"", "\"more\""), ("f8f5", "f8f6"), ("\"02\"", "\"03\"")] {
        let vector: FramesVector = serde_json::from_str(&wrong(frame, from, to)).expect("is a vector");
        assert!(!failures(&cases::frames(&vector)).is_empty(), "{to} passes");
    }
    let hello = "424b4e44 0d0a1a0aff110d00 01 00 1f 00 00100000 0000 0000";
    let session =
        r#"{"id": "S", "requires": ["R"], "why": "Not so.", "role": "client", "hello": "HELLO", "start": "hello",
        "steps": [{"eof": true, "then": "end:no-close"}]}"#
            .replace("HELLO", hello);
    let vector: SessionsVector = serde_json::from_str(&session).expect("is a vector");
    assert!(failures(&cases::sessions(&vector)).is_empty());
    let vector = serde_json::from_str(&wrong(&session, "no-close", "idle")).expect("is a vector");
    assert!(!failures(&cases::sessions(&vector)).is_empty());
}

/// Runs every case of every vector of a layer, and lists all that fail.
fn check<V: DeserializeOwned + Vector>(layer: &str, cases: impl Fn(&V) -> Vec<Case>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/vectors").join(layer).with_extension("json");
    let json = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File<V> = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{layer}.json: {error}"));
    assert_eq!(file.layer, layer);
    assert!(!file.vectors.is_empty());

    let mut ids = BTreeSet::new();
    let mut failed = Vec::new();
    for vector in &file.vectors {
        assert!(ids.insert(vector.id()), "{} is not unique", vector.id());
        assert!(!vector.requires().is_empty(), "{} shows nothing of SPEC.md", vector.id());
        let failures = failures(&cases(vector));
        if !failures.is_empty() {
            failed.push(format!("{} {}\n{}", vector.id(), vector.why(), failures.concat()));
        }
    }
    assert!(failed.is_empty(), "{} of {} vectors fail:\n{}", failed.len(), ids.len(), failed.join("\n"));
}

fn failures(cases: &[Case]) -> Vec<String> {
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for case in cases {
        let answer = answer(&case.request);
        if !case.passes(&answer) {
            let Case { how, request, expected, .. } = case;
            failures.push(format!("  {how}: asked {request}\n  expected {expected}\n  answered {answer}\n"));
        }
    }
    failures
}
