//! The report card as text for a terminal: the failures, and a table of the sections.

use anstyle::{AnsiColor, Style};
use bookend::escaped;

use super::{Card, details};
use crate::conform::case::{Case, Summary, Verdict};

/// The number of cases of one group that are shown in full. Further ones are listed by id.
const SHOWN: usize = 5;
/// The longest detail, in characters.
const MAX_DETAIL: usize = 600;
/// The most ids in a list.
const MAX_IDS: usize = 12;

pub(super) fn plain(card: &Card, coloured: bool) -> String {
    let style = |colour: AnsiColor| if coloured { colour.on_default().bold() } else { Style::new() };
    let mut lines = format!("{}\n\n", escaped(&card.subject));
    let mut groups: Vec<&str> = card.cases.iter().map(|case| case.group).collect();
    groups.dedup();
    for group in groups {
        let of = |verdicts: &[Verdict]| -> Vec<&Case> {
            card.cases.iter().filter(|case| case.group == group && verdicts.contains(&case.verdict)).collect()
        };
        let shown = of(&[Verdict::Failed, Verdict::NotStrict]);
        for case in shown.iter().take(SHOWN) {
            let (word, colour) = match case.verdict {
                Verdict::NotStrict => ("not strict", AnsiColor::Yellow),
                _ => ("FAILS", AnsiColor::Red),
            };
            let style = style(colour);
            lines += &format!("{style}{word}{style:#}  {}  {}\n", case.id, escaped(&case.why));
            for requirement in &case.requires {
                lines += &format!("    {:9}  {}\n", requirement.tag, requirement.sentence);
            }
            for (name, value) in details(case, MAX_DETAIL) {
                lines += &format!("    {name:9}  {}\n", escaped(&value));
            }
            lines.push('\n');
        }
        if let Some(also @ [_, ..]) = shown.get(SHOWN..) {
            lines += &format!("{group}: also {}\n\n", ids(also));
        }
        if let not_run @ [first, ..] = &of(&[Verdict::NotRun])[..] {
            let style = style(AnsiColor::Red);
            lines += &format!("{style}not run{style:#}  {}\n", ids(not_run));
            lines += &format!("    {}  {}\n\n", first.id, escaped(&first.found.seen));
        }
    }
    lines += &table(card);
    lines.push('\n');
    lines += &asked(card);
    let style = style(if card.conforms() { AnsiColor::Green } else { AnsiColor::Red });
    lines += &format!("\n{style}{}{style:#}\n", card.verdict());
    lines
}

/// The ids of the cases; of many, the first ones.
fn ids(cases: &[&Case]) -> String {
    let more = cases.len().saturating_sub(MAX_IDS);
    let mut ids: Vec<String> = cases.iter().take(MAX_IDS).map(|case| case.id.clone()).collect();
    ids.extend((more > 0).then(|| format!("and {more} more")));
    ids.join(" ")
}

/// A line for each section of SPEC.md: how many of its requirements were asked.
fn asked(card: &Card) -> String {
    let sections = card.coverage();
    let width = sections.iter().map(|section| section.section.len()).max().unwrap_or(0);
    sections.iter().map(|section| format!("{:width$}  {}\n", section.section, section.words())).collect()
}

/// A row for each section of SPEC.md: the number of cases that passed, and of all.
fn table(card: &Card) -> String {
    let sections = card.sections();
    let width = sections.iter().map(|(section, _)| section.len()).max().unwrap_or(0);
    let mut lines = String::new();
    for (section, cases) in sections {
        let summary = Summary::of(cases);
        let advice = if card.strict { 0 } else { summary.not_strict };
        lines += &format!("{section:width$}  {:>9}\n", format!("{}/{}", summary.passed + advice, summary.applicable()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    #[test]
    fn failures_are_shown_with_their_requirements() {
        let lines = plain(&card(false), false);
        assert!(lines.contains("FAILS  F002  A \"reason\" & <more>.\n    R2.2       A reader MUST answer"), "{lines}");
        assert!(lines.contains("2 Frame           1/2\n"), "{lines}");
        assert!(lines.contains("not run  M004") && lines.contains("not strict  T003"), "{lines}");
        assert!(!lines.contains("F001") && !lines.contains("M005"), "{lines}");
        assert!(lines.ends_with("7 left out\n"), "{lines}");
    }

    #[test]
    fn text_of_the_peer_is_escaped() {
        let lines = plain(&card(false), false);
        assert!(!lines.contains(|c: char| c.is_control() && c != '\n') && !lines.contains('\u{202e}'), "{lines}");
        assert!(plain(&card(false), true).contains('\u{1b}'));
    }
}
