//! Hubs that make one mistake each, and the row that must report it.

use std::process::Stdio;

use bookend::{Code, Encoding, Frame, kind};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::history;
use crate::mistakes::body_with;
use crate::peer::{self, whole, with_body};
use crate::{AT_ONCE, TIMEOUT, hub as own_hub};

/// A mistake of a hub: a change to the frames that it sends.
pub(crate) struct HubCase {
    pub(crate) name: &'static str,
    pub(crate) send: fn(Frame<'_>) -> Vec<u8>,
    /// A row that must fail; without a mistake none does.
    pub(crate) fails: Option<&'static str>,
    /// The name of the mistake in that row.
    pub(crate) diagnosis: Option<&'static str>,
}

const fn hub(name: &'static str, send: fn(Frame<'_>) -> Vec<u8>, fails: &'static str) -> HubCase {
    HubCase { name, send, fails: Some(fails), diagnosis: None }
}

impl HubCase {
    const fn diagnosed(self, diagnosis: &'static str) -> HubCase {
        HubCase { diagnosis: Some(diagnosis), ..self }
    }
}

pub(crate) static HUB_CASES: &[HubCase] = &[
    HubCase { name: "none", send: whole, fails: None, diagnosis: None },
    hub("no WELCOME", |frame| dropped(frame, kind::WELCOME), "hub-welcome"),
    hub("no PRESENCE", |frame| dropped(frame, kind::PRESENCE), "hub-presence"),
    hub("no joined", |frame| event_dropped(frame, 1), "hub-joined-left"),
    hub("no left", |frame| event_dropped(frame, 2), "hub-joined-left"),
    hub("messages counted from 2", seq_increased, "hub-everyone").diagnosed("a number was skipped without a GAP"),
    hub("a message lost", every_eighth_lost, "hub-everyone").diagnosed("a message was lost"),
    hub("each message twice", delivered_twice, "hub-everyone").diagnosed("a message was delivered twice"),
    hub("time in seconds", time_in_seconds, "hub-everyone").diagnosed("time is in seconds"),
    hub("text without name", name_lost, "hub-everyone"),
    hub("question marks", question_marks, "hub-encoding").diagnosed("characters were replaced by ?"),
    hub("GAP too large", |frame| gap_plus(frame, 1), "hub-gaps").diagnosed("GAP too large by one"),
    hub("GAP too small", |frame| gap_plus(frame, u8::MAX), "hub-gaps").diagnosed("GAP too small by one"),
    hub("no GAP", |frame| dropped(frame, kind::GAP), "hub-gaps").diagnosed("a number was skipped without a GAP"),
    hub("private messages are counted", private_counted, "hub-private")
        .diagnosed("a message to one member has a number of the room"),
    hub("private messages look public", private_to_all, "hub-private")
        .diagnosed("a message to one member looks like one to everyone"),
    hub("names without suffix", suffix_lost, "hub-same-name").diagnosed("names without suffix"),
    hub("pages without their start", history::page_start_lost, "hub-history"),
    hub("another code", no_such_member_is_policy, "hub-no-such-member"),
    hub("resume not refused", resume_not_refused, "hub-resume-refused"),
];

