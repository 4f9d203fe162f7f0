//! The vectors as `interop/vectors/schema.json` describes them.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File<V> {
    pub(crate) layer: String,
    pub(crate) vectors: Vec<V>,
}

/// A string, or a list of parts to join, of which some are repeated. Spaces are ignored.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Joined {
    One(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Part {
    One(String),
    Repeated(Repeated),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeated {
    repeat: String,
    times: usize,
}

impl Joined {
    pub(crate) fn text(&self) -> String {
        let text = match self {
            Joined::One(text) => text.clone(),
            Joined::Parts(parts) => parts.iter().map(Part::text).collect(),
        };
        text.replace(' ', "")
    }

    /// Bytes as the adapter protocol writes them: `-` for none.
    pub(crate) fn hex(&self) -> String {
        let text = self.text();
        if text.is_empty() { "-".into() } else { text }
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Part::One(text) => text.clone(),
            Part::Repeated(Repeated { repeat, times }) => repeat.repeat(*times),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    pub(crate) kind: String,
    pub(crate) encoding: u8,
    pub(crate) body: Joined,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FramesVector {
    pub(crate) id: String,
    pub(crate) requires: Vec<String>,
    pub(crate) why: String,
    pub(crate) limit: Option<u32>,
    pub(crate) bytes: Joined,
    pub(crate) frames: Vec<Frame>,
    pub(crate) result: Option<String>,
    pub(crate) fault: Option<String>,
    #[serde(default)]
    pub(crate) canonical: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextsVector {
    pub(crate) id: String,
    pub(crate) requires: Vec<String>,
    pub(crate) why: String,
    pub(crate) encoding: u8,
    pub(crate) decode: Option<Joined>,
    pub(crate) utf8: Option<Joined>,
    pub(crate) bom: Option<bool>,
    pub(crate) encode: Option<Joined>,
    pub(crate) bytes: Option<Joined>,
    pub(crate) fault: Option<String>,
    #[serde(default)]
    pub(crate) canonical: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HellosVector {
    pub(crate) id: String,
    pub(crate) requires: Vec<String>,
    pub(crate) why: String,
    pub(crate) body: Joined,
    pub(crate) hello: Option<BTreeMap<String, Field>>,
    pub(crate) wire: Option<Joined>,
    pub(crate) fault: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessagesVector {
    pub(crate) id: String,
    pub(crate) requires: Vec<String>,
    pub(crate) why: String,
    pub(crate) kind: String,
    pub(crate) encoding: u8,
    pub(crate) body: Joined,
    pub(crate) message: Option<String>,
    pub(crate) fields: Option<BTreeMap<String, Field>>,
    pub(crate) wire: Option<Joined>,
    #[serde(default)]
    pub(crate) ignored: bool,
    pub(crate) fault: Option<String>,
}

/// The value of a field. In an answer, numbers are decimal and bytes are hex.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Field {
    Number(u64),
    Bytes(Joined),
}

impl Field {
    pub(crate) fn shown(&self) -> String {
        match self {
            Field::Number(number) => number.to_string(),
            Field::Bytes(bytes) => bytes.hex(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsVector {
    pub(crate) id: String,
    pub(crate) requires: Vec<String>,
    pub(crate) why: String,
    pub(crate) role: String,
    pub(crate) hello: Joined,
    pub(crate) start: Joined,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) recv: Option<Joined>,
    pub(crate) time: Option<u64>,
    #[serde(default)]
    pub(crate) eof: bool,
    pub(crate) send: Option<Frame>,
    #[serde(default)]
    pub(crate) agree: bool,
    pub(crate) close: Option<u16>,
    pub(crate) then: Joined,
}

/// The fields that every vector has.
pub(crate) trait Common {
    fn id(&self) -> &str;
    fn requires(&self) -> &[String];
    fn why(&self) -> &str;
}

macro_rules! vectors {
    ($($vector:ty)*) => {$(
        impl Common for $vector {
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
    )*};
}

vectors!(FramesVector TextsVector HellosVector MessagesVector SessionsVector);
