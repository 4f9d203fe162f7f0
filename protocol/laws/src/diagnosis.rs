//! The laws of diagnosis: every evidence gets an answer that can be shown and sent.

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, MISTAKES, WINDOW, diagnose};
use bookend::session::MAX_REASON;
use bookend::{Decoder, Encoding, Fault, MAX_LENGTH, kind};

use crate::{Verdict, memory};

/// Bounds, in bytes, on what a diagnosis allocates in total: for each byte that it examines, and besides.
const MEMORY: (usize, usize) = (64, 64 << 10);
/// The most hypotheses of one diagnosis.
const MAX_HYPOTHESES: usize = 5;

/// Every law for some bytes: as a stream with the fault that it has, as the beginning of one with faults that it may
/// not have, and as text in each encoding.
///
/// # Errors
/// The law that is broken.
pub fn every(bytes: &[u8]) -> Verdict {
    for limit in [4096, 1 << 20, MAX_LENGTH] {
        let (mut rest, mut decoder, mut known) = (bytes, Decoder::new(limit), true);
        let fault = loop {
            match decoder.decode(&mut rest) {
                Ok(Some(frame)) => known &= kind::name(frame.kind()).is_some() || frame.kind() >= kind::IGNORABLE,
                Ok(None) => break Fault::Truncated { arrived: rest.len() as u64 },
                Err(fault) => break fault,
            }
        };
        stream(fault, &bytes[..bytes.len() - rest.len()], rest)?;
        if rest.is_empty() && known {
            sound(bytes)?;
        }
    }
    for fault in [
        Fault::BadStart { offset: 0, found: 0 },
        Fault::BadEnd { offset: 8, found: 0, length: 0 },
        Fault::FrameTimeout { arrived: 0, expected: None },
        Fault::HelloTimeout,
        Fault::NoClose,
        Fault::BadCanary { position: 3, found: 0x0D },
        Fault::Malformed { kind: 3, why: "it is" },
    ] {
        stream(fault, &[], bytes)?;
    }
    for encoding in Encoding::ALL {
        text(encoding, bytes)?;
    }
    Ok(())
}

/// Law 5 for a stream whose frame at `bytes` has that fault, after `before`: memory follows the bytes examined. The
/// diagnosis begins with the fault's name.
///
/// # Errors
/// How the law is broken.
pub fn stream(fault: Fault, before: &[u8], bytes: &[u8]) -> Verdict {
    let offset = before.len() as u64;
    let evidence = Evidence::stream(fault, offset, bytes).after(before);
    let diagnosis = judged(&evidence, bytes.len().min(WINDOW) + before.len().min(WINDOW))?;
    legal(&diagnosis, offset..=offset + bytes.len().min(WINDOW) as u64)?;
    demand!(diagnosis.to_string().starts_with(fault.name()), "diagnosis: {fault} is shown as {diagnosis}");
    Ok(())
}

/// The same for a payload.
///
/// # Errors
/// How the law is broken.
pub fn text(encoding: Encoding, payload: &[u8]) -> Verdict {
    let diagnosis = judged(&Evidence::text(encoding, payload), payload.len())?;
    legal(&diagnosis, 0..=payload.len() as u64)
}

/// Whole frames of known kinds hold no mistake, even if the reader waits for more.
fn sound(bytes: &[u8]) -> Verdict {
    let diagnosis = diagnose(&Evidence::stream(Fault::NoClose, 0, bytes));
    demand!(diagnosis.first().is_none(), "diagnosis: sound frames are shown as {diagnosis}");
    Ok(())
}

fn judged(evidence: &Evidence<'_>, looked_at: usize) -> Result<Diagnosis, String> {
    let (allocated, diagnosis) = memory::allocated(|| diagnose(evidence))?;
    let most = MEMORY.0 * looked_at + MEMORY.1;
    demand!(allocated <= most, "bounded: {allocated} bytes were allocated to look at {looked_at}: {diagnosis}");
    Ok(diagnosis)
}

/// A diagnosis is a line of ASCII that fits a reason. Its hypotheses are few, known, unique, ordered by likelihood, and
/// within the evidence; if one is certain, no other is likely.
fn legal(diagnosis: &Diagnosis, within: std::ops::RangeInclusive<u64>) -> Verdict {
    let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let line = diagnosis.to_string();
    demand!(line.len() <= MAX_REASON && printable(&line), "diagnosis: {line:?} is not a reason");
    let hypotheses = diagnosis.hypotheses();
    demand!(hypotheses.len() <= MAX_HYPOTHESES, "diagnosis: {} hypotheses", hypotheses.len());
    for (at, hypothesis) in hypotheses.iter().enumerate() {
        let name = hypothesis.name();
        demand!(MISTAKES.iter().any(|known| known.name == name), "diagnosis: {name} is not known");
        demand!(hypotheses[..at].iter().all(|other| other.name() != name), "diagnosis: {name} is there twice");
        demand!(printable(hypothesis.seen()), "diagnosis: {:?} was seen", hypothesis.seen());
        let offset = hypothesis.offset();
        demand!(within.contains(&offset), "diagnosis: {name} at byte {offset}, not in {within:?}");
    }
    for pair in hypotheses.windows(2) {
        let (first, second) = (pair[0].confidence(), pair[1].confidence());
        let ranked = first >= second && (first < Confidence::Certain || second == Confidence::Possible);
        demand!(ranked, "diagnosis: {} before {}", pair[0], pair[1]);
    }
    Ok(())
}
