//! The command line of `bookend conform`.

use std::path::PathBuf;
use std::time::Duration;

use bookend_client::{Address, Target};
use bookend_doctor::conform::{Filter, Options, Selection};
use clap::{ArgGroup, Args};

use crate::route::RouteArguments;
use crate::timespan::timespan;
use crate::token::{OtherTokenArguments, TokenArguments};

const EXAMPLES: &str = "\
Exit codes:
  0      the peer conforms
  1      the peer does not conform, or a case could not be run
  2      invalid option or argument, or no case is selected
  3      the peer could not be started or reached
  128+N  ended by signal N

Objects of --json, one per line: a case has id, group, why, requires (tag and sentence of SPEC.md), verdict (passed,
not-strict, failed, not-run, not-applicable), how, sent, expected, seen, diagnosis, fix; the last object is the summary.";

/// Test a peer in any language against SPEC.md and write a report card
///
/// With --adapter, starts CMD, which speaks the line protocol of interop/README.md, and gives it every vector: whole,
/// one byte at a time, and followed by more bytes. With --server, acts as a client; with --client, acts as a server.
/// It behaves correctly on some connections and violates the protocol on others.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("peer").required(true))]
pub(crate) struct ConformArguments {
    /// Test an adapter: CMD answers requests on its standard input
    #[arg(long, group = "peer", requires = "command")]
    pub(super) adapter: bool,
    /// Test a server, over many connections: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(long, group = "peer", value_name = "HOST:PORT", conflicts_with = "command")]
    pub(super) server: Option<Target>,
    /// Test a client: start CMD for each case, with {port} or {address} replaced by the place to connect to; without CMD,
    /// wait for a client that connects repeatedly
    #[arg(long, group = "peer")]
    pub(super) client: bool,
    /// With --client: CMD is a chat, which sends each line of its standard input, in UTF-8, and prints what it receives.
    /// Test what people type and see, too
    #[arg(long, requires = "client", requires = "command")]
    pub(super) chat: bool,
    /// The address on which to wait for a client if there is no CMD
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "client",
        conflicts_with = "command",
        default_value = "127.0.0.1:3990"
    )]
    pub(super) listen: Address,
    /// Skip the slow cases: the keepalive, a body that stalls, and floods that end
    #[arg(long, conflicts_with = "adapter")]
    quick: bool,
    /// Run only a section (R4), a requirement (R4.7), a group (frames) or a case (F001); may be repeated
    #[arg(long, value_name = "WHAT")]
    only: Vec<Filter>,
    /// Skip a section, requirement, group or case; may be repeated
    #[arg(long, value_name = "WHAT")]
    skip: Vec<Filter>,
    /// Treat recommendations (SHOULD) as requirements
    #[arg(long)]
    strict: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
    /// Also write a JUnit report to FILE
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Also write a report card in HTML to FILE
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// The longest time that each case waits for an answer [default: 20s with --adapter, 5s otherwise]
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// The longest time that CMD may take to start: until its first byte or answer arrives. Without CMD, the same for the
    /// first connection
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = timeout)]
    pub(super) start_timeout: Duration,
    /// The program to test, and its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
    #[command(flatten)]
    pub(super) token: TokenArguments,
    #[command(flatten)]
    pub(super) others: OtherTokenArguments,
    #[command(flatten)]
    pub(super) route: RouteArguments,
}

impl ConformArguments {
    pub(super) fn options(&self) -> Options<'_> {
        Options {
            timeout: self.timeout.unwrap_or(Duration::from_secs(if self.adapter { 20 } else { 5 })),
            start_timeout: self.start_timeout,
            slow: !self.quick,
            strict: self.strict,
            selection: Selection { only: &self.only, skip: &self.skip },
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(600))
}
