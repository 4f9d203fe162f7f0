//! How well the diagnosis names a mistake: `cargo run --release -p bookend --example diagnosis_table [STREAMS [CLEAN]]`.
//!
//! For each mistake, streams (1,000 by default) are written as a program with that mistake writes them. They are read until the
//! fault shows, and the diagnosis gets what follows: once all of it, as in a capture, once no more than the faulty
//! frame, as a live peer would have it who waits for an answer. A stream that a mistake leaves as it was is not counted,
//! but written again. *First* is the right name in the first place, *listed* in any, *wrong* another one stated as certain,
//! *likely* another one stated as likely, without the right one beside it. A wrong neighbour only looks like some mistake:
//! there the right name, or none, comes first.
//! Below: all of these together; and sound streams (100,000 by default), each also cut off anywhere: any name there is a
//! false alarm.

mod channel;
mod corpus;
mod fitted;
mod foreign;
mod formats;
mod frame;
mod length;
mod neighbours;
mod tally;
mod text;
mod trailed;
mod wrapped;

use bookend::diagnosis::{Diagnosis, Evidence, diagnose};
use bookend::{Decoder, Fault, Hello, Text};
use corpus::Chance;
use tally::Tally;

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

impl Damage {
    /// With these bytes before the stream.
    pub(crate) fn after(self, before: &[u8]) -> Damage {
        match self {
            Damage::Stream { wire, ends } => {
                let ends = ends.into_iter().map(|end| end + before.len()).collect();
                Damage::Stream { wire: [before, &wire].concat(), ends }
            }
            text @ Damage::Text { .. } => text,
        }
    }

    /// With these bytes after the stream.
    pub(crate) fn with(self, after: &[u8]) -> Damage {
        match self {
            Damage::Stream { wire, ends } => Damage::Stream { wire: [&wire, after].concat(), ends },
            text @ Damage::Text { .. } => text,
        }
    }
}

/// A mistake, how to make it, and the names of its diagnosis.
pub(crate) struct Mistake {
    pub(crate) title: &'static str,
    pub(crate) names: &'static [&'static str],
    /// It is right to name nothing as well.
    pub(crate) unnamed: bool,
    /// `None` where the stream shows no mistake.
    pub(crate) make: fn(&mut Chance) -> Option<Damage>,
}

pub(crate) const fn mistake(
    title: &'static str,
    names: &'static [&'static str],
    make: fn(&mut Chance) -> Option<Damage>,
) -> Mistake {
    Mistake { title, names, unnamed: false, make }
}

/// What only looks like another mistake.
pub(crate) const fn neighbour(
    title: &'static str,
    names: &'static [&'static str],
    make: fn(&mut Chance) -> Option<Damage>,
) -> Mistake {
    Mistake { title, names, unnamed: true, make }
}

const FAMILIES: [(&str, &[Mistake]); 9] = [
    ("lengths", length::MISTAKES),
    ("lengths by fitting", fitted::MISTAKES),
    ("channels", channel::MISTAKES),
    ("frames", frame::MISTAKES),
    ("around frames", wrapped::MISTAKES),
    ("after frames", trailed::MISTAKES),
    ("other protocols", foreign::MISTAKES),
    ("text", text::MISTAKES),
    ("wrong neighbours", neighbours::MISTAKES),
];

fn main() {
    let number = |at, default| std::env::args().nth(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    let (streams, clean) = (number(1, 1000), number(2, 100_000));
    let only = std::env::args().nth(3);
    println!("{:44} {:^31} {:^31}", "", "capture", "live");
    let columns = format!("{:>7} {:>7} {:>7} {:>7}", "first", "listed", "wrong", "likely");
    println!("{:44} {columns} {columns}", "mistake");
    let (mut capture, mut live) = (Tally::default(), Tally::default());
    let mistakes = FAMILIES.iter().flat_map(|(family, mistakes)| mistakes.iter().map(move |mistake| (family, mistake)));
    for (seed, (family, mistake)) in (1..).zip(mistakes) {
        if only.as_ref().is_some_and(|only| !mistake.title.contains(only.as_str()) && only != family) {
            continue;
        }
        let (of_capture, of_live) = judged(mistake, seed, streams, only.is_some());
        println!("{:44} {of_capture} {of_live}", mistake.title);
        capture.add(&of_capture);
        live.add(&of_live);
    }
    println!("{:44} {capture} {live}", "all");
    if only.is_none() {
        let (alarms, cut) = false_alarms(clean);
        println!("sound streams: {clean}, false alarms: {alarms} · cut off: {clean}, false alarms: {cut}");
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
        let right = capture.count(&all, mistake) & live.count(&part, mistake);
        let worse = capture.mistaken() + live.mistaken() > wrong;
        wrong = capture.mistaken() + live.mistaken();
        if verbose && (!right || worse) {
            println!("{}capture: {all}\n   live: {part}", if worse { "WRONG " } else { "" });
            match &damage {
                Damage::Text { encoding, payload } => {
                    println!("         {encoding} {}", payload[..payload.len().min(64)].escape_ascii());
                }
                Damage::Stream { wire, .. } if wire.len() < 400 => {
                    let digits: String = wire.iter().map(|byte| format!("{byte:02x}")).collect();
                    println!("         {digits}");
                }
                Damage::Stream { .. } => {}
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
