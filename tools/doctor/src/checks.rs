//! The checks of a peer's behaviour: one table, and the few kinds of test.
//!
//! Most checks are data: the bytes to send, and the expected answer. The others are functions.

mod chat;
mod client;
mod closing;
mod faults;
mod floods;
mod greetings;
mod hub;
mod limits;
mod order;
mod session;
mod text;

use std::time::Duration;

use bookend::{Code, END, Encoding, HEADER_LENGTH, Hello};
use futures_util::future::LocalBoxFuture;

use super::codes::{code_of, name_in, names_of};
use super::frame::{ErrorMessage, quoted_close};
use super::raw_peer::{Missing, RawPeer};
use super::report::{Finding, Stage};
use super::side::Side;
use super::target::Target;

/// A check.
pub(super) struct Check {
    /// The name of its row.
    pub(super) name: &'static str,
    /// The tags of SPEC.md that it rests on, separated by spaces.
    pub(super) spec: &'static str,
    /// What to do if it fails.
    pub(super) fix: &'static str,
    test: Test,
    when: When,
    /// Checks that must pass before this one is meaningful.
    needs: &'static [&'static str],
    /// It takes seconds.
    pub(super) waits: bool,
    /// The side that it applies to, unless it applies to both.
    only_for: Option<Side>,
    /// It ends one direction before the other, which some proxies do not pass on.
    without_proxy: bool,
    /// It needs so many connections that others could have none: it runs when they are done.
    pub(super) alone: bool,
    /// It visits the hub's default room, where people may be.
    visits: bool,
}

/// When a check applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// If the peer speaks the hub profile. This side then offers it, too.
    Hub,
    /// If the peer accepts the encoding.
    Accepted(Encoding),
    /// If the peer does not accept the encoding.
    NotAccepted(Encoding),
    /// If slow checks run.
    Slow,
    /// If the peer is a chat that was started here.
    Chat,
}

