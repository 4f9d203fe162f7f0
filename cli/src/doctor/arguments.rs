//! The command line of `bookend doctor`.

use std::time::Duration;

use bookend_client::{Dialler, Target};
use bookend_doctor::Options;
use clap::Args;

use crate::colour::Colour;
use crate::failure::Failure;
use crate::route::RouteArguments;
use crate::timespan::timespan;
use crate::token::{OtherTokenArguments, TokenArguments};

const EXIT_CODES: &str = "\
Exit codes:
  0      every check passed
  1      a check failed
  2      invalid option or argument
  3      the server could not be reached, or does not speak Bookend
  128+N  ended by signal N";

/// Check a Bookend server and report what is wrong with it
///
/// Each check prints a row with the result, the requirement of SPEC.md and the fix. If the server does not speak
/// Bookend, a few harmless requests in other protocols identify it. The members of a hub are not disturbed, because
/// every connection joins a room of its own. If the server requires a token, it should allow reading and writing in every
/// room: with one that may only read, the checks that post are skipped.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DoctorArguments {
    /// The server: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    place: Target,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
    /// The longest time that each check waits for an answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    timeout: Duration,
    /// Report how long each stage took
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Also run the slow checks: the keepalive, a body that stalls, and floods that end
    #[arg(long)]
    slow: bool,
    /// Send only Bookend, even if the server does not speak it
    #[arg(long)]
    no_probes: bool,
    /// When to colour the output
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub(super) color: Colour,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    others: OtherTokenArguments,
    #[command(flatten)]
    route: RouteArguments,
}

impl DoctorArguments {
    /// A dialler that connects to the server.
    pub(super) fn dialler(&self) -> Result<Dialler, Failure> {
        self.route.dialler(&self.place)
    }

    /// How to examine the server.
    pub(super) fn options(&self) -> Options {
        let tokens = self.token.tokens(&self.others);
        Options { tokens, timeout: self.timeout, slow: self.slow, probes: !self.no_probes }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(30))
}
