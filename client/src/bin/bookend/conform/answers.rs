//! Asks an adapter for everything, and judges its answers.

use std::io;
use std::time::Duration;

use bookend::diagnosis::{Evidence, diagnose};
use bookend::{Decoder, Encoding, Fault, Hello, MAX_LENGTH};
use data_encoding::HEXLOWER;

use super::adapter::{Adapter, NoAnswer};
use super::case::{Case, Found, Verdict};
use super::selection::Selection;
use super::vectors::{self, Asked, Request};

/// What was found, and how many cases were not asked for.
pub(super) struct Examined {
    pub(super) cases: Vec<Case>,
    pub(super) left_out: usize,
}

/// The cases that are no vectors.
const GROUP: &str = "adapter";

/// Asks everything that is selected. An error says that the adapter cannot be started.
pub(super) async fn examine(command: &[String], patience: Duration, selection: Selection<'_>) -> io::Result<Examined> {
    let mut adapter = Adapter::start(command, patience)?;
    let mut examined = Examined { cases: Vec::new(), left_out: 0 };
    for asked in vectors::all() {
        if selection.takes(asked.layer, &asked.id, asked.requires.iter().map(String::as_str)) {
            examined.cases.push(vector(&mut adapter, &asked).await);
        } else {
            examined.left_out += 1;
        }
    }
    for claim in CLAIMS {
        if selection.takes(GROUP, claim.id, [R8_1]) {
            examined.cases.push(lying_length(&mut adapter, claim).await);
        } else {
            examined.left_out += 1;
        }
    }
    if selection.takes(GROUP, ENDS, []) {
        adapter.renew().await;
        examined.cases.push(ends(adapter).await);
    } else {
        examined.left_out += 1;
    }
    Ok(examined)
}

/// Asks for all of a vector, up to the first answer that is not what is due.
async fn vector(adapter: &mut Adapter<'_>, asked: &Asked) -> Case {
    let Asked { layer, id, requires, why, requests } = asked;
    let case = |verdict, found| Case::new(layer, id, why, requires.iter().map(String::as_str), verdict, found);
    for request in requests {
        let found = |seen: String, diagnosis| Found {
            how: Some(request.how.clone()),
            sent: Some(request.request.clone()),
            expected: Some(format!("{}{}", request.expected.trim(), if request.open { " …" } else { "" })),
            seen,
            diagnosis,
            fix: None,
        };
        match adapter.ask(&request.request).await {
            Ok(answer) if request.passes(&answer) => {}
            Ok(answer) => {
                let diagnosis = diagnosed(request, &answer);
                return case(Verdict::Failed, found(answer, diagnosis));
            }
            Err(NoAnswer::Failed(why)) => return case(Verdict::Failed, found(format!("({why})"), None)),
            Err(NoAnswer::GivenUp) => return case(Verdict::NotRun, found(GIVEN_UP.into(), None)),
        }
    }
    let seen = format!("{} answers as they are due", requests.len());
    case(Verdict::Passed, Found { seen, ..Found::default() })
}

const GIVEN_UP: &str = "the adapter has hung or ended too often";

/// The mistake in bytes that the peer has written, if it has written any.
fn diagnosed(request: &Request, answer: &str) -> Option<String> {
    let words: Vec<&str> = request.request.split(' ').collect();
    let written = HEXLOWER.decode(answer.strip_prefix("ok ")?.as_bytes()).ok()?;
    let diagnosis = match words[..] {
        ["encode", ..] => {
            let error = match Decoder::new(MAX_LENGTH).decode(&mut &*written) {
                Ok(Some(_)) => return None,
                Ok(None) => Fault::Truncated { arrived: written.len() as u64 },
                Err(error) => error,
            };
            diagnose(&Evidence::stream(error, 0, &written))
        }
        ["encode-text", encoding, _] => {
            diagnose(&Evidence::text(Encoding::from_byte(encoding.parse().ok()?)?, &written))
        }
        _ => return None,
    };
    diagnosis.first().map(ToString::to_string)
}

