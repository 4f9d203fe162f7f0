//! The import graph of each crate is a tree of floors: no modules import each other.

use std::path::Path;

use bookend_tidy::{circles, modules};

/// The root of each crate that ships, from the top of the repository.
const ROOTS: [&str; 14] = [
    "bench/src/main.rs",
    "cli/src/main.rs",
    "client/src/lib.rs",
    "interop/rust/src/lib.rs",
    "interop/vectors/src/lib.rs",
    "protocol/laws/src/lib.rs",
    "protocol/src/lib.rs",
    "server/src/bin/bookend-server/main.rs",
    "server/src/lib.rs",
    "tools/doctor/src/lib.rs",
    "tools/inspect/src/lib.rs",
    "tools/load/src/lib.rs",
    "tools/relay/src/lib.rs",
    "tools/tidy/src/lib.rs",
];

#[test]
fn no_modules_import_each_other() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for root in ROOTS {
        let modules = modules(&top.join(root));
        assert!(modules.len() > 1, "{root} has modules");
        found.extend(circles(&modules).into_iter().map(|circle| format!("{root}: {}", circle.join(", "))));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
