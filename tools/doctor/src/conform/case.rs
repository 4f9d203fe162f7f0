//! A case: what was asked of a peer, and what it did.

use bookend_vectors::spec::{self, Requirement};
use serde::Serialize;

/// The verdict on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The peer did what SPEC.md requires.
    Passed,
    /// The peer does not follow advice (SHOULD).
    NotStrict,
    /// The peer did not.
    Failed,
    /// The case could not run, which does not count as a pass.
    NotRun,
    /// The peer lacks an optional feature that the case tests.
    NotApplicable,
}

/// One thing that a peer must do. The texts may contain anything that the peer sent.
#[derive(Debug, Serialize)]
pub struct Case {
    /// The id of a vector or the name of a check.
    pub id: String,
    /// A layer of the vectors, or a stage of an examination.
    pub group: &'static str,
    /// What is asked, in a sentence.
    pub why: String,
    /// The requirements that the case rests on.
    pub requires: Vec<&'static Requirement>,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found.
    #[serde(flatten)]
    pub found: Found,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Found {
    /// How the bytes were sent, or in which direction, such as `bytes`.
    pub how: Option<String>,
    /// What was sent.
    pub sent: Option<String>,
    /// The answer that SPEC.md requires.
    pub expected: Option<String>,
    /// What the peer did.
    pub seen: String,
    /// The mistake, if it was recognised.
    pub diagnosis: Option<String>,
    /// How to fix it, if known.
    pub fix: Option<String>,
    /// The requirement that was broken, if it is not one of those that the case is about.
    #[serde(skip)]
    pub(super) breaks: Option<&'static str>,
}

impl Case {
    pub(super) fn new<'a>(
        group: &'static str,
        id: &str,
        why: &str,
        tags: impl IntoIterator<Item = &'a str>,
        verdict: Verdict,
        found: Found,
    ) -> Case {
        let requires = spec::requirements(tags.into_iter().chain(found.breaks));
        let is_advice = !requires.is_empty() && requires.iter().all(|requirement| requirement.is_advice());
        let verdict = if verdict == Verdict::Failed && is_advice { Verdict::NotStrict } else { verdict };
        Case { id: id.into(), group, why: why.into(), requires, verdict, found }
    }

    pub(super) fn tags(&self) -> String {
        self.requires.iter().map(|requirement| requirement.tag).collect::<Vec<_>>().join(" ")
    }

    /// The heading of the section of its first requirement.
    pub(super) fn section(&self) -> &'static str {
        self.requires.first().map_or(OUTSIDE, |requirement| requirement.section)
    }

    /// The name and value of each detail for a report.
    pub(super) fn details(&self) -> Vec<(&'static str, &str)> {
        let Found { how, sent, expected, seen, diagnosis, fix, .. } = &self.found;
        [("how", how), ("sent", sent), ("expected", expected)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .chain([("seen", &**seen)])
            .chain(diagnosis.iter().map(|diagnosis| ("diagnosis", &**diagnosis)))
            .chain(fix.iter().map(|fix| ("fix", &**fix)))
            .collect()
    }
}

/// The section of cases that rest on no requirement.
pub(super) const OUTSIDE: &str = "outside SPEC.md";

/// All cases that ran.
pub(super) struct Results {
    pub(super) cases: Vec<Case>,
    /// The number of cases that the selection left out.
    pub(super) left_out: usize,
}

/// The number of cases with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Cases with the verdict `passed`.
    pub passed: usize,
    /// Cases with the verdict `not-strict`.
    pub not_strict: usize,
    /// Cases with the verdict `failed`.
    pub failed: usize,
    /// Cases with the verdict `not-run`.
    pub not_run: usize,
    /// Cases with the verdict `not-applicable`.
    pub not_applicable: usize,
}

impl Summary {
    pub(super) fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Summary {
        let mut summary = Summary::default();
        for case in cases {
            *match case.verdict {
                Verdict::Passed => &mut summary.passed,
                Verdict::NotStrict => &mut summary.not_strict,
                Verdict::Failed => &mut summary.failed,
                Verdict::NotRun => &mut summary.not_run,
                Verdict::NotApplicable => &mut summary.not_applicable,
            } += 1;
        }
        summary
    }

    /// The number of cases that apply.
    pub(super) fn applicable(&self) -> usize {
        self.passed + self.not_strict + self.failed + self.not_run
    }
}
