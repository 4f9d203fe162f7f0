//! The vectors of the transfer profile, answered by `Incoming` and `Outgoing`.

use std::num::NonZeroU32;

use bookend::transfer::{Answer, Bounds, CHUNK_HEADER, Cause, Held, Incoming, Offer, Outgoing, Step};
use bookend_vectors::{TRANSFERS, parse};

#[test]
fn every_vector_of_transfers_holds() {
    let vectors = parse("transfers", TRANSFERS).expect("it is as the schema says");
    assert!(vectors.len() > 50, "{}", vectors.len());
    let mut failures = Vec::new();
    for vector in &vectors {
        for request in &vector.requests {
            let seen = answer(&request.request);
            if !request.passes(&seen) {
                failures
                    .push(format!("{} {}\n  expected {}\n  answered {seen}", vector.id, vector.why, request.expected));
            }
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_vector_with_a_wrong_answer_fails() {
    let right = parse("transfers", TRANSFERS).expect("it is as the schema says");
    let first = &right[0].requests[0];
    assert!(first.passes(&answer(&first.request)));
    let wrong = TRANSFERS.replacen("answer:424b5452", "answer:424b5453", 1);
    let first = &parse("transfers", &wrong).expect("it is as the schema says")[0].requests[0];
    assert!(!first.passes(&answer(&first.request)));
}

fn answer(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["receiver", length, open, ref steps @ ..] => {
            let bounds = Bounds::default().with_max_length(number(length)).with_max_open(number(open));
            let mut incoming = Incoming::new(bounds);
            steps.iter().map(|step| receiver_step(&mut incoming, step)).collect::<Vec<_>>().join(" ")
        }
        ["sender", transfer, length, name, ref steps @ ..] => {
            let name = String::from_utf8(bytes(name)).expect("is a name");
            let length = (length != "-").then(|| number(length));
            let offer = Offer { transfer: number(transfer), length, name: &name };
            let (mut outgoing, first) = Outgoing::new(offer).expect("is a name");
            let start = [format!("send:{}", hex(&first))].into_iter();
            start.chain(steps.iter().map(|step| sender_step(&mut outgoing, step))).collect::<Vec<_>>().join(" ")
        }
        _ => panic!("{line}"),
    }
}

fn receiver_step(incoming: &mut Incoming, step: &str) -> String {
    let words: Vec<&str> = step.split(':').collect();
    match words[..] {
        ["recv", payload] => shown(&incoming.receive(&bytes(payload))),
        ["accept", transfer, held] => {
            let accepted = incoming.accept(number(transfer), held_of(&bytes(held)));
            accepted.map_or_else(|cause| format!("refused:{cause}"), |answer| format!("answer:{}", hex(&answer)))
        }
        ["refuse", transfer, code] => {
            format!("answer:{}", hex(&incoming.refuse(number(transfer), Cause::of(number(code)), "")))
        }
        _ => panic!("{step}"),
    }
}

fn shown(step: &Step<'_>) -> String {
    match step {
        Step::Other => "other".into(),
        Step::Offer(Offer { transfer, length, name }) => {
            let length = length.map_or("-".into(), |length| length.to_string());
            format!("offer:{transfer}:{length}:{}", hex(name.as_bytes()))
        }
        Step::Data { transfer, offset, bytes, progress, answer } => {
            assert_eq!(progress.done, offset + bytes.len() as u64);
            format!("data:{transfer}:{offset}:{},answer:{}", hex(bytes), hex(answer))
        }
        Step::Done { transfer, length, answer, .. } => format!("done:{transfer}:{length},answer:{}", hex(answer)),
        Step::Aborted { transfer, cause, answer, .. } => {
            format!("aborted:{transfer}:{},answer:{}", cause.code(), hex(answer))
        }
        Step::Fault { transfer, cause, answer } => {
            format!("fault:{}:{cause},answer:{}", transfer.map_or(0, NonZeroU32::get), hex(answer))
        }
        _ => panic!("{step:?}"),
    }
}

fn sender_step(outgoing: &mut Outgoing, step: &str) -> String {
    let words: Vec<&str> = step.split(':').collect();
    let fault = |outgoing: &Outgoing, cause| format!("fault:{cause},send:{}", hex(&outgoing.abort(cause, "")));
    match words[..] {
        ["give", source] => {
            let mut buffer = [vec![0; CHUNK_HEADER], bytes(source)].concat();
            match outgoing.data(&mut buffer) {
                Ok(chunk) => chunk.map_or("-".into(), |chunk| format!("send:{}", hex(chunk))),
                Err(cause) => fault(outgoing, cause),
            }
        }
        ["end"] => match outgoing.end() {
            Ok(chunk) => format!("send:{}", hex(&chunk)),
            Err(cause) => fault(outgoing, cause),
        },
        ["recv", payload] => match outgoing.answer(&bytes(payload)) {
            Ok(Answer::Other) => "other".into(),
            Ok(Answer::Want(offset)) => format!("want:{offset}"),
            Ok(Answer::Done) => "done".into(),
            Ok(Answer::Refused { cause, .. }) => format!("refused:{}", cause.code()),
            Ok(answer) => panic!("{answer:?}"),
            Err(cause) => fault(outgoing, cause),
        },
        ["abort", code] => format!("send:{}", hex(&outgoing.abort(Cause::of(number(code)), ""))),
        _ => panic!("{step}"),
    }
}

fn held_of(bytes: &[u8]) -> Held {
    let mut held = Held::nothing();
    held.add(bytes);
    held
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("{word} is no such number"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = if hex == "-" { "" } else { hex }.as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex is ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("is hex")).collect()
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".into() } else { bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}
