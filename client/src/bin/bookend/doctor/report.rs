//! What was found: a row for each check, as a line for people or as JSON, and the sum of them.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use bookend::diagnosis::{Diagnosis, Hypothesis};
use bookend::escaped;
use serde::Serialize;

use crate::console::{Console, Unread};

/// The longest `seen`, in characters.
const MAX_SEEN: usize = 400;
/// The columns of the verdict and of the check's name.
const VERDICT_WIDTH: usize = 7;
pub(super) const NAME_WIDTH: usize = 22;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Rows { coloured: bool },
    Json,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Ok,
    Fails,
    Warns,
    /// An earlier check failed, or the time was up.
    Skipped,
    NotApplicable,
}

/// The part of the examination that a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    Reach,
    Protocol,
    Hello,
    Behaviour,
    Hub,
    /// What was seen of the peer's own frames in all the other checks.
    Conduct,
}

/// What a check has found. Its words are fit for a terminal.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) seen: String,
    diagnosis: Option<Cow<'static, str>>,
    fix: Option<Cow<'static, str>>,
}

impl Finding {
    fn new(verdict: Verdict, seen: &str) -> Finding {
        Finding { verdict, seen: shown(seen), diagnosis: None, fix: None }
    }

    pub(super) fn ok(seen: impl AsRef<str>) -> Finding {
        Finding::new(Verdict::Ok, seen.as_ref())
    }

    pub(super) fn fails(seen: impl AsRef<str>) -> Finding {
        Finding::new(Verdict::Fails, seen.as_ref())
    }

    pub(super) fn warns(seen: impl AsRef<str>) -> Finding {
        Finding::new(Verdict::Warns, seen.as_ref())
    }

    pub(super) fn skipped(why: impl AsRef<str>) -> Finding {
        Finding::new(Verdict::Skipped, why.as_ref())
    }

    pub(super) fn not_applicable(why: impl AsRef<str>) -> Finding {
        Finding::new(Verdict::NotApplicable, why.as_ref())
    }

    /// Its own fix, in place of the check's.
    pub(super) fn with_fix(mut self, fix: impl Into<Cow<'static, str>>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// The name of the mistake.
    pub(super) fn named(mut self, mistake: impl Into<Cow<'static, str>>) -> Finding {
        self.diagnosis = Some(mistake.into());
        self
    }

    /// With the likeliest mistake of a diagnosis, if it has one.
    pub(super) fn diagnosed(self, diagnosis: &Diagnosis) -> Finding {
        match diagnosis.first() {
            Some(first) => self.explained(first),
            None => self,
        }
    }

    fn explained(mut self, hypothesis: &Hypothesis) -> Finding {
        let because = format!("{} ({}): {}", hypothesis.name(), hypothesis.confidence(), hypothesis.seen());
        self.seen = shown(&format!("{}; {because}", self.seen));
        self.named(hypothesis.name()).with_fix(hypothesis.fix())
    }
}

/// Text that may come from the peer, made fit for a terminal.
fn shown(text: &str) -> String {
    let mut shown: String = escaped(text).to_string();
    if let Some((end, _)) = shown.char_indices().nth(MAX_SEEN) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A check and what it has found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) check: &'static str,
    pub(crate) stage: Stage,
    pub(crate) verdict: Verdict,
    pub(crate) seen: String,
    /// Tags of SPEC.md.
    pub(crate) spec: Vec<&'static str>,
    pub(crate) diagnosis: Option<Cow<'static, str>>,
    pub(crate) fix: Option<Cow<'static, str>>,
    /// What a peer is to do: the fix, whether it is needed or not.
    #[serde(skip)]
    pub(crate) duty: &'static str,
    #[serde(skip)]
    pub(crate) expected: Option<String>,
    /// The bytes that were sent, as far as they were kept.
    #[serde(skip)]
    pub(crate) sent: Vec<u8>,
}

impl Row {
    /// `spec` has the tags that the check rests on, `fix` what helps where it fails and the finding knows nothing
    /// better.
    pub(super) fn new(stage: Stage, check: &'static str, spec: &'static str, duty: &'static str, of: Finding) -> Row {
        let Finding { verdict, seen, diagnosis, fix: own } = of;
        let fix = match verdict {
            Verdict::Fails | Verdict::Warns => own.or((!duty.is_empty()).then_some(duty.into())),
            Verdict::Ok | Verdict::Skipped | Verdict::NotApplicable => None,
        };
        let spec = spec.split_whitespace().collect();
        Row { check, stage, verdict, seen, spec, diagnosis, fix, duty, expected: None, sent: Vec::new() }
    }
}

