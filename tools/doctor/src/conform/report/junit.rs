//! The report card as JUnit XML, which CI systems display.

use std::fmt::Write as _;

use super::markup::text;
use super::{Card, details};
use crate::conform::case::{Case, Summary, Verdict};

/// The longest detail, in characters.
const MAX_DETAIL: usize = 4096;

/// A suite for each section, and a test for each case.
pub(super) fn junit(card: &Card) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml += &format!("<testsuites name=\"{}\" {}>\n", text(&card.subject), counts(card, card.summary()));
    for (section, cases) in card.sections() {
        xml +=
            &format!("  <testsuite name=\"{}\" {}>\n", text(section), counts(card, Summary::of(cases.iter().copied())));
        for case in cases {
            add(card, case, &mut xml);
        }
        xml += "  </testsuite>\n";
    }
    xml += "  <testsuite name=\"requirements asked\" tests=\"0\" failures=\"0\" errors=\"0\" skipped=\"0\">\n    <properties>\n";
    for section in card.coverage() {
        let (name, value) = (text(section.section), text(&section.words()));
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{value}\"/>"); // writing to a String cannot fail
    }
    xml += "    </properties>\n  </testsuite>\n";
    xml += "</testsuites>\n";
    xml
}

fn counts(card: &Card, summary: Summary) -> String {
    let tests = summary.applicable() + summary.not_applicable;
    let failures = summary.failed + if card.strict { summary.not_strict } else { 0 };
    format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{}\"",
        summary.not_run, summary.not_applicable
    )
}

fn add(card: &Card, case: &Case, xml: &mut String) {
    let (group, id, tags) = (text(case.group), text(&case.id), text(&case.tags()));
    *xml += &format!("    <testcase classname=\"{group}\" name=\"{}\"", format!("{id} {tags}").trim_end());
    let element = match case.verdict {
        Verdict::Failed => "failure",
        Verdict::NotStrict if card.strict => "failure",
        Verdict::NotStrict => "system-out",
        Verdict::NotRun => "error",
        Verdict::NotApplicable => "skipped",
        Verdict::Passed => {
            *xml += "/>\n";
            return;
        }
    };
    let message = match element {
        "system-out" => String::new(),
        _ => format!(" message=\"{}\"", text(&case.why)),
    };
    *xml += &format!(">\n      <{element}{message}>");
    if element != "skipped" {
        for requirement in &case.requires {
            let _ = writeln!(xml, "[{}] {}", requirement.tag, text(requirement.sentence)); // writing to a String cannot fail
        }
        for (name, value) in details(case, MAX_DETAIL) {
            let _ = writeln!(xml, "{name}: {}", text(&value)); // writing to a String cannot fail
        }
    }
    *xml += &format!("</{element}>\n    </testcase>\n");
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    #[test]
    fn cases_are_counted_by_verdict() {
        let xml = junit(&card(false));
        assert!(xml.contains("tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"1\">"), "{xml}");
        assert!(junit(&card(true)).contains("tests=\"5\" failures=\"2\" errors=\"1\" skipped=\"1\">"));
        for element in ["<failure message=", "<error message=", "<skipped message=", "<system-out>"] {
            assert_eq!(xml.matches(element).count(), 1, "{element}");
        }
        assert!(xml.contains("<testcase classname=\"frames\" name=\"F001 R2.1\"/>"), "{xml}");
    }

    #[test]
    fn text_of_the_peer_is_escaped() {
        let xml = junit(&card(true));
        assert!(!xml.contains("<script>") && xml.contains("&lt;script&gt;"), "{xml}");
        assert!(!xml.contains(|c: char| c.is_control() && c != '\n'), "{xml}");
    }
}
