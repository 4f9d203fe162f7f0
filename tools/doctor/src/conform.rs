//! Tests a peer in any language against SPEC.md, and writes its report card.
//!
//! # Layout
//!
//! `answers` asks an `adapter`, a process, what the vectors ask; `conduct` runs the doctor's checks of a server or a
//! client over connections. Each thing that is asked is a `case`, which rests on requirements of SPEC.md; `selection`
//! leaves some out. `report` writes the card.

mod adapter;
mod answers;
mod case;
mod conduct;
mod report;
mod selection;

use std::time::Duration;

pub use case::{Case, Found, Sum, Verdict};
pub use report::Card;
pub use selection::{Filter, Selection};

use crate::examination::Peer;

/// What is tested.
pub enum Subject<'a> {
    /// A program, with its arguments, that answers requests on its standard input (docs/new-language.md).
    Adapter(&'a [String]),
    /// A live peer; with `slow` the checks that take seconds, too.
    Peer {
        /// The peer.
        peer: Peer,
        /// Run the checks that take seconds as well.
        slow: bool,
    },
}

/// Tests everything that is selected. `name` is the subject as the card shows it, `timeout` the time that each case may
/// wait for an answer. With `strict`, advice (SHOULD) counts.
///
/// # Errors
/// Why there is no peer to test, in words.
pub async fn conform(
    name: String,
    subject: Subject<'_>,
    timeout: Duration,
    selection: Selection<'_>,
    strict: bool,
) -> Result<Card, String> {
    let examined = match subject {
        Subject::Adapter(command) => {
            answers::examine(command, timeout, selection).await.map_err(|error| error.to_string())
        }
        Subject::Peer { peer, slow } => conduct::examine(peer, timeout, slow, selection).await,
    };
    let answers::Examined { cases, left_out } = examined.map_err(|why| format!("{name}: {why}"))?;
    Ok(Card { subject: name, cases, left_out, strict })
}
