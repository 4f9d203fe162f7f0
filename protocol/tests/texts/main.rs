//! What the diagnosis says of texts: of those in a legacy encoding, and of sound ones.

mod code_pages;
mod corpus;
mod sound;
mod tables;
