//! The peers in other languages: every vector in each of them, and their own tests.
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
fn every_vector_holds_in_every_language() {
    let adapter = Path::new(env!("CARGO_BIN_EXE_bookend-adapter"));
    let built = adapter.parent().and_then(Path::to_str).expect("lies in a folder");
    run("python3", &["interop/run", "vectors", "--rust", built]);
}

#[test]
fn the_runner_catches_wrong_peers() {
    run("python3", &["-m", "unittest", "discover", "-s", "interop/runner"]);
}

#[test]
fn the_python_peer_passes_its_own_tests() {
    run("python3", &["-W", "error", "-m", "unittest", "discover", "-s", "interop/python/tests"]);
}