/// How a check tests the peer.
enum Test {
    /// Sends these bytes in place of HELLO, and expects a CLOSE with this name's code.
    HelloRefused(fn(&Target) -> Vec<u8>, &'static str),
    /// Sends these bytes in place of HELLO, and expects a HELLO.
    HelloAccepted(fn(&Target) -> Vec<u8>),
    /// Sends these bytes after HELLO, and expects a CLOSE with this name's code.
    Closed(fn(&Target) -> Vec<u8>, &'static str),
    /// Sends these frames one by one. Expects an ERROR with this name's code for each, and an open connection.
    Refused(fn(&Target) -> Vec<Vec<u8>>, &'static str),
    /// Sends these bytes, and expects neither ERROR nor CLOSE, except an application's own refusal.
    Accepted(fn(&Target) -> Vec<u8>),
    /// Sends these bytes, and expects no answer.
    Ignored(fn(&Target) -> Vec<u8>),
    /// Runs this function.
    Custom(for<'a> fn(&'a Target, &'static str) -> LocalBoxFuture<'a, CheckResult>),
}

/// A finding. `Err` is for the `?` operator: it is the finding of a check that ends early.
type CheckResult = Result<Finding, Finding>;

/// A [`Test::Custom`] that runs an `async fn`.
macro_rules! custom {
    ($function:path) => {
        $crate::checks::Test::Custom(|target, name| Box::pin($function(target, name)))
    };
}
use custom;

/// The checks of one stage.
pub(super) struct Group {
    pub(super) stage: Stage,
    /// Checks that others depend on, in order.
    pub(super) first: Vec<&'static Check>,
    pub(super) others: Vec<&'static Check>,
}

/// All checks, in the order of their rows.
pub(super) fn groups() -> [Group; 2] {
    let behaviour = [
        session::CHECKS,
        closing::CHECKS,
        limits::CHECKS,
        floods::CHECKS,
        order::CHECKS,
        greetings::CHECKS,
        faults::CHECKS,
        text::CHECKS,
        client::CHECKS,
        chat::CHECKS,
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

/// What to do about a broken requirement, if it is the first one that some check rests on.
pub(super) fn fix_of(tag: &str) -> Option<&'static str> {
    let groups = groups();
    let mut checks = groups.iter().flat_map(|group| group.first.iter().chain(&group.others));
    checks.find(|check| check.spec.split_whitespace().next() == Some(tag)).map(|check| check.fix)
}

/// The check of a server that all others depend on.
pub(super) const ADMISSION: &str = "admitted";

/// The check that shows whether others can run at the same time.
pub(super) const CONCURRENCY: &str = "second-connection";

impl Check {
    const fn new(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
        Check {
            name,
            spec,
            fix,
            test,
            when: When::Always,
            needs: &[],
            waits: false,
            only_for: None,
            without_proxy: false,
            alone: false,
            visits: false,
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

    const fn alone(mut self) -> Check {
        self.alone = true;
        self
    }

    const fn visiting(mut self) -> Check {
        self.visits = true;
        self.waits = true;
        self
    }

    pub(super) fn is_slow(&self) -> bool {
        self.when == When::Slow
    }

    pub(super) fn tags(&self) -> Vec<&'static str> {
        self.spec.split_whitespace().collect()
    }

    /// True if the check applies to a peer on this side.
    pub(super) fn applies_to(&self, side: Side) -> bool {
        self.only_for.is_none_or(|only| only == side)
    }

    /// The expected answer, if it can be stated briefly.
    pub(super) fn expected(&self) -> Option<String> {
        let coded = |name: &str| format!("{} {name}", code_of(name).expect("SPEC 6 has every expected name"));
        match self.test {
            Test::HelloRefused(_, expected) | Test::Closed(_, expected) => Some(format!("CLOSE {}", coded(expected))),
            Test::Refused(_, expected) => Some(format!("ERROR {}, and the connection stays open", coded(expected))),
            Test::HelloAccepted(_) => Some("the HELLO is accepted".into()),
            Test::Accepted(_) => Some("no ERROR, no CLOSE, and PONG for the PING that follows".into()),
            Test::Ignored(_) => Some("nothing but PONG for the PING that follows".into()),
            Test::Custom(_) => None,
        }
    }

    /// The names of the checks that must pass first.
    pub(super) fn needs(&self, side: Side) -> impl Iterator<Item = &'static str> {
        let by_test: &[&str] = match self.test {
            Test::HelloRefused(..) | Test::Closed(..) => &["fault-close"],
            Test::Refused(..) | Test::Ignored(_) => &["ping"],
            Test::Accepted(_) => &["ping", "message"],
            Test::HelloAccepted(_) | Test::Custom(_) => &[],
        };
        let by_side: &[&str] = if side == Side::Server { &[ADMISSION] } else { &[] };
        by_side.iter().chain(self.needs).chain(by_test).copied().filter(|&needed| needed != self.name)
    }

    /// Why the check does not apply to the target; `None` if it applies.
    pub(super) fn inapplicable(&self, target: &Target) -> Option<String> {
        let accepted = |encoding| target.info().accepted.contains(encoding);
        match self.when {
            When::Hub if !target.info().hub => Some("the peer does not speak the hub profile".into()),
            When::Accepted(encoding) if !accepted(encoding) => Some(format!("the peer does not accept {encoding}")),
            When::NotAccepted(encoding) if accepted(encoding) => Some(format!("the peer accepts {encoding}")),
            When::Chat if !target.is_chat() => Some("with --chat, what people type and see is tested, too".into()),
            When::Slow if !target.slow() => Some("slow: runs with --slow".into()),
            _ if self.visits && !target.may_visit() => {
                Some("it visits the default room, where people may be: `bookend conform --server` runs it".into())
            }
            _ if self.without_proxy && target.is_proxied() => {
                Some("a proxy may close both directions when one ends".into())
            }
            _ => None,
        }
    }

    pub(super) async fn run(&self, target: &Target) -> Finding {
        // One at a time: each is in the same room.
        let _room = if self.visits { Some(target.default_room().await) } else { None };
        let judged = match &self.test {
            Test::HelloRefused(bytes, expected) => hello_refused(target, self.name, &bytes(target), expected).await,
            Test::HelloAccepted(bytes) => hello_accepted(target, self.name, &bytes(target)).await,
            Test::Closed(bytes, expected) => closed(target, self, &bytes(target), expected).await,
            Test::Refused(bytes, expected) => refused(target, self, &bytes(target), expected).await,
            Test::Accepted(bytes) => accepted(target, self, &bytes(target), is_application_refusal).await,
            Test::Ignored(bytes) => accepted(target, self, &bytes(target), |_| false).await,
            Test::Custom(run) => run(target, self.name).await,
        };
        judged.unwrap_or_else(|finding| finding)
    }

    fn hello(&self, target: &Target) -> Hello {
        target.hello().with_hub(self.when == When::Hub)
    }
}

async fn hello_refused(target: &Target, name: &'static str, bytes: &[u8], expected: &'static str) -> CheckResult {
    let mut peer = target.connect(name).await?;
    peer.send(bytes).await;
    judge_close(peer.wait_close().await, expected)
}

async fn hello_accepted(target: &Target, name: &'static str, bytes: &[u8]) -> CheckResult {
    let mut peer = target.connect(name).await?;
    peer.send(bytes).await;
    if target.side() == Side::Client {
        peer.barrier().await.map_err(|missing| missing.finding("PONG for a PING after HELLO"))?;
        peer.leave().await;
        return Ok(Finding::ok("accepted: PONG arrived for a PING after it"));
    }
    let hello = peer.wait(|frame| (frame.kind == bookend::kind::HELLO).then_some(())).await;
    hello.map_err(|missing| missing.finding("HELLO"))?;
    peer.leave().await;
    Ok(Finding::ok("HELLO arrived in answer"))
}

async fn closed(target: &Target, check: &Check, bytes: &[u8], expected: &'static str) -> CheckResult {
    let mut peer = target.greet(check.name, &check.hello(target)).await?;
    peer.send(bytes).await;
    judge_close(peer.wait_close().await, expected)
}

async fn refused(target: &Target, check: &Check, samples: &[Vec<u8>], expected: &'static str) -> CheckResult {
    let mut peer = target.greet(check.name, &check.hello(target)).await?;
    for sample in samples {
        let body: Vec<String> =
            sample[HEADER_LENGTH..sample.len() - END.len()].iter().map(|byte| format!("{byte:02x}")).collect();
        let which = format!("for the body {}", body.join(" "));
        let finding = |missing: Missing| missing.finding(&format!("ERROR {expected} {which}, then PONG"));
        peer.send(sample).await;
        let mut errors = peer.barrier().await.map_err(finding)?;
        if errors.is_empty() {
            errors.extend(late_error(target, &mut peer).await);
        }
        match errors.first() {
            None => return Err(Finding::fails(format!("no ERROR {expected} arrived {which}"))),
            Some(error) => judge_name(error.code, &error.reason, expected, &format!("{error} arrived {which}"))?,
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("ERROR {expected}, and the connection stays open")))
}

async fn accepted(target: &Target, check: &Check, bytes: &[u8], may: fn(&ErrorMessage) -> bool) -> CheckResult {
    let mut peer = target.greet(check.name, &check.hello(target)).await?;
    peer.send(bytes).await;
    let errors = peer.barrier().await.map_err(|missing| missing.finding("PONG for the PING that follows"))?;
    if let Some(error) = errors.iter().find(|error| !may(error)) {
        return Err(Finding::fails(error.to_string()));
    }
    peer.leave().await;
    Ok(Finding::ok(match errors.first() {
        Some(error) => format!("accepted; the application answered {error}"),
        None => "accepted, and the connection stays open".into(),
    }))
}

/// True for an ERROR with which an application may refuse a valid message (SPEC 6).
fn is_application_refusal(error: &ErrorMessage) -> bool {
    matches!(error.code, Code::POLICY | Code::TRY_LATER) || (3000..4000).contains(&error.code.0)
}

/// An ERROR that arrives after the PONG. The check `barrier` reports that order.
async fn late_error(target: &Target, peer: &mut RawPeer<'_>) -> Option<ErrorMessage> {
    peer.set_timeout(Duration::from_millis(500));
    let error = peer.wait(|frame| frame.as_error()).await.ok();
    peer.set_timeout(target.timeout());
    error
}

/// Judges whether the CLOSE is the expected one.
fn judge_close(close: Result<(Code, String), Missing>, expected: &'static str) -> CheckResult {
    let (code, reason) = close.map_err(|missing| missing.finding(&format!("CLOSE {expected}")))?;
    let seen = quoted_close(code, &reason);
    judge_name(code, &reason, expected, &seen)?;
    Ok(Finding::ok(seen))
}

/// Judges the code. A reason that names another fault of the same code is wrong, too; the row `reasons` judges a reason
/// without a name.
fn judge_name(code: Code, reason: &str, expected: &'static str, seen: &str) -> Result<(), Finding> {
    let wanted = code_of(expected).expect("SPEC 6 has every expected name");
    let name = name_in(reason);
    let other = name != expected && names_of(wanted).contains(&name);
    if code.0 == wanted && !other {
        Ok(())
    } else {
        Err(Finding::fails(format!("{seen}; expected {wanted} {expected}")))
    }
}

#[cfg(test)]
mod tests;
