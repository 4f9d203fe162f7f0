//! Files stay short: a file of more than 400 lines probably has two jobs.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest file without a reason, in lines.
const LONGEST: usize = 400;

/// Longer files, and why each has one job.
const REASONS: &[(&str, &str)] = &[
    ("protocol/tests/connection.rs", "one subject: what a connection does over a stream"),
    ("protocol/tests/diagnosis.rs", "one subject: what each damage is named"),
    ("server/tests/hub/attacks.rs", "one subject: each limit of the hub, and the peer that exceeds it"),
    ("server/tests/hub/terminals.rs", "one subject: what a line terminal sees and sends"),
];

#[test]
fn files_over_400_lines_have_a_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut long: Vec<String> = Vec::new();
    for folder in ["bench", "cli", "client", "fuzz/fuzz_targets", "interop/rust", "protocol", "server", "tools"] {
        for path in rust_files(&top.join(folder)) {
            let lines = fs::read_to_string(&path).expect("it is text").lines().count();
            if lines > LONGEST {
                let path = path.strip_prefix(&top).expect("it is below the top");
                long.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    long.sort_unstable();
    let reasons: Vec<&str> = REASONS.iter().map(|(path, _)| *path).collect();
    assert_eq!(long, reasons, "split the file, or give the reason in REASONS; remove what is not long any more");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("it is listed").path();
        let is_built = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_built {
            files.append(&mut rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
