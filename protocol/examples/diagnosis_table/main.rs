//! How well the diagnosis names a mistake: `cargo run --release -p bookend --example diagnosis_table [STREAMS [CLEAN]]`.
//!
//! For each mistake, streams (1,000 by default) are written as a program with that mistake writes them. They are read until the
//! fault shows, and the diagnosis gets what follows: once all of it, as in a capture, once no more than the faulty
//! frame, as a live peer would have it who waits for an answer. A stream that a mistake leaves as it was is not counted,
//! but written again. *First* is the right name in the first place, *listed* in any, *wrong* another one stated as certain.
//! Below: sound streams (100,000 by default), each also cut off anywhere: any name there is a false alarm.

mod channel;
mod corpus;
mod foreign;
mod length;
mod text;

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose};
use bookend::{Decoder, Fault, Hello, Text};
use corpus::Chance;

/// What a program with a mistake wrote.
pub(crate) enum Damage {
    Stream {
        wire: Vec<u8>,
        /// Where the frames end in it.
        ends: Vec<usize>,
    },
    Text {
        encoding: bookend::Encoding,
        payload: Vec<u8>,
    },
}

/// A mistake, how to make it, and the names of its diagnosis.
pub(crate) struct Mistake {
    pub(crate) title: &'static str,
    pub(crate) names: &'static [&'static str],
    /// `None` where the stream shows no mistake.
    pub(crate) make: fn(&mut Chance) -> Option<Damage>,
}

