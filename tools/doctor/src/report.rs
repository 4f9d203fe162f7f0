//! What was found: a row for each check, as a line of text or as JSON, and a summary.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use bookend::diagnosis::{Confidence, Diagnosis, Hypothesis};
use bookend::escaped;
use serde::Serialize;
use tokio::sync::mpsc;

use super::secret::Secret;

/// The longest `seen`, in characters.
const MAX_SEEN: usize = 600;
/// The widths of the verdict and of the check's name.
const VERDICT_WIDTH: usize = 7;
pub(super) const NAME_WIDTH: usize = 22;

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The peer does what the check requires.
    Ok,
    /// The peer does not.
    Fails,
    /// The peer conforms, but should do better.
    Warns,
    /// The check did not run: one that it depends on did not pass, or the time was up.
    Skipped,
    /// The check does not apply to this peer.
    NotApplicable,
}

/// The part of the examination that a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Connecting: the resolver, TCP, TLS, a proxy.
    Reach,
    /// Whether the peer speaks Bookend.
    Protocol,
    /// The peer's HELLO.
    Hello,
    /// What SPEC 2 to 8 require.
    Behaviour,
    /// What SPEC 9 requires of a hub.
    Hub,
    /// The peer's own frames, observed in all other checks.
    Conduct,
}

/// What a check found. Its texts are safe to print on a terminal.
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

    /// Replaces the check's fix.
    pub(super) fn with_fix(mut self, fix: impl Into<Cow<'static, str>>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// Adds the name of the mistake.
    pub(super) fn named(mut self, mistake: impl Into<Cow<'static, str>>) -> Finding {
        self.diagnosis = Some(mistake.into());
        self
    }

    /// Adds the most likely mistake of a diagnosis, if it has one.
    pub(super) fn diagnosed(self, diagnosis: &Diagnosis) -> Finding {
        match diagnosis.first() {
            Some(first) => self.explained(first),
            None => self,
        }
    }

    fn explained(mut self, hypothesis: &Hypothesis) -> Finding {
        let because = format!("{} ({}): {}", hypothesis.name(), hypothesis.confidence(), hypothesis.seen());
        self.seen = shown(&format!("{}; {because}", self.seen));
        let fix = match hypothesis.confidence() {
            Confidence::Possible => format!("if so, {}", hypothesis.fix()).into(),
            _ => Cow::Borrowed(hypothesis.fix()),
        };
        self.named(hypothesis.name()).with_fix(fix)
    }
}

/// Text that may come from the peer, made safe to print on a terminal.
fn shown(text: &str) -> String {
    let mut shown: String = escaped(text).to_string();
    if let Some((end, _)) = shown.char_indices().nth(MAX_SEEN) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A check and what it found.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The name of the check.
    pub check: &'static str,
    /// The stage it belongs to.
    pub stage: Stage,
    /// The verdict.
    pub verdict: Verdict,
    /// What the peer did, safe to print on a terminal.
    pub seen: String,
    /// The requirements that the check rests on, as tags of SPEC.md such as `R2.4`.
    pub spec: Vec<&'static str>,
    /// The name of the mistake, if it was recognised.
    pub diagnosis: Option<Cow<'static, str>>,
    /// How to fix it, if the verdict is `Fails` or `Warns`.
    pub fix: Option<Cow<'static, str>>,
    /// What a peer must do, as an instruction, whatever the verdict.
    #[serde(skip)]
    pub instruction: &'static str,
    /// The answer that SPEC.md requires, if it can be stated briefly.
    #[serde(skip)]
    pub expected: Option<String>,
    /// The first bytes that were sent to the peer.
    #[serde(skip)]
    pub sent: Vec<u8>,
}

impl Row {
    /// The row as a JSON object and a line feed.
    pub fn json(&self) -> String {
        json(self)
    }

    /// The row as a line of text, followed by a line with the fix if there is one.
    pub fn plain(&self, colored: bool) -> String {
        line(self, colored)
    }

    /// The row without the token.
    pub(super) fn without(self, secret: &Secret) -> Row {
        let seen = secret.hide(&self.seen);
        let expected = self.expected.map(|text| secret.hide(&text));
        let fix = self.fix.map(|fix| secret.hide(&fix).into());
        Row { seen, expected, fix, ..self }
    }

    /// `spec` lists tags of SPEC.md, separated by spaces. A fix in the finding takes precedence over `instruction`.
    pub(super) fn new(
        stage: Stage,
        check: &'static str,
        spec: &'static str,
        instruction: &'static str,
        of: Finding,
    ) -> Row {
        let Finding { verdict, seen, diagnosis, fix: own } = of;
        let fix = match verdict {
            Verdict::Fails | Verdict::Warns => own.or((!instruction.is_empty()).then_some(instruction.into())),
            Verdict::Ok | Verdict::Skipped | Verdict::NotApplicable => None,
        };
        let spec = spec.split_whitespace().collect();
        Row { check, stage, verdict, seen, spec, diagnosis, fix, instruction, expected: None, sent: Vec::new() }
    }
}

