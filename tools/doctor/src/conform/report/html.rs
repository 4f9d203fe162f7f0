//! The report card as one self-contained HTML page.

use std::fmt::Write as _;

use super::markup::text;
use super::{Card, details};
use crate::conform::case::{Case, Summary, Verdict};

/// The longest detail, in characters.
const MAX_DETAIL: usize = 4096;

const STYLE: &str = "\
:root{color-scheme:light dark;--ok:#2a7f3f;--bad:#b3261e;--soft:#8a6d00;--none:#5f6368;--line:#8884}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .4rem}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.v{white-space:nowrap;font-weight:600}
.passed,.yes{color:var(--ok)}.failed,.not-run,.no{color:var(--bad)}.not-strict{color:var(--soft)}.not-applicable{color:var(--none)}
summary{cursor:pointer}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem .8rem;margin:.5rem 0}
dt{font-weight:600}dd{margin:0}
code{font:13px/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}";

/// A page: the verdict, a table of the sections, and for each section a table of its cases.
pub(super) fn html(card: &Card) -> String {
    let (title, verdict) = (text(&card.subject), if card.conforms() { "yes" } else { "no" });
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Bookend conformance: {title}</title>\n<style>\n{STYLE}\n</style>\n\
         <h1>Bookend conformance</h1>\n<p><code>{title}</code></p>\n<p class=\"v {verdict}\">{}{}</p>\n",
        text(&card.verdict()),
        if card.strict { ", strict" } else { "" },
    );
    page += "<table>\n<tr><th>section<th class=\"n\">passed<th class=\"n\">failed<th class=\"n\">not run\
             <th class=\"n\">not strict<th class=\"n\">not applicable\n";
    let sections = card.sections();
    for (at, (section, cases)) in sections.iter().enumerate() {
        let Summary { passed, not_strict, failed, not_run, not_applicable } = Summary::of(cases.iter().copied());
        let _ = write!(page, "<tr><td><a href=\"#s{at}\">{}</a>", text(section)); // writing to a String cannot fail
        for (count, class) in [
            (passed, "passed"),
            (failed, "failed"),
            (not_run, "not-run"),
            (not_strict, "not-strict"),
            (not_applicable, "not-applicable"),
        ] {
            let class = if count > 0 { class } else { "zero" };
            let _ = write!(page, "<td class=\"n {class}\">{count}"); // writing to a String cannot fail
        }
        page.push('\n');
    }
    page += "</table>\n<table>\n<tr><th>section<th>requirements\n";
    for section in card.coverage() {
        let _ = writeln!(page, "<tr><td>{}<td>{}", text(section.section), text(&section.words())); // writing to a String cannot fail
    }
    page += "</table>\n";
    for (at, (section, cases)) in sections.iter().enumerate() {
        let _ =
            write!(page, "<h2 id=\"s{at}\">{}</h2>\n<table>\n<tr><th>case<th>verdict<th>description\n", text(section));
        for case in cases {
            add(card, case, &mut page);
        }
        page += "</table>\n";
    }
    page += "</html>\n";
    page
}

fn add(card: &Card, case: &Case, page: &mut String) {
    let (class, word) = match case.verdict {
        Verdict::Passed => ("passed", "passed"),
        Verdict::NotStrict => ("not-strict", "not strict"),
        Verdict::Failed => ("failed", "failed"),
        Verdict::NotRun => ("not-run", "not run"),
        Verdict::NotApplicable => ("not-applicable", "not applicable"),
    };
    let open = if card.counts(case.verdict) { " open" } else { "" };
    let (id, group, why) = (text(&case.id), text(case.group), text(&case.why));
    let _ = write!(
        page,
        "<tr><td><code>{id}</code><td class=\"v {class}\">{word}<td><details{open}><summary>{why}</summary>\n<dl>\
         <dt>group<dd>{group}"
    );
    for requirement in &case.requires {
        let _ = write!(page, "<dt>{}<dd>{}", text(requirement.tag), text(requirement.sentence)); // writing to a String cannot fail
    }
    for (name, value) in details(case, MAX_DETAIL) {
        let _ = write!(page, "<dt>{name}<dd><code>{}</code>", text(&value)); // writing to a String cannot fail
    }
    *page += "</dl></details>\n";
}

#[cfg(test)]
mod tests {
    use super::super::tests::card;
    use super::*;

    #[test]
    fn page_has_every_case_and_opens_those_that_count() {
        let page = html(&card(false));
        for id in ["F001", "F002", "T003", "M004", "M005"] {
            assert_eq!(page.matches(&format!("<code>{id}</code>")).count(), 1, "{id}");
        }
        assert_eq!(page.matches("<details open>").count(), 2);
        assert_eq!(html(&card(true)).matches("<details open>").count(), 3);
        assert!(page.contains("A reader MUST answer a first byte other than F5"), "{page}");
    }

    #[test]
    fn text_of_the_peer_is_escaped_and_nothing_is_fetched() {
        let page = html(&card(false));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("://") && !page.contains("src="), "{page}");
        assert!(!page.contains(|c: char| c.is_control() && c != '\n'), "{page}");
    }
}
