//! What the doctor finds of a peer over connections, as cases.

use std::cell::Cell;
use std::time::Duration;

use data_encoding::HEXLOWER;

use super::answers::Examined;
use super::case::{Case, Found, Verdict};
use super::selection::Selection;
use crate::examination::{Peer, is_slow, rows};
use crate::report::{Row, Stage, Verdict as Ruling};

/// Does all that is selected. An error says why there is nobody to examine.
pub(super) async fn examine(
    peer: Peer,
    patience: Duration,
    slow: bool,
    selection: Selection<'_>,
) -> Result<Examined, String> {
    let left_out = Cell::new(0);
    let wanted = |stage, check: &str, tags: &[&str]| {
        let taken = selection.takes(group(stage), check, tags.iter().copied()) && (slow || !is_slow(check));
        left_out.set(left_out.get() + usize::from(!taken));
        taken
    };
    let rows = rows(peer, patience, slow, &wanted).await?;
    Ok(Examined { cases: rows.into_iter().map(case).collect(), left_out: left_out.get() })
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
        Ruling::Ok => Verdict::Passed,
        Ruling::Fails => Verdict::Failed,
        Ruling::Warns => Verdict::NotStrict,
        Ruling::Skipped => Verdict::NotRun,
        Ruling::NotApplicable => Verdict::NotApplicable,
    };
    let found = Found {
        how: None,
        sent: (!row.sent.is_empty()).then(|| HEXLOWER.encode(&row.sent)),
        expected: row.expected,
        seen: row.seen,
        diagnosis: row.diagnosis.map(Into::into),
        fix: row.fix.map(Into::into),
    };
    Case::new(group(row.stage), row.check, row.duty, row.spec, verdict, found)
}
