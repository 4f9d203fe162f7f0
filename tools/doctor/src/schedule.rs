//! The order of the checks: a few at a time, each after those that it depends on, with the rows in the table's order.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt;
use futures_util::stream;

use super::checks::{self, Check};
use super::report::{Finding, ProgressClosed, Report, Row, Stage, Verdict};
use super::side::Side;
use super::target::Target;

/// True if a row with this stage, name and tags is wanted.
pub(super) type Wanted<'a> = &'a dyn Fn(Stage, &str, &[&str]) -> bool;

/// Checks at a time. Each joins with one connection after the other, and a hub admits ten at a time that have not sent
/// HELLO.
const WIDTH: usize = 4;
/// Checks at a time that wait for seconds, besides the others.
const WAITING: usize = 16;

/// Runs all checks that are wanted and apply to the peer, and reports their rows.
pub(super) async fn run(target: &Target, wanted: Wanted<'_>, report: &mut Report<'_>) -> Result<(), ProgressClosed> {
    let mut passed = HashSet::new();
    let mut width = if target.is_one_at_a_time() { 1 } else { WIDTH };
    for group in checks::groups() {
        for check in group.first {
            if !check.applies_to(target.side()) {
                continue;
            }
            let row = run_one(target, group.stage, check, &passed).await;
            match row.verdict {
                Verdict::Ok => {
                    passed.insert(check.name);
                }
                Verdict::Warns if check.name == checks::CONCURRENCY => width = 1,
                _ => {}
            }
            if wanted(group.stage, check.name, &check.tags()) {
                report.row(row).await?;
            }
        }
        let wanted = |check: &&Check| check.applies_to(target.side()) && wanted(group.stage, check.name, &check.tags());
        let others = group.others.into_iter().filter(wanted).collect();
        run_all(target, group.stage, others, &passed, width, report).await?;
    }
    Ok(())
}

/// Runs checks that do not depend on each other.
async fn run_all(
    target: &Target,
    stage: Stage,
    checks: Vec<&'static Check>,
    passed: &HashSet<&str>,
    width: usize,
    report: &mut Report<'_>,
) -> Result<(), ProgressClosed> {
    let (alone, others): (Vec<_>, Vec<_>) = checks.into_iter().enumerate().partition(|(_, check)| check.alone);
    let (slow, quick): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, check)| check.waits && width > 1);
    let run = |(place, check)| async move { (place, run_one(target, stage, check, passed).await) };
    let together = stream::select(
        stream::iter(slow).map(run).buffer_unordered(WAITING),
        stream::iter(quick).map(run).buffer_unordered(width),
    );
    let mut done = together.chain(stream::iter(alone).map(run).buffer_unordered(1));
    let (mut waiting, mut next) = (BTreeMap::new(), 0);
    while let Some((place, row)) = done.next().await {
        waiting.insert(place, row);
        while let Some(row) = waiting.remove(&next) {
            report.row(row).await?;
            next += 1;
        }
    }
    Ok(())
}

async fn run_one(target: &Target, stage: Stage, check: &Check, passed: &HashSet<&str>) -> Row {
    let unmet = check.needs(target.side()).find(|needed| !passed.contains(needed));
    let finding = match (check.inapplicable(target), unmet) {
        (Some(why), _) => Finding::not_applicable(why),
        (None, Some(needed)) => Finding::skipped(format!("{needed} did not pass")),
        (None, None) if target.is_late() => Finding::skipped("the time for the examination is up"),
        (None, None) => check.run(target).await,
    };
    let row = Row::new(stage, check.name, check.spec, check.fix, finding);
    Row { expected: check.expected(), sent: target.sent_during(check.name), ..row }
}

/// The rows of all checks that apply to this side, where none of them can run.
pub(super) fn skipped(side: Side, why: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for checks::Group { stage, first, others } in checks::groups() {
        for check in first.into_iter().chain(others).filter(|check| check.applies_to(side)) {
            rows.push(Row::new(stage, check.name, check.spec, check.fix, Finding::skipped(why)));
        }
    }
    rows
}