#[tokio::test]
async fn each_mistake_of_a_hub_fails_its_row() {
    let examined = stream::iter(HUB_CASES).map(|case| async move {
        let (address, serving) = peer::relay(own_hub().await, case.send).await;
        let cases = hub_cases(&address.to_string()).await;
        serving.abort();
        let failed: Vec<&Value> = cases.iter().filter(|found| found["verdict"] == "failed").collect();
        let Some(row) = case.fails else {
            return (!failed.is_empty()).then(|| format!("{}: {failed:?}", case.name));
        };
        let found = failed.iter().find(|found| found["id"] == row);
        let is_named = found.is_some_and(|found| found["diagnosis"].as_str() == case.diagnosis);
        let found = || cases.iter().find(|found| found["id"] == row);
        (!is_named).then(|| format!("{}: {:?}; expected {row} with {:?}", case.name, found(), case.diagnosis))
    });
    let wrong: Vec<String> = examined.buffer_unordered(AT_ONCE).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The cases of the hub profile on the report card of a server.
async fn hub_cases(address: &str) -> Vec<Value> {
    let child = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["conform", "--quick", "--only", "hub", "--json", "--timeout", "8", "--server", address])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(TIMEOUT, child).await.expect("the program exits in time").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seq_increased(frame: Frame<'_>) -> Vec<u8> {
    let to_everyone = frame.kind() == kind::DELIVERY && frame.body()[4..8] == [0; 4];
    if to_everyone { body_with(frame, 15, &[frame.body()[15].wrapping_add(1)]) } else { whole(frame) }
}

fn private_counted(frame: Frame<'_>) -> Vec<u8> {
    let private = frame.kind() == kind::DELIVERY && frame.body()[4..8] != [0; 4];
    if private { body_with(frame, 15, b"\x07") } else { whole(frame) }
}

fn suffix_lost(frame: Frame<'_>) -> Vec<u8> {
    const END: usize = 5 + "doctor".len();
    let is_ours = frame.kind() == kind::PRESENCE && frame.body()[5..].starts_with(b"doctor");
    if is_ours { with_body(frame, &frame.body()[..END]) } else { whole(frame) }
}

fn name_lost(frame: Frame<'_>) -> Vec<u8> {
    let is_message = frame.kind() == kind::MESSAGE && frame.encoding() != Encoding::Binary;
    let start = frame.body().windows(2).position(|window| window == b": ").filter(|_| is_message);
    start.map_or_else(|| whole(frame), |start| with_body(frame, &frame.body()[start + 2..]))
}

fn event_dropped(frame: Frame<'_>, event: u8) -> Vec<u8> {
    if frame.kind() == kind::PRESENCE && frame.body()[4] == event { Vec::new() } else { whole(frame) }
}

fn is_to_everyone(frame: Frame<'_>) -> bool {
    frame.kind() == kind::DELIVERY && frame.body()[4..8] == [0; 4]
}

fn every_eighth_lost(frame: Frame<'_>) -> Vec<u8> {
    if is_to_everyone(frame) && frame.body()[15] % 8 == 2 { Vec::new() } else { whole(frame) }
}

fn delivered_twice(frame: Frame<'_>) -> Vec<u8> {
    whole(frame).repeat(if is_to_everyone(frame) { 2 } else { 1 })
}

fn time_in_seconds(frame: Frame<'_>) -> Vec<u8> {
    if frame.kind() != kind::DELIVERY {
        return whole(frame);
    }
    let time = u64::from_be_bytes(frame.body()[16..24].try_into().unwrap());
    body_with(frame, 16, &(time / 1000).to_be_bytes())
}

fn question_marks(frame: Frame<'_>) -> Vec<u8> {
    if frame.kind() != kind::DELIVERY || frame.encoding() != Encoding::Ascii {
        return whole(frame);
    }
    let mut body = frame.body().to_vec();
    while let Some(start) = body.windows(3).position(|window| window == b"\\u{") {
        let Some(end) = body[start..].iter().position(|&byte| byte == b'}') else { break };
        body.splice(start..=start + end, *b"?");
    }
    with_body(frame, &body)
}

/// Adds to the last byte of the number in a GAP.
fn gap_plus(frame: Frame<'_>, more: u8) -> Vec<u8> {
    if frame.kind() == kind::GAP { body_with(frame, 7, &[frame.body()[7].wrapping_add(more)]) } else { whole(frame) }
}

fn private_to_all(frame: Frame<'_>) -> Vec<u8> {
    if frame.kind() == kind::DELIVERY { body_with(frame, 4, &[0; 4]) } else { whole(frame) }
}

fn resume_not_refused(frame: Frame<'_>) -> Vec<u8> {
    let refuses = frame.kind() == kind::ERROR && frame.body()[8..].starts_with(&Code::RESUME_REFUSED.0.to_be_bytes());
    if refuses { Vec::new() } else { whole(frame) }
}

fn no_such_member_is_policy(frame: Frame<'_>) -> Vec<u8> {
    let matches = frame.kind() == kind::ERROR && frame.body()[8..].starts_with(&Code::NO_SUCH_MEMBER.0.to_be_bytes());
    let body = || [&frame.body()[..8], &Code::POLICY.0.to_be_bytes(), b"policy"].concat();
    if matches { with_body(frame, &body()) } else { whole(frame) }
}

fn dropped(frame: Frame<'_>, kind: u8) -> Vec<u8> {
    if frame.kind() == kind { Vec::new() } else { whole(frame) }
}
