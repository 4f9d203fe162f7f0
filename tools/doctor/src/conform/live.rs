//! The checks of a live peer, as cases.

use std::cell::Cell;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::case::{Case, Found, Results, Verdict};
use super::selection::Selection;
use crate::examine::{Peer, is_slow, rows};
use crate::report::{self, Row, Stage};

/// Runs every selected check. An error states why there is no peer to examine.
pub(super) async fn run(
    peer: Peer,
    timeout: Duration,
    slow: bool,
    selection: Selection<'_>,
) -> Result<Results, String> {
    let left_out = Cell::new(0);
    let wanted = |stage, check: &str, tags: &[&str]| {
        let selected = selection.includes(group(stage), check, tags.iter().copied()) && (slow || !is_slow(check));
        left_out.set(left_out.get() + usize::from(!selected));
        selected
    };
    let rows = rows(peer, timeout, slow, &wanted).await?;
    Ok(Results { cases: rows.into_iter().map(case).collect(), left_out: left_out.get() })
}

fn group(stage: Stage) -> &'static str {
    match stage {
        Stage::Reach => "reach",
        Stage::Protocol => "protocol",
        Stage::Hello => "hello",
        Stage::Behaviour => "behaviour",
        Stage::Hub => "hub",
        Stage::Conduct => "conduct",
    }
}

fn case(row: Row) -> Case {
    let verdict = match row.verdict {
        report::Verdict::Ok => Verdict::Passed,
        report::Verdict::Fails => Verdict::Failed,
        report::Verdict::Warns => Verdict::NotStrict,
        report::Verdict::Skipped => Verdict::NotRun,
        report::Verdict::NotApplicable => Verdict::NotApplicable,
    };
    let found = Found {
        how: None,
        sent: (!row.sent.is_empty()).then(|| HEXLOWER.encode(&row.sent)),
        expected: row.expected,
        seen: row.seen,
        diagnosis: row.diagnosis.map(Into::into),
        fix: row.fix.map(Into::into),
        breaks: None,
    };
    Case::new(group(row.stage), row.check, row.instruction, row.spec, verdict, found)
}
