//! The vectors of names (SPEC 9): which name a hub gives, and which rooms are one.

use serde::Deserialize;

use super::schema::File;

/// A vector of a hub's names.
#[derive(Debug, Deserialize)]
pub struct NameVector {
    /// The id, such as `K001`.
    pub id: String,
    /// The requirements that it tests, as tags of SPEC.md such as `R9.34`.
    pub requires: Vec<String>,
    /// Its purpose, in a sentence.
    pub why: String,
    /// What a member asks for, and what the hub does.
    #[serde(flatten)]
    pub case: NameCase,
}

/// What a member asks for, and what the hub does.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum NameCase {
    /// A member asks for a name.
    Member {
        /// The names of the members of the room.
        present: Vec<String>,
        /// The name that it asks for.
        wanted: String,
        /// The name that it is given. The members have the numbers from 1 on.
        given: String,
    },
    /// Members ask for rooms.
    Rooms {
        /// The names of the rooms.
        rooms: Vec<String>,
        /// Do they meet?
        same: bool,
    },
}

/// Parses `json`, a file of vectors of the layer `names`.
pub(crate) fn parse(json: &str) -> serde_json::Result<Vec<NameVector>> {
    serde_json::from_str::<File<NameVector>>(json).map(|file| file.vectors)
}
