//! What was found: a row for each check, as a line for people or as JSON, and the sum of them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use bookend::diagnosis::{Diagnosis, Hypothesis};
use bookend::escaped;
use serde::Serialize;
use tokio::sync::mpsc;

/// The longest `seen`, in characters.
const MAX_SEEN: usize = 400;
/// The columns of the verdict and of the check's name.
const VERDICT_WIDTH: usize = 7;
pub(super) const NAME_WIDTH: usize = 22;

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Ok,
    /// It does not hold.
    Fails,
    /// It holds, but not well.
    Warns,
    /// It was not run: an earlier check failed, or the time was up.
    Skipped,
    /// It does not apply to this peer.
    NotApplicable,
}

/// The part of the examination that a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Finding the way: the resolver, TCP, TLS, a proxy.
    Reach,
    /// Is it Bookend?
    Protocol,
    /// The HELLO.
    Hello,
    /// What SPEC 2 to 8 require.
    Behaviour,
    /// What SPEC 9 requires of a hub.
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
pub struct Row {
    /// The name of the check.
    pub check: &'static str,
    /// The stage it belongs to.
    pub stage: Stage,
    /// The verdict.
    pub verdict: Verdict,
    /// What the peer did, fit for a terminal.
    pub seen: String,
    /// Tags of SPEC.md.
    pub spec: Vec<&'static str>,
    /// The name of the mistake, if it was recognised.
    pub diagnosis: Option<Cow<'static, str>>,
    /// How to fix it, if it does not hold.
    pub fix: Option<Cow<'static, str>>,
    /// What a peer is to do: the fix, whether it is needed or not.
    #[serde(skip)]
    pub duty: &'static str,
    #[serde(skip)]
    /// What SPEC.md requires, where it is short.
    pub expected: Option<String>,
    /// The bytes that were sent, as far as they were kept.
    #[serde(skip)]
    pub sent: Vec<u8>,
}

impl Row {
    /// The row as a JSON object with a line feed.
    pub fn json(&self) -> String {
        json(self)
    }

    /// The row as a line for people, and a second one with the fix if it has one.
    pub fn plain(&self, colored: bool) -> String {
        line(self, colored)
    }

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
pub struct Sum {
    hold: usize,
    fail: usize,
    warn: usize,
    skipped: usize,
    not_applicable: usize,
}

/// What an examination reports while it goes on.
#[derive(Debug)]
pub enum Progress {
    /// A check was done.
    Row(Row),
    /// A stage has ended: its name, and when it began.
    Stage(String, Duration),
}

/// Nobody receives the progress any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

/// Hands rows on as they are found, or keeps them.
pub(super) struct Report<'a> {
    to: To<'a>,
    failed: bool,
    stage: Instant,
}

enum To<'a> {
    Channel(mpsc::Sender<Progress>),
    Rows(&'a mut Vec<Row>),
}

impl<'a> Report<'a> {
    pub(super) fn new(progress: mpsc::Sender<Progress>) -> Report<'a> {
        Report { to: To::Channel(progress), failed: false, stage: Instant::now() }
    }

    pub(super) fn keeping(rows: &'a mut Vec<Row>) -> Report<'a> {
        Report { to: To::Rows(rows), failed: false, stage: Instant::now() }
    }

    pub(super) async fn row(&mut self, row: Row) -> Result<(), Unread> {
        self.failed |= row.verdict == Verdict::Fails;
        match &mut self.to {
            To::Channel(progress) => progress.send(Progress::Row(row)).await.map_err(|_| Unread),
            To::Rows(rows) => {
                rows.push(row);
                Ok(())
            }
        }
    }

    /// The stage `name` has ended, and the next one begins.
    pub(super) async fn stage(&mut self, name: impl Into<String>) -> Result<(), Unread> {
        let began = std::mem::replace(&mut self.stage, Instant::now());
        match &self.to {
            To::Channel(progress) => {
                progress.send(Progress::Stage(name.into(), self.stage - began)).await.map_err(|_| Unread)
            }
            To::Rows(_) => Ok(()),
        }
    }

    /// True if a check fails.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

impl Sum {
    /// Counts a row.
    pub fn count(&mut self, verdict: Verdict) {
        *self.of(verdict) += 1;
    }

    /// The last line of a report, as a JSON object with a line feed.
    pub fn json(&self) -> String {
        json(&serde_json::json!({ "summary": self }))
    }

    /// The last line of a report, for people.
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