/// The number of rows with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    hold: usize,
    fail: usize,
    warn: usize,
    skipped: usize,
    not_applicable: usize,
}

/// What an examination reports while it runs.
#[derive(Debug)]
pub enum Progress {
    /// A check has finished.
    Row(Row),
    /// A stage has ended: its name, and how long it took.
    Stage(String, Duration),
}

/// The receiver of the progress was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressClosed;

/// Sends rows on as they are found, or keeps them.
pub(super) struct Report<'a> {
    to: To<'a>,
    secret: Secret,
    failed: bool,
    stage: Instant,
}

enum To<'a> {
    Channel(mpsc::Sender<Progress>),
    Rows(&'a mut Vec<Row>),
}

impl<'a> Report<'a> {
    pub(super) fn new(progress: mpsc::Sender<Progress>, secret: Secret) -> Report<'a> {
        Report { to: To::Channel(progress), secret, failed: false, stage: Instant::now() }
    }

    pub(super) fn keeping(rows: &'a mut Vec<Row>) -> Report<'a> {
        Report { to: To::Rows(rows), secret: Secret::default(), failed: false, stage: Instant::now() }
    }

    pub(super) async fn row(&mut self, row: Row) -> Result<(), ProgressClosed> {
        let row = row.without(&self.secret);
        self.failed |= row.verdict == Verdict::Fails;
        match &mut self.to {
            To::Channel(progress) => progress.send(Progress::Row(row)).await.map_err(|_| ProgressClosed),
            To::Rows(rows) => {
                rows.push(row);
                Ok(())
            }
        }
    }

    /// Ends the stage `name` and begins the next one.
    pub(super) async fn stage(&mut self, name: impl Into<String>) -> Result<(), ProgressClosed> {
        let began = std::mem::replace(&mut self.stage, Instant::now());
        match &self.to {
            To::Channel(progress) => {
                progress.send(Progress::Stage(name.into(), self.stage - began)).await.map_err(|_| ProgressClosed)
            }
            To::Rows(_) => Ok(()),
        }
    }

    /// True if a check fails.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

impl Summary {
    /// Counts a row with this verdict.
    pub fn count(&mut self, verdict: Verdict) {
        *self.of(verdict) += 1;
    }

    /// The last line of a report, as a JSON object and a line feed.
    pub fn json(&self) -> String {
        json(&serde_json::json!({ "summary": self }))
    }

    /// The last line of a report, as text.
    pub fn plain(&self, colored: bool) -> String {
        let color = if self.fail == 0 { AnsiColor::Green } else { AnsiColor::Red };
        let style = if colored { color.on_default().bold() } else { Style::new() };
        format!("\n{style}{self}{style:#}\n")
    }

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

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { hold, fail, warn, skipped, not_applicable } = self;
        write!(f, "{hold} ok, {fail} failed, {skipped} skipped")?;
        if *warn > 0 {
            write!(f, ", {warn} warned")?;
        }
        if *not_applicable > 0 {
            write!(f, ", {not_applicable} not applicable")?;
        }
        Ok(())
    }
}

/// A time as rows show it.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn json(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("its keys are strings");
    line.push('\n');
    line
}

fn line(row: &Row, colored: bool) -> String {
    let (word, color) = match row.verdict {
        Verdict::Ok => ("ok", AnsiColor::Green),
        Verdict::Fails => ("FAILS", AnsiColor::Red),
        Verdict::Warns => ("warns", AnsiColor::Yellow),
        Verdict::Skipped => ("skipped", AnsiColor::Blue),
        Verdict::NotApplicable => ("n/a", AnsiColor::Blue),
    };
    let [style, faint] = if colored { [color.on_default().bold(), Style::new().dimmed()] } else { [Style::new(); 2] };
    let Row { check, seen, .. } = row;
    let mut line = format!("{style}{word:VERDICT_WIDTH$}{style:#}  {check:NAME_WIDTH$}  {seen}");
    if !row.spec.is_empty() {
        let tags = row.spec.iter().map(|tag| format!("[{tag}]")).collect::<Vec<_>>().join(" ");
        let _ = write!(line, "  {faint}{tags}{faint:#}"); // writing to a String cannot fail
    }
    line.push('\n');
    if let Some(fix) = &row.fix {
        let indent = VERDICT_WIDTH + NAME_WIDTH + 4;
        let _ = writeln!(line, "{:indent$}fix: {fix}", ""); // writing to a String cannot fail
    }
    line
}
