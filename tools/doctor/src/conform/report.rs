//! The report card, as text, JSON, JUnit or HTML.

mod html;
mod junit;
mod markup;
mod plain;

use serde_json::json;

use super::case::{Case, Summary, Verdict};
use crate::coverage::{Coverage, Mode, coverage};
use bookend_vectors::spec;

/// The report card of one peer.
pub struct Card {
    /// The name of what was tested, such as `adapter: python3 -m bookend.adapter`.
    pub subject: String,
    /// Every case that was selected.
    pub cases: Vec<Case>,
    /// The number of cases that the selection left out.
    pub left_out: usize,
    /// True if advice (SHOULD) counts like a requirement.
    pub strict: bool,
    /// Who was tested.
    pub(crate) mode: Mode,
}

impl Card {
    /// The number of cases with each verdict.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.cases)
    }

    /// What was asked of the requirements of each section, and why not the others.
    pub fn coverage(&self) -> Vec<Coverage> {
        let ran = self.cases.iter().filter(|case| !matches!(case.verdict, Verdict::NotRun | Verdict::NotApplicable));
        coverage(self.mode, ran.flat_map(|case| case.requires.iter().map(|requirement| requirement.tag)))
    }

    /// True if no case counts against the peer.
    pub fn conforms(&self) -> bool {
        !self.cases.iter().any(|case| self.counts(case.verdict))
    }

    /// The card as text.
    pub fn plain(&self, colored: bool) -> String {
        plain::plain(self, colored)
    }

    /// The card as JSON, an object per line: each case, then the summary.
    pub fn json(&self) -> String {
        json(self)
    }

    /// The card as a JUnit report (XML).
    pub fn junit(&self) -> String {
        junit::junit(self)
    }

    /// The card as an HTML page.
    pub fn html(&self) -> String {
        html::html(self)
    }

    /// True if this verdict counts against the peer.
    fn counts(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Failed | Verdict::NotRun => true,
            Verdict::NotStrict => self.strict,
            Verdict::Passed | Verdict::NotApplicable => false,
        }
    }

    /// The sections of SPEC.md that have cases, with their cases.
    fn sections(&self) -> Vec<(&'static str, Vec<&Case>)> {
        let sections = spec::sections().into_iter().chain([super::case::OUTSIDE]);
        let of = |section| self.cases.iter().filter(|case| case.section() == section).collect::<Vec<_>>();
        sections.map(|section| (section, of(section))).filter(|(_, cases)| !cases.is_empty()).collect()
    }

    fn verdict(&self) -> String {
        let Summary { passed, not_strict, failed, not_run, not_applicable } = self.summary();
        let mut words = vec![format!("{passed} passed"), format!("{failed} failed")];
        for (count, what) in [
            (not_run, "not run"),
            (not_strict, "not strict"),
            (not_applicable, "not applicable"),
            (self.left_out, "left out"),
        ] {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        let verdict = if self.conforms() { "conforms" } else { "does not conform" };
        format!("{verdict}: {}", words.join(", "))
    }
}

/// An object per line: each case, then the summary.
fn json(card: &Card) -> String {
    let mut lines = String::new();
    for case in &card.cases {
        lines += &serde_json::to_string(case).expect("its keys are strings");
        lines.push('\n');
    }
    let summary = json!({"summary": {
        "subject": card.subject, "conforms": card.conforms(), "strict": card.strict, "left-out": card.left_out,
        "cases": card.summary(), "coverage": card.coverage(),
    }});
    lines += &format!("{summary}\n");
    lines
}

/// A part of a long line: `length` characters from `start`.
fn excerpt(text: &str, start: usize, length: usize) -> String {
    let all = text.chars().count();
    if all <= length {
        return text.into();
    }
    let part: String = text.chars().skip(start).take(length).collect();
    format!("[{start}..{} of {all}] {part}", start + part.chars().count())
}

/// The details of a case, each cut to `length` characters. `expected` and `seen` begin at the same place.
fn details(case: &Case, length: usize) -> Vec<(&'static str, String)> {
    let details = case.details();
    let named = |wanted: &str| details.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
    let same = named("expected").chars().zip(named("seen").chars()).take_while(|(one, other)| one == other).count();
    let start = |name| if matches!(name, "expected" | "seen") { same.saturating_sub(length / 2) } else { 0 };
    details.iter().map(|(name, value)| (*name, excerpt(value, start(name), length))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conform::case::Found;

    /// One case of each verdict. The failed one has hostile text.
    pub(crate) fn card(strict: bool) -> Card {
        let case = |id, tag, verdict, seen: &str| {
            let found = Found { sent: Some("f5f8".into()), seen: seen.into(), ..Found::default() };
            Case::new("frames", id, "A \"reason\" & <more>.", [tag], verdict, found)
        };
        let cases = vec![
            case("F001", "R2.1", Verdict::Passed, "well"),
            case("F002", "R2.2", Verdict::Failed, "<script>alert(1)</script>\u{1b}[2J\u{0} ]]> \u{202e}\u{fffe}"),
            case("T003", "R5.12", Verdict::Failed, "utf-8"),
            case("M004", "R3.1", Verdict::NotRun, "hung"),
            case("M005", "R3.2", Verdict::NotApplicable, "no utf-16"),
        ];
        Card { subject: "adapter: ./<it>".into(), cases, left_out: 7, strict, mode: Mode::Adapter }
    }

    #[test]
    fn advice_counts_if_strict() {
        let (lenient, strict) = (card(false), card(true));
        assert_eq!(lenient.cases[2].verdict, Verdict::NotStrict);
        let only_advice = |card: Card| Card { cases: card.cases.into_iter().skip(2).take(1).collect(), ..card };
        assert_eq!([only_advice(lenient).conforms(), only_advice(strict).conforms()], [true, false]);
    }

    #[test]
    fn case_that_was_not_run_does_not_pass() {
        let card = card(false);
        let counts: Vec<bool> = card.cases.iter().map(|case| card.counts(case.verdict)).collect();
        assert_eq!(counts, [false, true, false, true, false]);
        assert_eq!(
            card.verdict(),
            "does not conform: 1 passed, 1 failed, 1 not run, 1 not strict, 1 not applicable, 7 left out"
        );
    }

    #[test]
    fn json_has_a_line_for_each_case_and_the_summary() {
        let lines = json(&card(false));
        let objects: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[1]["verdict"], "failed");
        assert_eq!(objects[1]["requires"][0]["tag"], "R2.2");
        assert_eq!(objects[5]["summary"]["conforms"], false);
        assert_eq!(objects[5]["summary"]["cases"]["not-run"], 1);
    }

    #[test]
    fn long_lines_are_cut_around_their_difference() {
        let mut case = card(false).cases.remove(1);
        case.found.expected = Some("a".repeat(1000) + "x");
        case.found.seen = "a".repeat(1000) + "y";
        let shown = details(&case, 100);
        assert!(shown.iter().any(|(name, value)| *name == "seen" && value.ends_with('y')), "{shown:?}");
        assert!(shown.iter().any(|(name, value)| *name == "expected" && value.ends_with('x')), "{shown:?}");
        assert!(shown.iter().all(|(_, value)| value.chars().count() < 140), "{shown:?}");
    }
}
