//! Which check is done when: a few at a time, each behind those that it needs, and the rows in the table's order.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt;
use futures_util::stream;

use super::checks::{self, Check};
use super::report::{Finding, Report, Row, Stage, Verdict};
use super::subject::Subject;
use crate::console::Unread;

/// Checks at a time; each has one connection or two, and a hub lets ten in at once that have not said HELLO.
const WIDTH: usize = 4;

/// Does all checks and tells their rows.
pub(super) async fn run(subject: &Subject, report: &mut Report<'_>) -> Result<(), Unread> {
    let mut held = HashSet::new();
    let mut width = WIDTH;
    for group in checks::groups() {
        for check in group.first {
            let row = do_one(subject, group.stage, check, &held).await;
            match row.verdict() {
                Verdict::Ok => {
                    held.insert(check.name);
                }
                Verdict::Warns if check.name == checks::CONCURRENCY => width = 1,
                _ => {}
            }
            report.tell(&row).await?;
        }
        do_all(subject, group.stage, group.others, &held, width, report).await?;
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
            report.tell(&row).await?;
            next += 1;
        }
    }
    Ok(())
}

async fn do_one(subject: &Subject, stage: Stage, check: &Check, held: &HashSet<&str>) -> Row {
    let missing = check.needs().find(|needed| !held.contains(needed));
    let finding = match (check.moot(subject), missing) {
        (Some(why), _) => Finding::not_applicable(why),
        (None, Some(missing)) => Finding::skipped(format!("{missing} does not hold")),
        (None, None) if subject.is_late() => Finding::skipped("no time is left"),
        (None, None) => check.run(subject).await,
    };
    Row::new(stage, check.name, check.spec, check.mend, finding)
}