fn main() {
    let number = |at, default| std::env::args().nth(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    let (streams, clean) = (number(1, 1000), number(2, 100_000));
    let only = std::env::args().nth(3);
    println!("{:38} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}", "", "capture", "", "", "live", "", "");
    println!(
        "{:38} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "mistake", "first", "listed", "wrong", "first", "listed", "wrong"
    );
    let families = [length::MISTAKES, channel::MISTAKES, foreign::MISTAKES, text::MISTAKES];
    for (seed, mistake) in (1..).zip(families.into_iter().flatten()) {
        if only.as_ref().is_some_and(|only| !mistake.title.contains(only.as_str())) {
            continue;
        }
        let (capture, live) = judged(mistake, seed, streams, only.is_some());
        let row = |tally: &Tally| tally.shown(streams);
        println!("{:38} {} {}", mistake.title, row(&capture), row(&live));
    }
    if only.is_none() {
        let (alarms, cut) = false_alarms(clean);
        println!("sound streams: {clean}, false alarms: {alarms} · cut off: {clean}, false alarms: {cut}");
    }
}

#[derive(Default)]
struct Tally {
    first: usize,
    listed: usize,
    wrong: usize,
}

impl Tally {
    fn count(&mut self, diagnosis: &Diagnosis, names: &[&str]) -> bool {
        let hypotheses = diagnosis.hypotheses();
        let right = |name: &str| names.contains(&name);
        let first = hypotheses.first().is_some_and(|first| right(first.name()));
        self.first += usize::from(first);
        self.listed += usize::from(hypotheses.iter().any(|listed| right(listed.name())));
        let wrong =
            |other: &&bookend::diagnosis::Hypothesis| other.confidence() == Confidence::Certain && !right(other.name());
        self.wrong += usize::from(hypotheses.iter().any(|other| wrong(&other)));
        first
    }

    fn shown(&self, streams: usize) -> String {
        let percent = |count: usize| format!("{:.1}%", 100.0 * count as f64 / streams as f64);
        format!("{:>7} {:>7} {:>7}", percent(self.first), percent(self.listed), self.wrong)
    }
}

fn judged(mistake: &Mistake, seed: u64, streams: usize, verbose: bool) -> (Tally, Tally) {
    let (mut capture, mut live) = (Tally::default(), Tally::default());
    let mut wrong = 0;
    let mut chance = Chance::new(seed << 32);
    for _ in 0..streams {
        let shows = |damage: &Damage| match damage {
            Damage::Stream { wire, .. } => first_fault(wire).is_some(),
            Damage::Text { .. } => true,
        };
        let damage = (0..10_000)
            .find_map(|_| (mistake.make)(&mut chance).filter(|damage| shows(damage)))
            .expect("the mistake shows in some stream");
        let (all, part) = match &damage {
            Damage::Text { encoding, payload } => {
                let diagnosis = diagnose(&Evidence::text(*encoding, payload));
                (diagnosis.clone(), diagnosis)
            }
            Damage::Stream { wire, ends } => {
                let (error, at) = first_fault(wire)
                    .unwrap_or_else(|| panic!("{}: no fault shows in {}", mistake.title, wire.escape_ascii()));
                let end = ends.iter().copied().find(|&end| end > at).unwrap_or(wire.len());
                let all = diagnose(&Evidence::stream(error, at as u64, &wire[at..]).after(&wire[..at]));
                // A live peer that waits: its bytes end with the frame, and where that shows no fault yet, time runs out.
                let (error, at) = first_fault(&wire[..end]).unwrap_or((error, at));
                (all, diagnose(&Evidence::stream(error, at as u64, &wire[at..end.max(at)])))
            }
        };
        let right = capture.count(&all, mistake.names) & live.count(&part, mistake.names);
        let worse = capture.wrong + live.wrong > wrong;
        wrong = capture.wrong + live.wrong;
        if verbose && (!right || worse) {
            println!("{}capture: {all}\n   live: {part}", if worse { "WRONG " } else { "" });
            if let Damage::Text { encoding, payload } = &damage {
                println!("         {encoding} {}", payload[..payload.len().min(64)].escape_ascii());
            }
        }
    }
    (capture, live)
}

/// Reads as a session does, to the first fault; gives it with the offset of its frame.
fn first_fault(wire: &[u8]) -> Option<(Fault, usize)> {
    let mut decoder = Decoder::new(4096);
    let mut rest = wire;
    loop {
        let at = wire.len() - rest.len();
        if let (0, Some((header, body))) = (at, wire.split_first_chunk::<8>()) {
            let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            let framed = header[..2] == [0xF5, 0xF8] && header[3] <= 4 && length <= 4096;
            if framed && header[2] != 1 {
                return Some((Fault::HelloExpected { kind: header[2] }, 0));
            }
            match Hello::parse(&body[..body.len().min(length)]) {
                Err(error @ Fault::BadCanary { .. }) if framed => return Some((error, 0)),
                Err(error @ Fault::BadHello { .. })
                    if framed && body.len().min(length) >= 4 && &body[..4] != b"BKND" =>
                {
                    return Some((error, 0));
                }
                _ => {}
            }
        }
        match decoder.decode(&mut rest) {
            Err(error) => return Some((error, at)),
            Ok(None) if rest.is_empty() => return None,
            Ok(None) => return Some((Fault::FrameTimeout { arrived: rest.len() as u64, expected: None }, at)),
            Ok(Some(frame)) if at == 0 => match Hello::parse(frame.body()) {
                Err(error) => return Some((error, 0)),
                Ok(_) => decoder.set_limit(1 << 20),
            },
            Ok(Some(frame)) => {
                if let Some(error @ (Fault::Malformed { .. } | Fault::UnknownKind { .. })) =
                    bookend::Message::parse(frame).err()
                {
                    return Some((error, at));
                }
            }
        }
    }
}

/// What is named of sound streams, whole and cut off.
fn false_alarms(streams: usize) -> (usize, usize) {
    let (mut alarms, mut cut) = (0, 0);
    let mut chance = Chance::new(0);
    for _ in 0..streams {
        let mut wire = Vec::new();
        let mut starts = Vec::new();
        let mut named: Vec<Diagnosis> = Vec::new();
        for draft in corpus::stream(&mut chance) {
            starts.push(wire.len());
            draft.write(&mut wire);
            if draft.text.is_some() {
                Text::decode(draft.encoding, &draft.payload).expect("the text is sound");
                named.push(diagnose(&Evidence::text(draft.encoding, &draft.payload)));
            }
        }
        let fault = first_fault(&wire);
        assert_eq!(fault, None, "the stream is sound");
        // Not between frames, where nothing is missing, nor before the canary's 1A, where a ^Z would cut.
        let end = (0..100).map(|_| 1 + chance.below(wire.len() - 1)).find(|end| !starts.contains(end) && *end != 14);
        let Some(end) = end else { continue };
        let start = starts.iter().copied().rfind(|&start| start < end).unwrap_or(0);
        let error = Fault::FrameTimeout { arrived: (end - start) as u64, expected: None };
        let late = diagnose(&Evidence::stream(error, start as u64, &wire[start..end]));
        alarms += usize::from(named.iter().any(report));
        cut += usize::from(report(&late));
    }
    (alarms, cut)
}

fn report(diagnosis: &Diagnosis) -> bool {
    let alarm = !diagnosis.hypotheses().is_empty();
    if alarm {
        println!("false alarm: {diagnosis}");
    }
    alarm
}
