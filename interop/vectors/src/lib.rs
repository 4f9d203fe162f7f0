//! The test vectors of the Bookend protocol, and the requirements of SPEC.md that they show.
//!
//! ```
//! use bookend_vectors::{requests, spec};
//!
//! let vectors = requests();
//! let first = &vectors[0];
//! println!("{}: {} asks an adapter {:?}", first.id, first.why, first.requests[0].request);
//! assert!(spec::requirement(&first.requires[0]).is_some_and(|it| it.sentence.ends_with('.')));
//! ```
//!
//! # Layout
//!
//! `schema` reads the JSON files beside this crate, as `schema.json` describes them. `cases` turns each vector into
//! requests to an adapter and the answers that SPEC.md requires (docs/new-language.md describes the adapter protocol).
//! [`spec`] has the tagged sentences of SPEC.md.

mod cases;
mod schema;
pub mod spec;

use serde::de::DeserializeOwned;

pub use cases::Request;
use schema::{File, Vector};

/// The file of each layer, as text: its name, such as `frames`, and its JSON.
pub const FILES: [(&str, &str); 5] = [
    ("frames", include_str!("../frames.json")),
    ("texts", include_str!("../texts.json")),
    ("hellos", include_str!("../hellos.json")),
    ("messages", include_str!("../messages.json")),
    ("sessions", include_str!("../sessions.json")),
];

/// What one vector asks of an adapter, and why.
#[derive(Debug)]
pub struct Asked {
    /// The layer, such as `frames`.
    pub layer: &'static str,
    /// The id, such as `F001`.
    pub id: String,
    /// Tags of SPEC.md.
    pub requires: Vec<String>,
    /// What the vector shows, in a sentence.
    pub why: String,
    /// The requests, in order.
    pub requests: Vec<Request>,
}

/// Every vector, layer by layer, as requests to an adapter.
pub fn requests() -> Vec<Asked> {
    FILES.into_iter().flat_map(|(layer, json)| requests_of(layer, json).expect("a test has read them")).collect()
}

/// The vectors of a file, `json`, in the form of the file of that layer.
///
/// # Errors
/// What `schema.json` does not permit, or a layer that does not exist.
///
/// # Panics
/// If a vector contradicts itself, such as one that has both a result and a fault.
pub fn requests_of(layer: &'static str, json: &str) -> serde_json::Result<Vec<Asked>> {
    match layer {
        "frames" => read(layer, json, cases::frames),
        "texts" => read(layer, json, cases::texts),
        "hellos" => read(layer, json, cases::hellos),
        "messages" => read(layer, json, cases::messages),
        "sessions" => read(layer, json, cases::sessions),
        _ => Err(serde::de::Error::custom(format_args!("there is no layer {layer:?}"))),
    }
}

fn read<V: DeserializeOwned + Vector>(
    layer: &'static str,
    json: &str,
    requests: fn(&V) -> Vec<Request>,
) -> serde_json::Result<Vec<Asked>> {
    let file: File<V> = serde_json::from_str(json)?;
    if file.layer != layer {
        return Err(serde::de::Error::custom(format_args!("the layer is {:?}, not {layer:?}", file.layer)));
    }
    let asked = |vector: &V| Asked {
        layer,
        id: vector.id().into(),
        requires: vector.requires().to_vec(),
        why: vector.why().into(),
        requests: requests(vector),
    };
    Ok(file.vectors.iter().map(asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_asks_something_of_a_requirement_that_exists() {
        let asked = requests();
        assert!(asked.len() > 300, "{}", asked.len());
        for Asked { id, requires, requests, .. } in asked {
            assert!(!requests.is_empty(), "{id}");
            for tag in requires {
                assert!(spec::requirement(&tag).is_some(), "{id}: SPEC.md has no {tag}");
            }
        }
    }
}
