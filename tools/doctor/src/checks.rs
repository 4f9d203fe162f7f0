//! The checks of a peer's behaviour: one table, and the few ways in which a check is done.
//!
//! Most checks are data: what is sent, and what is due. The others are functions of their own.

mod client;
mod closing;
mod faults;
mod greetings;
mod hub;
mod limits;
mod session;
mod text;

use bookend::{Code, END, Encoding, HEADER_LENGTH, Hello};
use futures_util::future::LocalBoxFuture;

use super::codes::{code_of, name_in, names_of};
use super::frame::{Refused, quoted_close};
use super::report::{Finding, Stage};
use super::side::Side;
use super::subject::Subject;
use super::wire::{Peer, Unmet};

/// A check.
pub(super) struct Check {
    /// The name of its row.
    pub(super) name: &'static str,
    /// The tags of SPEC.md that it rests on.
    pub(super) spec: &'static str,
    pub(super) fix: &'static str,
    exam: Exam,
    when: When,
    /// Earlier checks without which it says nothing.
    needs: &'static [&'static str],
    /// It takes seconds.
    pub(super) waits: bool,
    /// The side that it is for, if it is not for both.
    only_for: Option<Side>,
    /// One direction ends before the other, which not every proxy passes on.
    without_proxy: bool,
}

/// Where a check makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// The peer speaks the hub profile; this side does too, in these checks.
    Hub,
    /// The peer accepts the encoding.
    Accepted(Encoding),
    /// The peer does not.
    NotAccepted(Encoding),
    /// `--slow` was asked for.
    Slow,
}

/// What a check does.
enum Exam {
    /// Sends this in place of HELLO: a CLOSE with this name's code is due.
    HelloRefused(fn(&Subject) -> Vec<u8>, &'static str),
    /// Sends this in place of HELLO: a HELLO is due.
    HelloTaken(fn(&Subject) -> Vec<u8>),
    /// Sends this behind HELLO: a CLOSE with this name's code is due.
    Closed(fn(&Subject) -> Vec<u8>, &'static str),
    /// Sends these, one after the other: an ERROR with this name's code is due for each, and the connection lives.
    Refused(fn(&Subject) -> Vec<Vec<u8>>, &'static str),
    /// Sends this: no ERROR and no CLOSE comes, unless the application wants it otherwise.
    Taken(fn(&Subject) -> Vec<u8>),
    /// Sends this: nothing comes.
    Ignored(fn(&Subject) -> Vec<u8>),
    /// Does something of its own.
    Own(for<'a> fn(&'a Subject, &'static str) -> LocalBoxFuture<'a, Judged>),
}

/// A finding, by whichever way it was come to.
type Judged = Result<Finding, Finding>;

/// An [`Exam::Own`] of an `async fn`.
macro_rules! own {
    ($function:path) => {
        $crate::checks::Exam::Own(|subject, name| Box::pin($function(subject, name)))
    };
}
use own;

/// Checks of one stage.
pub(super) struct Group {
    pub(super) stage: Stage,
    /// Those that others build on.
    pub(super) first: Vec<&'static Check>,
    pub(super) others: Vec<&'static Check>,
}

/// All checks, in the order of their rows.
pub(super) fn groups() -> [Group; 2] {
    let behaviour = [
        session::CHECKS,
        closing::CHECKS,
        limits::CHECKS,
        greetings::CHECKS,
        faults::CHECKS,
        text::CHECKS,
        client::CHECKS,
    ];
    [
        Group {
            stage: Stage::Behaviour,
            first: [session::FIRST, closing::FIRST, text::FIRST].into_iter().flatten().collect(),
            others: behaviour.into_iter().flatten().collect(),
        },
        Group { stage: Stage::Hub, first: hub::FIRST.iter().collect(), others: hub::CHECKS.iter().collect() },
    ]
}

/// The check of a server that all others build on.
pub(super) const ADMISSION: &str = "admitted";

/// The check that says whether others can be done at the same time.
pub(super) const CONCURRENCY: &str = "second-connection";

impl Check {
    const fn new(name: &'static str, spec: &'static str, fix: &'static str, exam: Exam) -> Check {
        Check {
            name,
            spec,
            fix,
            exam,
            when: When::Always,
            needs: &[],
            waits: false,
            only_for: None,
            without_proxy: false,
        }
    }

    const fn when(mut self, when: When) -> Check {
        self.when = when;
        self
    }

    const fn needing(mut self, needs: &'static [&'static str]) -> Check {
        self.needs = needs;
        self
    }

    const fn waiting(mut self) -> Check {
        self.waits = true;
        self
    }

    const fn only_for(mut self, side: Side) -> Check {
        self.only_for = Some(side);
        self
    }

    const fn without_proxy(mut self) -> Check {
        self.without_proxy = true;
        self
    }

    pub(super) fn is_slow(&self) -> bool {
        self.when == When::Slow
    }

    pub(super) fn tags(&self) -> Vec<&'static str> {
        self.spec.split_whitespace().collect()
    }

    /// Is it for this side of a connection?
    pub(super) fn suits_side(&self, side: Side) -> bool {
        self.only_for.is_none_or(|only| only == side)
    }

    pub(super) fn suits(&self, subject: &Subject) -> bool {
        self.suits_side(subject.side())
    }

    /// What is due, where it can be said in short.
    pub(super) fn expected(&self) -> Option<String> {
        let coded = |name: &str| format!("{} {name}", code_of(name).expect("SPEC 6 has every name that is due"));
        match self.exam {
            Exam::HelloRefused(_, due) | Exam::Closed(_, due) => Some(format!("CLOSE {}", coded(due))),
            Exam::Refused(_, due) => Some(format!("ERROR {}, and the connection lives", coded(due))),
            Exam::HelloTaken(_) => Some("it is taken".into()),
            Exam::Taken(_) => Some("no ERROR and no CLOSE, and PONG to a PING behind it".into()),
            Exam::Ignored(_) => Some("nothing but PONG to a PING behind it".into()),
            Exam::Own(_) => None,
        }
    }

    /// The checks that it needs to hold.
    pub(super) fn needs(&self, side: Side) -> impl Iterator<Item = &'static str> {
        let by_exam: &[&str] = match self.exam {
            Exam::HelloRefused(..) | Exam::Closed(..) => &["fault-close"],
            Exam::Refused(..) | Exam::Ignored(_) => &["ping"],
            Exam::Taken(_) => &["ping", "message"],
            Exam::HelloTaken(_) | Exam::Own(_) => &[],
        };
        let by_side: &[&str] = if side == Side::Server { &[ADMISSION] } else { &[] };
        by_side.iter().chain(self.needs).chain(by_exam).copied().filter(|&needed| needed != self.name)
    }

