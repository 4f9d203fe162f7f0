//! The vectors of `interop/vectors`, which the program carries with it.

mod cases;
mod schema;

use serde::de::DeserializeOwned;

pub(super) use cases::Case as Request;
use schema::{File, Vector};

/// What one vector asks, and why.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) layer: &'static str,
    pub(super) id: String,
    pub(super) requires: Vec<String>,
    pub(super) why: String,
    pub(super) requests: Vec<Request>,
}

/// Every vector, layer by layer.
pub(super) fn all() -> Vec<Asked> {
    let mut asked = Vec::new();
    add("frames", include_str!("../../../../../interop/vectors/frames.json"), cases::frames, &mut asked);
    add("texts", include_str!("../../../../../interop/vectors/texts.json"), cases::texts, &mut asked);
    add("hellos", include_str!("../../../../../interop/vectors/hellos.json"), cases::hellos, &mut asked);
    add("messages", include_str!("../../../../../interop/vectors/messages.json"), cases::messages, &mut asked);
    add("sessions", include_str!("../../../../../interop/vectors/sessions.json"), cases::sessions, &mut asked);
    asked
}

fn add<V: DeserializeOwned + Vector>(
    layer: &'static str,
    json: &str,
    requests: fn(&V) -> Vec<Request>,
    asked: &mut Vec<Asked>,
) {
    let file: File<V> = serde_json::from_str(json).expect("a test has read it");
    debug_assert_eq!(file.layer, layer);
    asked.extend(file.vectors.iter().map(|vector| Asked {
        layer,
        id: vector.id().into(),
        requires: vector.requires().to_vec(),
        why: vector.why().into(),
        requests: requests(vector),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conform::spec;

    #[test]
    fn every_vector_asks_something_of_a_requirement_that_exists() {
        let asked = all();
        assert!(asked.len() > 300, "{}", asked.len());
        for Asked { id, requires, requests, .. } in asked {
            assert!(!requests.is_empty(), "{id}");
            for tag in requires {
                assert!(spec::requirement(&tag).is_some(), "{id}: SPEC.md has no {tag}");
            }
        }
    }
}
