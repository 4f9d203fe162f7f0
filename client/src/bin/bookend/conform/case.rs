//! What was asked of a peer, and what came of it.

use serde::Serialize;

use super::spec::{self, Requirement};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Passed,
    /// Advice (SHOULD) is not taken.
    NotStrict,
    Failed,
    /// It could not be done, which is no pass.
    NotRun,
    /// The peer does not have what it is about, and need not.
    NotApplicable,
}

/// One thing that a peer has to do. Its words may hold anything that the peer has said.
#[derive(Debug, Serialize)]
pub(super) struct Case {
    pub(super) id: String,
    /// What it belongs to: a layer of the vectors, or a stage of an examination.
    pub(super) group: &'static str,
    /// What is asked, in a sentence.
    pub(super) why: String,
    pub(super) requires: Vec<&'static Requirement>,
    pub(super) verdict: Verdict,
    #[serde(flatten)]
    pub(super) found: Found,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    /// How the bytes were given, or in which direction.
    pub(super) how: Option<String>,
    pub(super) sent: Option<String>,
    pub(super) expected: Option<String>,
    pub(super) seen: String,
    pub(super) diagnosis: Option<String>,
    pub(super) fix: Option<String>,
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
pub(super) struct Sum {
    pub(super) passed: usize,
    pub(super) not_strict: usize,
    pub(super) failed: usize,
    pub(super) not_run: usize,
    pub(super) not_applicable: usize,
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