    /// Why it does not apply, if it does not.
    pub(super) fn moot(&self, subject: &Subject) -> Option<String> {
        let accepted = |encoding| subject.facts().accepted.contains(encoding);
        match self.when {
            When::Hub if !subject.facts().hub => Some("the peer does not speak the hub profile".into()),
            When::Accepted(encoding) if !accepted(encoding) => Some(format!("the peer does not accept {encoding}")),
            When::NotAccepted(encoding) if accepted(encoding) => Some(format!("the peer accepts {encoding}")),
            When::Slow if !subject.slow() => Some("it takes its time: --slow".into()),
            _ if self.without_proxy && subject.is_proxied() => {
                Some("a proxy may end both directions when one ends".into())
            }
            _ => None,
        }
    }

    pub(super) async fn run(&self, subject: &Subject) -> Finding {
        let judged = match &self.exam {
            Exam::HelloRefused(bytes, due) => hello_refused(subject, self.name, &bytes(subject), due).await,
            Exam::HelloTaken(bytes) => hello_taken(subject, self.name, &bytes(subject)).await,
            Exam::Closed(bytes, due) => closed(subject, self, &bytes(subject), due).await,
            Exam::Refused(bytes, due) => refused(subject, self, &bytes(subject), due).await,
            Exam::Taken(bytes) => taken(subject, self, &bytes(subject), is_own_business).await,
            Exam::Ignored(bytes) => taken(subject, self, &bytes(subject), |_| false).await,
            Exam::Own(run) => run(subject, self.name).await,
        };
        judged.unwrap_or_else(|finding| finding)
    }

    fn hello(&self, subject: &Subject) -> Hello {
        subject.hello().with_hub(self.when == When::Hub)
    }
}

async fn hello_refused(subject: &Subject, name: &'static str, bytes: &[u8], due: &'static str) -> Judged {
    let mut peer = subject.connect(name).await?;
    peer.send(bytes).await;
    judge_close(peer.wait_close().await, due)
}

async fn hello_taken(subject: &Subject, name: &'static str, bytes: &[u8]) -> Judged {
    let mut peer = subject.connect(name).await?;
    peer.send(bytes).await;
    if subject.side() == Side::Client {
        peer.barrier().await.map_err(|unmet| unmet.finding("PONG to a PING behind HELLO"))?;
        peer.leave().await;
        return Ok(Finding::ok("it is taken: PONG came in answer to a PING behind it"));
    }
    let taken = peer.wait(|frame| (frame.kind == bookend::kind::HELLO).then_some(())).await;
    taken.map_err(|unmet| unmet.finding("HELLO"))?;
    peer.leave().await;
    Ok(Finding::ok("HELLO came in answer"))
}

