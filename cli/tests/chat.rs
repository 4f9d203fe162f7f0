//! `bookend conform --client --chat` sees what people type and see: `bookend chat` passes, and fails behind pipes that
//! convert or hold text.
//!
//! These tests require `sh` and `python3`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use serde_json::Value;

const CHAT: &str = "$BOOKEND chat {address} --name me";

/// A program for a pipe that converts what it reads at once.
fn through(decoding: &str, encoding: &str) -> String {
    format!(
        "python3 -uc 'import os
while True:
    read = os.read(0, 65536)
    if not read: break
    os.write(1, read.decode(\"{decoding}\", \"replace\").encode(\"{encoding}\", \"replace\"))'"
    )
}

/// The cases of a chat that `sh` runs, each with its verdict and its diagnosis.
fn cases(script: &str) -> Vec<(String, String, String)> {
    let only =
        ["chat-typed", "chat-typed-text", "chat-typed-lines", "chat-printed", "chat-printed-text", "chat-printed-safe"];
    let output = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["conform", "--json", "--timeout", "5"])
        .args(only.into_iter().flat_map(|case| ["--only", case]))
        .args(["--client", "--chat", "--", "sh", "-c", script])
        .env("BOOKEND", env!("CARGO_BIN_EXE_bookend"))
        .output()
        .expect("cargo builds the program");
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut cases: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    cases.pop(); // the summary
    assert_eq!(cases.len(), only.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |case: &Value, name: &str| case[name].as_str().unwrap_or_default().to_owned();
    cases.iter().map(|case| (text(case, "id"), text(case, "verdict"), text(case, "diagnosis"))).collect()
}

/// The ids of the cases that failed, and the diagnosis of the first of them.
fn failed(script: &str) -> (Vec<String>, String) {
    let failed: Vec<_> = cases(script).into_iter().filter(|(_, verdict, _)| verdict == "failed").collect();
    let diagnosis = failed.first().map(|(_, _, diagnosis)| diagnosis.clone()).unwrap_or_default();
    (failed.into_iter().map(|(id, ..)| id).collect(), diagnosis)
}

#[test]
fn the_chat_of_bookend_passes() {
    for (id, verdict, _) in cases(CHAT) {
        assert_eq!(verdict, "passed", "{id}");
    }
}

#[test]
fn input_that_is_read_as_latin_1_is_found() {
    // [R5.2]
    let (failed, diagnosis) = failed(&format!("{} | {CHAT}", through("latin-1", "utf-8")));
    assert_eq!(failed, ["chat-typed-text", "chat-typed-lines"]);
    assert!(diagnosis.contains("Latin-1, on standard input"), "{diagnosis}");
}

#[test]
fn output_that_is_written_as_ascii_is_found() {
    // [R5.13]
    let (failed, diagnosis) = failed(&format!("{CHAT} | {}", through("utf-8", "ascii")));
    assert_eq!(failed, ["chat-printed-text"]);
    assert!(diagnosis.contains("with ? in its place, on standard output"), "{diagnosis}");
}

#[test]
fn output_that_is_not_flushed_is_found() {
    let (failed, diagnosis) = failed(&format!("{CHAT} | python3 -c 'import sys; sys.stdout.write(sys.stdin.read())'"));
    assert_eq!(failed, ["chat-printed", "chat-printed-text", "chat-printed-safe"]);
    assert!(diagnosis.contains("nothing was printed"), "{diagnosis}");
}
