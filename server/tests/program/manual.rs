//! docs/operating.md describes what the program does.

use std::fs;
use std::path::Path;

/// The events in the files of a directory: the last text of each `tracing` macro.
fn events(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            events(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for macro_call in text.split("tracing::").skip(1) {
            let is_event = ["error!(", "warn!(", "info!(", "debug!("].iter().any(|level| macro_call.starts_with(level));
            if is_event {
                let call = parenthesized(macro_call);
                found.push(call.rsplit('"').nth(1).expect("an event has a name").to_owned());
            }
        }
    }
}

/// The text between the first parenthesis and its partner.
fn parenthesized(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = text.find(|c| {
        depth += usize::from(c == '(');
        depth -= usize::from(c == ')');
        depth == 0 && c == ')'
    });
    &text[..end.expect("it compiles")]
}

#[test]
fn the_manual_lists_every_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("../docs/operating.md")).unwrap();
    let mut found = Vec::new();
    events(&root.join("src"), &mut found);
    assert!(found.contains(&"join".to_owned()) && found.contains(&"reload".to_owned()), "{found:?}");
    for event in found {
        assert!(manual.contains(&format!("| `{event}` |")), "docs/operating.md does not list the event {event}");
    }
}
