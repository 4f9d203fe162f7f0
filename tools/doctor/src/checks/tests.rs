//! The table of checks is consistent.

use super::*;
use crate::report::NAME_WIDTH;
use std::collections::HashSet;

fn judge(check: &Check, ready: &[&str]) {
    let Check { name, fix, spec, .. } = check;
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
    assert!(name.len() <= NAME_WIDTH, "{name} is too long");
    assert!((20..=100).contains(&fix.len()), "{name}: {fix}");
    for tag in spec.split_whitespace() {
        assert!(SPEC.contains(&format!("\n- [{tag}] ")), "{name}: SPEC.md has no {tag}");
    }
    assert!(
        check.needs(Side::Server).all(|needed| ready.contains(&needed)),
        "{name} needs a check that does not run before it"
    );
    if let Test::HelloRefused(_, expected) | Test::Closed(_, expected) | Test::Refused(_, expected) = check.test {
        assert!(code_of(expected).is_some(), "{name}: {expected} has no code");
    }
}

const SPEC: &str = bookend_vectors::spec::SPEC;

#[test]
fn table_is_consistent() {
    let mut ready = Vec::new();
    for group in groups() {
        for check in group.first {
            judge(check, &ready);
            ready.push(check.name);
        }
        for check in group.others {
            judge(check, &ready);
        }
    }
}

#[test]
fn names_are_unique() {
    let mut names = HashSet::new();
    for check in groups().iter().flat_map(|group| group.first.iter().chain(&group.others)) {
        assert!(names.insert(check.name), "{} is listed twice", check.name);
    }
}
