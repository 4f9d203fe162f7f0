//! Runs the own tests of the runner and of the peers in Python and C; `cli/tests/conform.rs` has the vectors.
//!
//! They need `python3` and `cc`; without them they fail with a message that says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a command in the root of the repository and prints its output.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let Output { status, stdout, stderr } = match output {
        Ok(output) => output,
        Err(error) => panic!("cannot start {program} ({error}): these tests need python3 and cc"),
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
        .expect("the folder exists")
        .map(|entry| entry.expect("the folder is readable").file_name().into_string().expect("the name is UTF-8"))
        .filter(|name| name.ends_with(".c") && (name.starts_with("bookend_") || name.starts_with("test")))
        .map(|name| format!("interop/c/{name}"))
        .collect();
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bookend-c-test");
    let program = program.to_str().expect("the name is UTF-8");
    let flags =
        "-std=c99 -O1 -g -Wall -Wextra -Werror -pedantic -fsanitize=address,undefined -fno-sanitize-recover=all -o";
    let arguments: Vec<&str> = flags.split(' ').chain([program]).chain(sources.iter().map(String::as_str)).collect();
    run("cc", &arguments);
    run(program, &[]);
}
