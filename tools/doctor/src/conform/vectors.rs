//! Sends the requests of every vector to an adapter, and judges its answers.

use std::io;

use bookend::{Hello, MAX_LENGTH};
use bookend_vectors::{Vector, without_frames};
use data_encoding::HEXLOWER;

use super::adapter::{Adapter, NoAnswer, Timeouts};
use super::answer;
use super::case::{Case, Found, Results, Verdict};
use super::selection::Selection;
use crate::checks;

/// The group of cases that are not vectors.
const GROUP: &str = "adapter";

/// Runs every selected case. An error means that the adapter cannot be started.
pub(super) async fn run(command: &[String], timeouts: Timeouts, selection: Selection<'_>) -> io::Result<Results> {
    let mut adapter = Adapter::start(command, timeouts)?;
    let mut results = Results { cases: Vec::new(), left_out: 0 };
    for vector in bookend_vectors::all() {
        if selection.includes(vector.layer, &vector.id, vector.requires.iter().map(String::as_str)) {
            results.cases.push(run_vector(&mut adapter, &vector).await);
        } else {
            results.left_out += 1;
        }
    }
    for claim in CLAIMS {
        if selection.includes(GROUP, claim.id, [R8_1]) {
            results.cases.push(false_length(&mut adapter, claim).await);
        } else {
            results.left_out += 1;
        }
    }
    if selection.includes(GROUP, ENDS, []) {
        adapter.restart().await;
        results.cases.push(ends(adapter).await);
    } else {
        results.left_out += 1;
    }
    Ok(results)
}

/// Sends the requests of a vector, up to the first wrong answer.
async fn run_vector(adapter: &mut Adapter<'_>, vector: &Vector) -> Case {
    let Vector { layer, id, requires, why, requests } = vector;
    let case = |verdict, found| Case::new(layer, id, why, requires.iter().map(String::as_str), verdict, found);
    for request in requests {
        let unanswered = |seen| answer::found(request, seen, None);
        match adapter.ask(&request.request).await {
            Ok(answer) => match answer::judge(request, answer) {
                None => {}
                Some(found) => {
                    let tags = found.breaks.into_iter().chain(requires.iter().map(String::as_str));
                    let fix = tags.filter_map(checks::fix_of).next().map(str::to_owned);
                    return case(Verdict::Failed, Found { fix, ..found });
                }
            },
            Err(NoAnswer::Failed(why)) => return case(Verdict::Failed, unanswered(format!("({why})"))),
            Err(NoAnswer::GivenUp) => return case(Verdict::NotRun, unanswered(GIVEN_UP.into())),
        }
    }
    let seen = format!("{} correct answers", requests.len());
    case(Verdict::Passed, Found { seen, ..Found::default() })
}

const GIVEN_UP: &str = "the adapter has hung or exited too often";

const R8_1: &str = "R8.1";
/// The header of a MESSAGE that claims the longest possible body, and three bytes of the body.
const CLAIM: &str = "f5f802027fffffff616161";
/// The growth that is accepted, in bytes: a process may grow by itself, but far less than the claim.
const MAX_GROWTH: u64 = 256 << 20;

/// A case with a false length.
struct Claim {
    id: &'static str,
    why: &'static str,
    /// The request and the expected answer.
    exchange: fn() -> (String, String),
}

const CLAIMS: &[Claim] = &[
    Claim {
        id: "memory-whole",
        why: "A frame claims 2,147,483,647 bytes and has three: the reader waits, and does not reserve the claimed memory.",
        exchange: || (format!("frame {MAX_LENGTH} whole {CLAIM}"), "more".into()),
    },
    Claim {
        id: "memory-bytes",
        why: "The same, one byte at a time.",
        exchange: || (format!("frame {MAX_LENGTH} bytes {CLAIM}"), "more".into()),
    },
    Claim {
        id: "memory-client",
        why: "The same, from a server to a client.",
        exchange: || session("client", "hello -"),
    },
    Claim {
        id: "memory-server",
        why: "The same, from a client to a server.",
        exchange: || session("server", "- hello"),
    },
];

/// A session in which the second frame of the other side has the false length.
fn session(role: &str, greeted: &str) -> (String, String) {
    let hello = Hello::new().with_max_body(MAX_LENGTH).with_keepalive(0);
    let mut wire = Vec::new();
    hello.encode(&mut wire);
    let (body, wire) = (HEXLOWER.encode(&hello.body()), HEXLOWER.encode(&wire));
    (format!("session {role} whole {body} recv:{wire} recv:{CLAIM}"), format!("{greeted} -"))
}

async fn false_length(adapter: &mut Adapter<'_>, claim: &Claim) -> Case {
    let Claim { id, why, exchange } = claim;
    let (request, expected) = exchange();
    let case = |verdict, seen: String| {
        let found = Found { sent: Some(request.clone()), expected: Some(expected.clone()), seen, ..Found::default() };
        Case::new(GROUP, id, why, [R8_1], verdict, found)
    };
    // A peak remains, whatever caused it, so a new process first loads what it needs on first use.
    adapter.restart().await;
    let valid = request.replace(CLAIM, "f5f802020000000361");
    match adapter.ask(&valid).await {
        Ok(_) => {}
        Err(NoAnswer::Failed(why)) => return case(Verdict::NotRun, format!("({why})")),
        Err(NoAnswer::GivenUp) => return case(Verdict::NotRun, GIVEN_UP.into()),
    }
    let Some(before) = adapter.memory() else {
        return case(Verdict::NotApplicable, "this system does not report how much memory a process uses".into());
    };
    match adapter.ask(&request).await {
        Ok(answer) if without_frames(&answer) != expected => case(Verdict::Failed, answer),
        Ok(answer) => match adapter.memory() {
            None => case(Verdict::NotRun, "its memory use is no longer known".into()),
            Some(after) => {
                let grown = (after - before).most();
                let seen = format!("{answer}, and {} KiB more memory", grown >> 10);
                case(if grown > MAX_GROWTH { Verdict::Failed } else { Verdict::Passed }, seen)
            }
        },
        Err(NoAnswer::Failed(why)) => case(Verdict::Failed, format!("({why})")),
        Err(NoAnswer::GivenUp) => case(Verdict::NotRun, GIVEN_UP.into()),
    }
}

const ENDS: &str = "ends";

async fn ends(mut adapter: Adapter<'_>) -> Case {
    let ended = match adapter.ask("frame 1024 whole -").await {
        Ok(_) => adapter.close().await,
        Err(why) => Err(why),
    };
    let (verdict, seen) = match ended {
        Ok(Some(status)) if status.success() => (Verdict::Passed, status.to_string()),
        Ok(Some(status)) => (Verdict::Failed, status.to_string()),
        Ok(None) => (Verdict::NotRun, "it is no longer running".into()),
        Err(NoAnswer::Failed(why)) => (Verdict::Failed, why),
        Err(NoAnswer::GivenUp) => (Verdict::NotRun, GIVEN_UP.into()),
    };
    let found = Found { expected: Some("exit status 0".into()), seen, ..Found::default() };
    Case::new(GROUP, ENDS, "The adapter exits with status 0 at the end of its input.", [], verdict, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend_vectors::spec;

    #[test]
    fn claims_rest_on_a_requirement() {
        assert!(spec::requirement(R8_1).is_some());
        for Claim { id, exchange, .. } in CLAIMS {
            assert!(exchange().0.contains(CLAIM), "{id}");
        }
    }
}
