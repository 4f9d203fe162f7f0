//! The own tests of the peers in other languages, and of what runs them; `cli/tests/conform.rs` has the vectors.
//!
//! These need `python3` and `cc`; without them they fail and say so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a command at the top of the repository; what it printed is shown if it fails.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let Output { status, stdout, stderr } = match output {
        Ok(output) => output,
        Err(error) => panic!("{program} cannot be started ({error}): these tests need python3 and cc"),
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    println!("{stdout}{stderr}");
    assert!(status.success(), "{program} {}: {status}", arguments.join(" "));
}

#[test]
fn the_runner_passes_its_own_tests() {
    run("python3", &["-m", "unittest", "discover", "-s", "interop/runner"]);
}

#[test]
fn the_python_peer_passes_its_own_tests() {
    run("python3", &["-W", "error", "-m", "unittest", "discover", "-s", "interop/python/tests"]);
}

#[test]
fn the_c_peer_passes_its_own_tests_under_the_sanitizers() {
    let folder = root().join("interop/c");
    let sources: Vec<String> = std::fs::read_dir(&folder)
        .expect("is there")
        .map(|entry| entry.expect("is readable").file_name().into_string().expect("is text"))
        .filter(|name| name.ends_with(".c") && (name.starts_with("bookend_") || name.starts_with("test")))
        .map(|name| format!("interop/c/{name}"))
        .collect();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bookend-c-test");
    let program = program.to_str().expect("is text");
    let flags =
        "-std=c99 -O1 -g -Wall -Wextra -Werror -pedantic -fsanitize=address,undefined -fno-sanitize-recover=all -o";
    let arguments: Vec<&str> = flags.split(' ').chain([program]).chain(sources.iter().map(String::as_str)).collect();
    run("cc", &arguments);
    run(program, &[]);
}