const R8_1: &str = "R8.1";
/// A header of a MESSAGE that claims the longest body there is, and three bytes of it.
const CLAIM: &str = "f5f802027fffffff616161";
/// A body of as many bytes as have come need not be reserved again and again: what is far from the claim is no lie
/// that was believed.
const MAX_GROWTH: u64 = 256 << 20;

/// A length that lies.
struct Claim {
    id: &'static str,
    why: &'static str,
    /// The request, and the answer that is due.
    exchange: fn() -> (String, String),
}

const CLAIMS: &[Claim] = &[
    Claim {
        id: "memory-whole",
        why: "A frame that claims 2,147,483,647 bytes and brings three is waited for, and no memory is.",
        exchange: || (format!("frame {MAX_LENGTH} whole {CLAIM}"), "more".into()),
    },
    Claim {
        id: "memory-bytes",
        why: "The same, one byte at a time.",
        exchange: || (format!("frame {MAX_LENGTH} bytes {CLAIM}"), "more".into()),
    },
    Claim { id: "memory-client", why: "The same, by a server to a client.", exchange: || session("client", "hello -") },
    Claim { id: "memory-server", why: "The same, by a client to a server.", exchange: || session("server", "- hello") },
];

/// A session in which the other side's second frame lies.
fn session(role: &str, greeted: &str) -> (String, String) {
    let hello = Hello::new().with_max_body(MAX_LENGTH).with_keepalive(0);
    let mut wire = Vec::new();
    hello.encode(&mut wire);
    let (body, wire) = (HEXLOWER.encode(&hello.body()), HEXLOWER.encode(&wire));
    (format!("session {role} whole {body} recv:{wire} recv:{CLAIM}"), format!("{greeted} -"))
}

async fn lying_length(adapter: &mut Adapter<'_>, claim: &Claim) -> Case {
    let Claim { id, why, exchange } = claim;
    let (request, expected) = exchange();
    let case = |verdict, seen: String| {
        let found = Found { sent: Some(request.clone()), expected: Some(expected.clone()), seen, ..Found::default() };
        Case::new(GROUP, id, why, [R8_1], verdict, found)
    };
    // A peak stays, whatever it came from, and what is loaded on first use is none of the claim's.
    adapter.renew().await;
    let sound = request.replace(CLAIM, "f5f802020000000361");
    match adapter.ask(&sound).await {
        Ok(_) => {}
        Err(NoAnswer::Failed(why)) => return case(Verdict::NotRun, format!("({why})")),
        Err(NoAnswer::GivenUp) => return case(Verdict::NotRun, GIVEN_UP.into()),
    }
    let Some(before) = adapter.memory() else {
        return case(Verdict::NotApplicable, "this system does not tell how much memory a process uses".into());
    };
    match adapter.ask(&request).await {
        Ok(answer) if answer != expected => case(Verdict::Failed, answer),
        Ok(answer) => match adapter.memory() {
            None => case(Verdict::NotRun, "how much memory it uses is not told any more".into()),
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
        Ok(None) => (Verdict::NotRun, "it does not run any more".into()),
        Err(NoAnswer::Failed(why)) => (Verdict::Failed, why),
        Err(NoAnswer::GivenUp) => (Verdict::NotRun, GIVEN_UP.into()),
    };
    let found = Found { expected: Some("exit status 0".into()), seen, ..Found::default() };
    Case::new(GROUP, ENDS, "The adapter ends with its input, and well.", [], verdict, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::spec;

    #[test]
    fn little_endian_length_is_named() {
        // [R2.5]
        let asked = vectors::all().into_iter().find(|asked| asked.id == "F001").unwrap();
        let request = asked.requests.into_iter().find(|request| request.request.starts_with("encode ")).unwrap();
        let diagnosis = diagnosed(&request, "ok f5f80202020000006869f8f5").unwrap();
        assert!(diagnosis.starts_with("length-little-endian"), "{diagnosis}");
        assert_eq!(diagnosed(&request, "ok f5f80202000000026869f8f5"), None);
        assert_eq!(diagnosed(&request, "ok what"), None);
    }

    #[test]
    fn claims_rest_on_a_requirement() {
        assert!(spec::requirement(R8_1).is_some());
        for Claim { id, exchange, .. } in CLAIMS {
            assert!(exchange().0.contains(CLAIM), "{id}");
        }
    }
}
