//! What a relay reports.

/// What a relay reports.
#[derive(Debug)]
pub enum Event {
    /// Lines for the output, each with its line feed: packets, frames, and what was done to the stream.
    Lines(Vec<u8>),
    /// A connection failed: its number, and the reason. Or how many events were lost.
    Remark(String),
}
