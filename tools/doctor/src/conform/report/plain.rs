//! The report for people at a terminal: what does not hold, and a table.

use anstyle::{AnsiColor, Style};
use bookend::escaped;

use super::{Card, details};
use crate::conform::case::{Case, Sum, Verdict};

/// Cases that are told in full for one group; of the others only the ids.
const SHOWN: usize = 5;
/// The longest detail, in characters.
const MAX_DETAIL: usize = 400;

pub(super) fn plain(card: &Card, coloured: bool) -> String {
    let style = |colour: AnsiColor| if coloured { colour.on_default().bold() } else { Style::new() };
    let mut lines = format!("{}\n\n", escaped(&card.subject));
    let mut groups: Vec<&str> = card.cases.iter().map(|case| case.group).collect();
    groups.dedup();
    for group in groups {
        let of = |verdicts: &[Verdict]| -> Vec<&Case> {
            card.cases.iter().filter(|case| case.group == group && verdicts.contains(&case.verdict)).collect()
        };
        let told = of(&[Verdict::Failed, Verdict::NotStrict]);
        for case in told.iter().take(SHOWN) {
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
        if let Some(also @ [_, ..]) = told.get(SHOWN..) {
            lines += &format!("{group}: also {}\n\n", ids(also));
        }
        if let not_run @ [first, ..] = &of(&[Verdict::NotRun])[..] {
            let style = style(AnsiColor::Red);
            lines += &format!("{style}not run{style:#}  {}\n", ids(not_run));
            lines += &format!("    {}  {}\n\n", first.id, escaped(&first.found.seen));
        }
    }
    lines += &table(card);
    let style = style(if card.conforms() { AnsiColor::Green } else { AnsiColor::Red });
    lines += &format!("\n{style}{}{style:#}\n", card.summary());
    lines
}

fn ids(cases: &[&Case]) -> String {
    cases.iter().map(|case| &*case.id).collect::<Vec<_>>().join(" ")
}

/// A row for each section of SPEC.md: how many of how many have passed.
fn table(card: &Card) -> String {
    let sections = card.sections();
    let width = sections.iter().map(|(section, _)| section.len()).max().unwrap_or(0);
    let mut lines = String::new();
    for (section, cases) in sections {
        let sum = Sum::of(cases);
        let advice = if card.strict { 0 } else { sum.not_strict };
        lines += &format!("{section:width$}  {:>9}\n", format!("{}/{}", sum.passed + advice, sum.asked()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    #[test]
    fn failures_are_told_with_their_requirements() {
        let lines = plain(&card(false), false);
        assert!(lines.contains("FAILS  F002  A \"reason\" & <more>.\n    R2.2       A reader MUST answer"), "{lines}");
        assert!(lines.contains("2 Frame           1/2\n"), "{lines}");
        assert!(lines.contains("not run  M004") && lines.contains("not strict  T003"), "{lines}");
        assert!(!lines.contains("F001") && !lines.contains("M005"), "{lines}");
        assert!(lines.ends_with("7 left out\n"), "{lines}");
    }

    #[test]
    fn words_of_the_peer_do_not_reach_the_terminal() {
        let lines = plain(&card(false), false);
        assert!(!lines.contains(|c: char| c.is_control() && c != '\n') && !lines.contains('\u{202e}'), "{lines}");
        assert!(plain(&card(false), true).contains('\u{1b}'));
    }
}