/// How many rows have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Sum {
    hold: usize,
    fail: usize,
    warn: usize,
    skipped: usize,
    not_applicable: usize,
}

/// Writes rows as they come, or keeps them.
pub(super) struct Report<'a> {
    to: To<'a>,
    sum: Sum,
}

enum To<'a> {
    Console(&'a Console, Form),
    Rows(&'a mut Vec<Row>),
}

impl<'a> Report<'a> {
    pub(super) fn new(console: &'a Console, form: Form) -> Report<'a> {
        Report { to: To::Console(console, form), sum: Sum::default() }
    }

    /// For somebody else's report.
    pub(super) fn keeping(rows: &'a mut Vec<Row>) -> Report<'a> {
        Report { to: To::Rows(rows), sum: Sum::default() }
    }

    pub(super) async fn tell(&mut self, row: &Row) -> Result<(), Unread> {
        *self.sum.of(row.verdict) += 1;
        match &mut self.to {
            To::Console(console, Form::Json) => console.print(json(row).into_bytes()).await,
            To::Console(console, Form::Rows { coloured }) => console.print(line(row, *coloured).into_bytes()).await,
            To::Rows(rows) => {
                rows.push(row.clone());
                Ok(())
            }
        }
    }

    /// Does everything hold?
    pub(super) fn is_well(&self) -> bool {
        self.sum.fail == 0
    }

    /// The last line.
    pub(super) async fn sum_up(&self) -> Result<(), Unread> {
        let To::Console(console, form) = &self.to else { return Ok(()) };
        let text = match *form {
            Form::Json => json(&serde_json::json!({ "summary": self.sum })),
            Form::Rows { coloured } => {
                let colour = if self.is_well() { AnsiColor::Green } else { AnsiColor::Red };
                let style = if coloured { colour.on_default().bold() } else { Style::new() };
                format!("\n{style}{}{style:#}\n", self.sum)
            }
        };
        console.print(text.into_bytes()).await
    }
}

impl Sum {
    fn of(&mut self, verdict: Verdict) -> &mut usize {
        match verdict {
            Verdict::Ok => &mut self.hold,
            Verdict::Fails => &mut self.fail,
            Verdict::Warns => &mut self.warn,
            Verdict::Skipped => &mut self.skipped,
            Verdict::NotApplicable => &mut self.not_applicable,
        }
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sum { hold, fail, warn, skipped, not_applicable } = self;
        write!(f, "{hold} hold, {fail} do not, {skipped} skipped")?;
        if *warn > 0 {
            write!(f, ", {warn} warn")?;
        }
        if *not_applicable > 0 {
            write!(f, ", {not_applicable} do not apply")?;
        }
        Ok(())
    }
}

fn json(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("its keys are strings");
    line.push('\n');
    line
}

fn line(row: &Row, coloured: bool) -> String {
    let (word, colour) = match row.verdict {
        Verdict::Ok => ("ok", AnsiColor::Green),
        Verdict::Fails => ("FAILS", AnsiColor::Red),
        Verdict::Warns => ("warns", AnsiColor::Yellow),
        Verdict::Skipped => ("skipped", AnsiColor::Blue),
        Verdict::NotApplicable => ("n/a", AnsiColor::Blue),
    };
    let [style, faint] = if coloured { [colour.on_default().bold(), Style::new().dimmed()] } else { [Style::new(); 2] };
    let Row { check, seen, .. } = row;
    let mut line = format!("{style}{word:VERDICT_WIDTH$}{style:#}  {check:NAME_WIDTH$}  {seen}");
    if !row.spec.is_empty() {
        let tags = row.spec.iter().map(|tag| format!("[{tag}]")).collect::<Vec<_>>().join(" ");
        // A String takes everything.
        let _written = write!(line, "  {faint}{tags}{faint:#}");
    }
    line.push('\n');
    if let Some(fix) = &row.fix {
        let indent = VERDICT_WIDTH + NAME_WIDTH + 4;
        let _written = writeln!(line, "{:indent$}fix: {fix}", "");
    }
    line
}
