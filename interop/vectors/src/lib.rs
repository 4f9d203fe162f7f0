//! The test vectors of the Bookend protocol, and the requirements of SPEC.md that they test.
//!
//! ```
//! use bookend_vectors::spec;
//!
//! let vectors = bookend_vectors::all();
//! let first = &vectors[0];
//! println!("{}: {} The first request is {:?}", first.id, first.why, first.requests[0].request);
//! assert!(spec::requirement(&first.requires[0]).is_some_and(|it| it.sentence.ends_with('.')));
//! ```
//!
//! # Layout
//!
//! `schema` reads the JSON files beside this crate, as `schema.json` describes them. `cases` turns each vector into
//! requests to an adapter and the answers that SPEC.md requires (docs/new-language.md describes the adapter protocol).
//! [`spec`] contains the tagged sentences of SPEC.md.

mod cases;
mod history;
mod names;
mod schema;
pub mod spec;
mod transfers;

use serde::de::DeserializeOwned;

pub use cases::{Request, without_frames};
pub use names::{NameCase, NameVector};
use schema::{Common, File};

/// The file of each layer, as text: its name, such as `frames`, and its JSON.
pub const FILES: [(&str, &str); 6] = [
    ("frames", include_str!("../frames.json")),
    ("texts", include_str!("../texts.json")),
    ("hellos", include_str!("../hellos.json")),
    ("messages", include_str!("../messages.json")),
    ("sessions", include_str!("../sessions.json")),
    ("history", include_str!("../history.json")),
];

/// The vectors of the transfer profile, as text. They are for a library of transfers, not for an adapter, so [`FILES`]
/// does not have them; [`parse`] reads them as the layer `transfers`.
pub const TRANSFERS: &str = include_str!("../transfers.json");

/// The vectors of names, as text. They are for a hub; [`names`] reads them.
pub const NAMES: &str = include_str!("../names.json");

/// One vector, as requests to an adapter.
#[derive(Debug)]
pub struct Vector {
    /// The layer, such as `frames`.
    pub layer: &'static str,
    /// The id, such as `F001`.
    pub id: String,
    /// The requirements that it tests, as tags of SPEC.md such as `R2.4`.
    pub requires: Vec<String>,
    /// Its purpose, in a sentence.
    pub why: String,
    /// The requests, in order.
    pub requests: Vec<Request>,
}

/// Every vector, layer by layer.
pub fn all() -> Vec<Vector> {
    FILES.into_iter().flat_map(|(layer, json)| parse(layer, json).expect("a test has read them")).collect()
}

/// The vectors of names.
///
/// # Panics
/// Never: a test has read them.
pub fn names() -> Vec<NameVector> {
    names::parse(NAMES).expect("a test has read them")
}

/// Parses `json`, a file of vectors of one layer.
///
/// # Errors
/// `json` does not match `schema.json`, or the layer does not exist.
///
/// # Panics
/// If a vector contradicts itself, for example with both a result and a fault.
pub fn parse(layer: &'static str, json: &str) -> serde_json::Result<Vec<Vector>> {
    match layer {
        "frames" => read(layer, json, cases::frames),
        "texts" => read(layer, json, cases::texts),
        "hellos" => read(layer, json, cases::hellos),
        "messages" => read(layer, json, cases::messages),
        "sessions" => read(layer, json, cases::sessions),
        "history" => read(layer, json, history::requests),
        "transfers" => read(layer, json, transfers::requests),
        _ => Err(serde::de::Error::custom(format_args!("unknown layer {layer:?}"))),
    }
}

fn read<V: DeserializeOwned + Common>(
    layer: &'static str,
    json: &str,
    requests: fn(&V) -> Vec<Request>,
) -> serde_json::Result<Vec<Vector>> {
    let file: File<V> = serde_json::from_str(json)?;
    if file.layer != layer {
        return Err(serde::de::Error::custom(format_args!("the layer is {:?}, not {layer:?}", file.layer)));
    }
    let convert = |vector: &V| Vector {
        layer,
        id: vector.id().into(),
        requires: vector.requires().to_vec(),
        why: vector.why().into(),
        requests: requests(vector),
    };
    Ok(file.vectors.iter().map(convert).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_has_requests_and_tests_existing_requirements() {
        let mut vectors = all();
        assert!(vectors.len() > 300, "{}", vectors.len());
        vectors.append(&mut parse("transfers", TRANSFERS).expect("is as the schema says"));
        let mut tags: Vec<_> = names().into_iter().map(|vector| (vector.id, vector.requires)).collect();
        for Vector { id, requires, requests, .. } in vectors {
            assert!(!requests.is_empty(), "{id}");
            tags.push((id, requires));
        }
        for (id, requires) in tags {
            for tag in requires {
                assert!(spec::requirement(&tag).is_some(), "{id}: SPEC.md has no {tag}");
            }
        }
    }
}
