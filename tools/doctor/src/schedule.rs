//! Which check is done when: a few at a time, each behind those that it needs, and the rows in the table's order.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt;
use futures_util::stream;

use super::checks::{self, Check};
use super::report::{Finding, Report, Row, Stage, Unread, Verdict};
use super::side::Side;
use super::subject::Subject;

/// Is a row with this stage, name and tags to be told?
pub(super) type Wanted<'a> = &'a dyn Fn(Stage, &str, &[&str]) -> bool;

/// Checks at a time; each has one connection or two, and a hub lets ten in at once that have not said HELLO.
const WIDTH: usize = 4;

/// Does all checks that are wanted and apply to such a peer, and tells their rows.
pub(super) async fn run(subject: &Subject, wanted: Wanted<'_>, report: &mut Report<'_>) -> Result<(), Unread> {
    let mut held = HashSet::new();
    let mut width = if subject.is_one_at_a_time() { 1 } else { WIDTH };
    for group in checks::groups() {
        for check in group.first {
            if !check.suits(subject) {
                continue;
            }
            let row = do_one(subject, group.stage, check, &held).await;
            match row.verdict {
                Verdict::Ok => {
                    held.insert(check.name);
                }
                Verdict::Warns if check.name == checks::CONCURRENCY => width = 1,
                _ => {}
            }
            if wanted(group.stage, check.name, &check.tags()) {
                report.row(row).await?;
            }
        }
        let wanted = |check: &&Check| check.suits(subject) && wanted(group.stage, check.name, &check.tags());
        let others = group.others.into_iter().filter(wanted).collect();
        do_all(subject, group.stage, others, &held, width, report).await?;
    }
    Ok(())
}

/// Does checks that build on none of each other.
async fn do_all(
    subject: &Subject,
    stage: Stage,
    checks: Vec<&'static Check>,
    held: &HashSet<&str>,
    width: usize,
    report: &mut Report<'_>,
) -> Result<(), Unread> {
    let mut begun: Vec<_> = checks.into_iter().enumerate().collect();
    begun.sort_by_key(|(_, check)| !check.waits); // what takes its time is begun first
    let mut done = stream::iter(begun)
        .map(|(place, check)| async move { (place, do_one(subject, stage, check, held).await) })
        .buffer_unordered(width);
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

async fn do_one(subject: &Subject, stage: Stage, check: &Check, held: &HashSet<&str>) -> Row {
    let missing = check.needs(subject.side()).find(|needed| !held.contains(needed));
    let finding = match (check.moot(subject), missing) {
        (Some(why), _) => Finding::not_applicable(why),
        (None, Some(missing)) => Finding::skipped(format!("{missing} does not hold")),
        (None, None) if subject.is_late() => Finding::skipped("no time is left"),
        (None, None) => check.run(subject).await,
    };
    let row = Row::new(stage, check.name, check.spec, check.fix, finding);
    Row { expected: check.expected(), sent: subject.sent_during(check.name), ..row }
}

/// The rows of all checks that suit such a peer, where there is no doing them.
pub(super) fn skipped(subject: Side, why: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for checks::Group { stage, first, others } in checks::groups() {
        for check in first.into_iter().chain(others).filter(|check| check.suits_side(subject)) {
            rows.push(Row::new(stage, check.name, check.spec, check.fix, Finding::skipped(why)));
        }
    }
    rows
}