async fn closed(subject: &Subject, check: &Check, bytes: &[u8], due: &'static str) -> Judged {
    let mut peer = subject.greet(check.name, &check.hello(subject)).await?;
    peer.send(bytes).await;
    judge_close(peer.wait_close().await, due)
}

async fn refused(subject: &Subject, check: &Check, samples: &[Vec<u8>], due: &'static str) -> Judged {
    let mut peer = subject.greet(check.name, &check.hello(subject)).await?;
    for sample in samples {
        let body: Vec<String> =
            sample[HEADER_LENGTH..sample.len() - END.len()].iter().map(|byte| format!("{byte:02x}")).collect();
        let which = format!("to the body {}", body.join(" "));
        let finding = |unmet: Unmet| unmet.finding(&format!("ERROR {due} {which}, and PONG behind it,"));
        peer.send(sample).await;
        let mut refused = peer.barrier().await.map_err(finding)?;
        if refused.is_empty() {
            refused.extend(late_error(&mut peer).await);
        }
        match refused.first() {
            None => return Err(Finding::fails(format!("no ERROR {due} came {which}"))),
            Some(error) => judge_name(error.code, &error.reason, due, &format!("{error} came {which}"))?,
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("ERROR {due}, and the connection lives")))
}

async fn taken(subject: &Subject, check: &Check, bytes: &[u8], may: fn(&Refused) -> bool) -> Judged {
    let mut peer = subject.greet(check.name, &check.hello(subject)).await?;
    peer.send(bytes).await;
    let refused = peer.barrier().await.map_err(|unmet| unmet.finding("PONG to a PING behind it"))?;
    if let Some(error) = refused.iter().find(|error| !may(error)) {
        return Err(Finding::fails(error.to_string()));
    }
    peer.leave().await;
    Ok(Finding::ok(match refused.first() {
        Some(error) => format!("read; the application answers {error}"),
        None => "read, and the connection lives".into(),
    }))
}

/// An application may refuse what is sound (SPEC 6).
fn is_own_business(error: &Refused) -> bool {
    matches!(error.code, Code::POLICY | Code::TRY_LATER) || (3000..4000).contains(&error.code.0)
}

/// An ERROR that comes behind the PONG: `barrier` has a row of its own.
async fn late_error(peer: &mut Peer<'_>) -> Option<Refused> {
    peer.be_patient(LATE);
    let error = peer.wait(|frame| frame.as_error()).await.ok();
    peer.be_patient(LATE * 10);
    error
}

const LATE: std::time::Duration = std::time::Duration::from_millis(500);

/// Is it the CLOSE that is due?
fn judge_close(came: Result<(Code, String), Unmet>, due: &'static str) -> Judged {
    let (code, reason) = came.map_err(|unmet| unmet.finding(&format!("CLOSE {due}")))?;
    let seen = quoted_close(code, &reason);
    judge_name(code, &reason, due, &seen)?;
    Ok(Finding::ok(seen))
}

/// The code decides; a reason that names another fault of the same code is wrong as well, and one without any name is
/// the business of `reasons`.
fn judge_name(code: Code, reason: &str, due: &'static str, seen: &str) -> Result<(), Finding> {
    let wanted = code_of(due).expect("SPEC 6 has every name that is due");
    let name = name_in(reason);
    let other = name != due && names_of(wanted).contains(&name);
    if code.0 == wanted && !other { Ok(()) } else { Err(Finding::fails(format!("{seen}, but {wanted} {due} is due"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::NAME_WIDTH;
    use std::collections::HashSet;

    fn judge(check: &Check, ready: &[&str]) {
        let Check { name, fix, spec, .. } = check;
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        assert!(name.len() <= NAME_WIDTH, "{name} is too long");
        assert!((20..=100).contains(&fix.len()), "{name}: {fix}");
        for tag in spec.split_whitespace() {
            assert!(SPEC.contains(&format!("\n- [{tag}] ")), "{name}: SPEC.md has no {tag}");
        }
        assert!(
            check.needs(Side::Server).all(|needed| ready.contains(&needed)),
            "{name} needs what is not done before"
        );
        if let Exam::HelloRefused(_, due) | Exam::Closed(_, due) | Exam::Refused(_, due) = check.exam {
            assert!(code_of(due).is_some(), "{name}: {due} has no code");
        }
    }

    const SPEC: &str = bookend_vectors::spec::SPEC;

    #[test]
    fn table_is_sound() {
        let mut ready = Vec::new();
        for group in groups() {
            for check in group.first {
                judge(check, &ready);
                ready.push(check.name);
            }
            for check in group.others {
                judge(check, &ready);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for check in groups().iter().flat_map(|group| group.first.iter().chain(&group.others)) {
            assert!(names.insert(check.name), "{} is there twice", check.name);
        }
    }
}
