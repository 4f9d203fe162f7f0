//! What was asked of a peer, and the answer.

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
    /// It did not.
    Failed,
    /// The case could not be run, which is not a pass.
    NotRun,
    /// The peer lacks the feature in question, and may.
    NotApplicable,
}

/// One thing that a peer must do. Its texts may contain anything that the peer sent.
#[derive(Debug, Serialize)]
pub struct Case {
    /// The id of a vector or the name of a check.
    pub id: String,
    /// A layer of the vectors, or a stage of an examination.
    pub group: &'static str,
    /// What is asked, in a sentence.
    pub why: String,
    /// The requirements that it rests on.
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
    /// How the bytes were given, or in which direction, such as `bytes`.
    pub how: Option<String>,
    /// What was sent.
    pub sent: Option<String>,
    /// What SPEC.md requires.
    pub expected: Option<String>,
    /// What the peer did.
    pub seen: String,
    /// The mistake, if it was recognised.
    pub diagnosis: Option<String>,
    /// How to fix it, if that is known.
    pub fix: Option<String>,
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
        let requires = spec::requirements(tags);
        let is_advice = !requires.is_empty() && requires.iter().all(|requirement| requirement.is_advice());
        let verdict = if verdict == Verdict::Failed && is_advice { Verdict::NotStrict } else { verdict };
        Case { id: id.into(), group, why: why.into(), requires, verdict, found }
    }

    pub(super) fn tags(&self) -> String {
        self.requires.iter().map(|requirement| requirement.tag).collect::<Vec<_>>().join(" ")
    }

    /// The heading of the section that it is about.
    pub(super) fn section(&self) -> &'static str {
        self.requires.first().map_or(OUTSIDE, |requirement| requirement.section)
    }

    /// Name and value of all that was found and is worth telling.
    pub(super) fn details(&self) -> Vec<(&'static str, &str)> {
        let Found { how, sent, expected, seen, diagnosis, fix } = &self.found;
        [("how", how), ("sent", sent), ("expected", expected)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .chain([("seen", &**seen)])
            .chain(diagnosis.iter().map(|diagnosis| ("diagnosis", &**diagnosis)))
            .chain(fix.iter().map(|fix| ("fix", &**fix)))
            .collect()
    }
}

/// Where a case stands that rests on no requirement.
pub(super) const OUTSIDE: &str = "outside SPEC.md";

/// How many cases have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sum {
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

impl Sum {
    pub(super) fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Sum {
        let mut sum = Sum::default();
        for case in cases {
            *match case.verdict {
                Verdict::Passed => &mut sum.passed,
                Verdict::NotStrict => &mut sum.not_strict,
                Verdict::Failed => &mut sum.failed,
                Verdict::NotRun => &mut sum.not_run,
                Verdict::NotApplicable => &mut sum.not_applicable,
            } += 1;
        }
        sum
    }

    /// All that were asked and apply.
    pub(super) fn asked(&self) -> usize {
        self.passed + self.not_strict + self.failed + self.not_run
    }
}
