//! The laws of transfers.

use std::num::NonZeroU32;

use bookend::transfer::{Bounds, Cause, Chunk, Held, Incoming, Offer, Step};
use bookend_laws::transfer::{self, Receives};
use proptest::prelude::*;

use crate::holds;

const BOUNDS: (u64, usize) = (40, 2);

fn bounds() -> Bounds {
    Bounds::default().with_max_length(BOUNDS.0).with_max_open(BOUNDS.1)
}

/// What a sender does next; mostly what is legal.
#[derive(Clone, Debug)]
enum Act {
    Offer { length: Option<u64>, name: String },
    Data { bytes: Vec<u8>, skip: u64 },
    End { skip: u64, flip: bool },
    Abort(u16),
}

fn act() -> impl Strategy<Value = (u32, Act)> {
    let skip = prop_oneof![9 => Just(0_u64), 1 => any::<u64>()];
    let length = prop_oneof![2 => Just(None), 2 => (0..50_u64).prop_map(Some), 1 => any::<u64>().prop_map(Some)];
    let act = prop_oneof![
        3 => (length, ".{0,4}").prop_map(|(length, name)| Act::Offer { length, name }),
        4 => (prop::collection::vec(any::<u8>(), 0..20), skip.clone()).prop_map(|(bytes, skip)| Act::Data { bytes, skip }),
        3 => (skip, prop::bool::weighted(0.2)).prop_map(|(skip, flip)| Act::End { skip, flip }),
        1 => any::<u16>().prop_map(Act::Abort),
    ];
    (1..4_u32, act)
}

/// The payloads of a sender that keeps count, except where an act says otherwise.
fn payloads(acts: &[(u32, Act)]) -> Vec<Vec<u8>> {
    let mut sent: [Vec<u8>; 4] = Default::default();
    let mut payloads = Vec::new();
    for (number, act) in acts {
        let transfer = NonZeroU32::new(*number).expect("is not 0");
        let whole = &mut sent[*number as usize];
        let mut held = Held::nothing();
        held.add(whole);
        let chunk = match act {
            Act::Offer { length, name } => {
                whole.clear();
                Chunk::Offer(Offer { transfer, length: *length, name })
            }
            Act::Data { bytes, skip } => {
                let offset = (whole.len() as u64).wrapping_add(*skip);
                whole.extend_from_slice(bytes);
                Chunk::Data { transfer, offset, bytes }
            }
            Act::End { skip, flip } => {
                let mut digest = held.digest();
                digest[31] ^= u8::from(*flip);
                Chunk::End { transfer, length: (whole.len() as u64).wrapping_add(*skip), digest }
            }
            Act::Abort(code) => Chunk::Abort { transfer, cause: Cause::of(*code), reason: "" },
        };
        let mut payload = Vec::new();
        chunk.encode(&mut payload);
        payloads.push(payload);
    }
    payloads
}

proptest! {
    #[test]
    fn laws_hold_for_senders_that_err(acts in prop::collection::vec(act(), 0..30), damage in any::<(usize, usize, u8)>()) {
        // [R12.12] [R12.15] [R12.16]
        let mut payloads = payloads(&acts);
        holds(transfer::every(&mut Incoming::new(bounds()), bounds(), &payloads))?;
        if let Some(payload) = (!payloads.is_empty()).then(|| damage.0 % payloads.len()).map(|at| &mut payloads[at]) {
            let at = damage.1 % payload.len();
            payload[at] ^= damage.2;
        }
        holds(transfer::every(&mut Incoming::new(bounds()), bounds(), &payloads))?;
    }

    #[test]
    fn laws_hold_for_arbitrary_payloads(rests in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        // [R12.1] [R12.2]
        let stream: Vec<u8> = rests.iter().flat_map(|rest| [b"BKTR", &**rest].concat()).collect();
        holds(transfer::every(&mut Incoming::new(bounds()), bounds(), &transfer::payloads(&stream)))?;
        holds(transfer::every(&mut Incoming::new(bounds()), bounds(), &rests))?;
    }

    #[test]
    fn a_chunk_that_is_read_is_written_as_the_same_bytes(acts in prop::collection::vec(act(), 1..10)) {
        for payload in payloads(&acts) {
            if let Ok(Some(chunk)) = Chunk::decode(&payload) {
                let mut again = Vec::new();
                chunk.encode(&mut again);
                prop_assert_eq!(again, payload);
            }
        }
    }
}

/// A receiver that does not compare digests.
struct Credulous(Incoming, [u8; 32]);

impl Receives for Credulous {
    fn receive<'c>(&mut self, payload: &'c [u8]) -> Step<'c> {
        match self.0.receive(payload) {
            Step::Fault { transfer: Some(transfer), cause: Cause::WrongDigest, answer } => {
                Step::Done { transfer, length: 3, digest: self.1, answer }
            }
            step => step,
        }
    }

    fn accept(&mut self, transfer: NonZeroU32) -> Result<Vec<u8>, Cause> {
        Receives::accept(&mut self.0, transfer)
    }

    fn open(&self) -> usize {
        self.0.open()
    }
}

#[test]
fn the_law_finds_a_receiver_that_does_not_compare_digests() {
    let acts = [
        (1, Act::Offer { length: Some(3), name: "a".into() }),
        (1, Act::Data { bytes: b"abc".to_vec(), skip: 0 }),
        (1, Act::End { skip: 0, flip: true }),
    ];
    let payloads = payloads(&acts);
    transfer::every(&mut Incoming::new(bounds()), bounds(), &payloads).expect("it compares them");
    let mut held = Held::nothing();
    held.add(b"abc");
    let mut credulous = Credulous(Incoming::new(bounds()), held.digest());
    let broken = transfer::every(&mut credulous, bounds(), &payloads);
    assert!(broken.expect_err("it does not").contains("digest"));
}
