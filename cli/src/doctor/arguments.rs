//! The command line of `bookend doctor`.

use std::time::Duration;

use bookend_client::{Dialler, Target};
use bookend_doctor::Options;
use clap::Args;

use crate::colour::Colour;
use crate::failure::Failure;
use crate::reaching::Reaching;
use crate::timespan::timespan;
use crate::token::TokenArguments;

const EXIT_CODES: &str = "\
Exit codes:
  0    everything holds
  1    something does not
  2    a wrong option or argument
  3    it could not be reached, or does not speak Bookend
  130  interrupted";

/// Check a Bookend server, and name what is wrong with it
///
/// Each check is a row: what holds, what does not, the requirement of SPEC.md that it rests on, and the fix. What does
/// not speak Bookend is named as well; for that a few harmless requests of other protocols are sent. A hub's members
/// notice nothing: every connection joins a room of its own. Where a token is needed, it is to be one
/// to read and write in every room.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DoctorArguments {
    /// The server: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    place: Target,
    /// Print a JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// How long each check may wait for an answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    timeout: Duration,
    /// Tell how long each stage took
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Check what takes its time as well: the keepalive, a body that stands still
    #[arg(long)]
    slow: bool,
    /// Send nothing but Bookend, even to what does not speak it
    #[arg(long)]
    no_probes: bool,
    /// Colour the rows
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub(super) color: Colour,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    reaching: Reaching,
}

impl DoctorArguments {
    /// The way to the server.
    pub(super) fn dialler(&self) -> Result<Dialler, Failure> {
        self.reaching.dialler(&self.place)
    }

    /// How to examine it.
    pub(super) fn options(&self) -> Options {
        Options { token: self.token.token().cloned(), timeout: self.timeout, slow: self.slow, probes: !self.no_probes }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(30))
}
