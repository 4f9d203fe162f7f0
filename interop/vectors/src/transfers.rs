//! The vectors of the transfer profile (SPEC 12): one side of transfers, step by step.

use serde::Deserialize;

use super::cases::Request;
use super::schema::{Common, Joined};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransfersVector {
    id: String,
    requires: Vec<String>,
    why: String,
    receiver: Option<Receiver>,
    sender: Option<Sender>,
    start: Option<String>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Receiver {
    max_length: Option<u64>,
    max_open: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sender {
    transfer: u32,
    length: Option<u64>,
    name: Joined,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    recv: Option<Joined>,
    accept: Option<Accept>,
    refuse: Option<Refuse>,
    give: Option<Joined>,
    #[serde(default)]
    end: bool,
    abort: Option<u16>,
    then: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    transfer: u32,
    held: Joined,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    transfer: u32,
    code: u16,
}

impl Common for TransfersVector {
    fn id(&self) -> &str {
        &self.id
    }

    fn requires(&self) -> &[String] {
        &self.requires
    }

    fn why(&self) -> &str {
        &self.why
    }
}

/// The longest whole and the number of open transfers where the vector has none: the defaults of SPEC.md.
const MAX_LENGTH: u64 = 1 << 30;
const MAX_OPEN: u64 = 8;

/// One line for a program that answers a word for the start of a sender and one for each step.
pub(crate) fn requests(vector: &TransfersVector) -> Vec<Request> {
    let (side, start) = match (&vector.receiver, &vector.sender, &vector.start) {
        (Some(receiver), None, None) => {
            let (length, open) = (receiver.max_length.unwrap_or(MAX_LENGTH), receiver.max_open.unwrap_or(MAX_OPEN));
            (format!("receiver {length} {open}"), None)
        }
        (None, Some(sender), Some(start)) => {
            let length = sender.length.map_or("-".into(), |length| length.to_string());
            (format!("sender {} {length} {}", sender.transfer, sender.name.hex()), Some(start.clone()))
        }
        _ => panic!("{}: a vector has a receiver, or a sender and its start", vector.id),
    };
    let steps: Vec<String> = vector.steps.iter().map(word).collect();
    let expected: Vec<String> = start.into_iter().chain(vector.steps.iter().map(|step| step.then.clone())).collect();
    vec![Request::new("step by step", format!("{side} {}", steps.join(" ")), expected.join(" "))]
}

fn word(step: &Step) -> String {
    let words = [
        step.recv.as_ref().map(|bytes| format!("recv:{}", bytes.hex())),
        step.accept.as_ref().map(|accept| format!("accept:{}:{}", accept.transfer, accept.held.hex())),
        step.refuse.as_ref().map(|refuse| format!("refuse:{}:{}", refuse.transfer, refuse.code)),
        step.give.as_ref().map(|bytes| format!("give:{}", bytes.hex())),
        step.end.then(|| "end".into()),
        step.abort.map(|code| format!("abort:{code}")),
    ];
    match &words.iter().flatten().collect::<Vec<_>>()[..] {
        [word] => word.to_string(),
        _ => panic!("a step has exactly one action"),
    }
}
