//! The names that SPEC 6 gives each code. A code may have several.

/// Codes and names, as in the table of SPEC 6.
const NAMES: [(u16, &[&str]); 21] = [
    (1000, &["normal"]),
    (1001, &["going-away"]),
    (
        1002,
        &[
            "protocol-error",
            "unknown-encoding",
            "malformed",
            "hello-expected",
            "second-hello",
            "bad-hello",
            "bad-canary",
            "two-clients",
            "unexpected-kind",
            "duplicate-request",
            "truncated",
        ],
    ),
    (1003, &["unknown-kind"]),
    (1007, &["bad-text", "encoding-refused"]),
    (1008, &["policy"]),
    (1009, &["too-long"]),
    (1011, &["internal"]),
    (1013, &["try-later"]),
    (4000, &["bad-start"]),
    (4001, &["bad-end"]),
    (4003, &["version"]),
    (4004, &["hello-timeout"]),
    (4005, &["idle"]),
    (4006, &["slow-consumer"]),
    (4007, &["rate", "ping-flood", "empty-flood"]),
    (4008, &["frame-timeout"]),
    (4009, &["resume-refused"]),
    (4010, &["no-such-member"]),
    (4011, &["unmappable-text"]),
    (4012, &["cancelled"]),
];

/// The names of a code; none if SPEC 6 does not define the code.
pub(super) fn names_of(code: u16) -> &'static [&'static str] {
    NAMES.iter().find(|(known, _)| *known == code).map_or(&[], |(_, names)| names)
}

/// The code of a name.
pub(super) fn code_of(name: &str) -> Option<u16> {
    NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(code, _)| *code)
}

/// The name at the start of a reason: the part before `: `, or all of it (R6.2).
pub(super) fn name_in(reason: &str) -> &str {
    reason.split(": ").next().unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_spec_6() {
        let spec = bookend_vectors::spec::SPEC;
        let rows = spec.split("\n## 6 ").nth(1).unwrap().split("\nLocal only").next().unwrap().lines();
        let table: Vec<(u16, Vec<&str>)> = rows
            .filter_map(|row| {
                let mut cells = row.split('|').map(str::trim).skip(1);
                let code = cells.next()?.parse().ok()?;
                Some((code, cells.next()?.split('`').filter(|name| !name.trim().is_empty()).collect()))
            })
            .collect();
        assert_eq!(table, NAMES.map(|(code, names)| (code, names.to_vec())));
    }

    #[test]
    fn name_ends_at_the_colon() {
        // [R6.2]
        assert_eq!(
            ["bad-text", "bad-text: byte 2", "bad-text:2", ""].map(name_in),
            ["bad-text", "bad-text", "bad-text:2", ""]
        );
    }
}
