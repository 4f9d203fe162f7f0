//! The command line of `bookend conform`.

use std::path::PathBuf;
use std::time::Duration;

use bookend_client::{Address, Target};
use bookend_doctor::conform::{Filter, Options, Selection};
use clap::{ArgGroup, Args};

use crate::reaching::Reaching;
use crate::timespan::timespan;
use crate::token::TokenArguments;

const EXAMPLES: &str = "\
Exit codes:
  0    the peer conforms
  1    it does not, or a case could not be run
  2    a wrong option or argument, or nothing to ask
  3    the peer could not be started or reached
  130  interrupted

Objects of --json, one a line: a case has id, group, why, requires (tag and sentence of SPEC.md), verdict (passed,
not-strict, failed, not-run, not-applicable), how, sent, expected, seen, diagnosis, fix; the last one is summary.";

/// Test a peer in any language against SPEC.md, and write its report card
///
/// With --adapter it starts CMD, which speaks the line protocol of interop/README.md, and asks it every vector: whole,
/// one byte at a time, and with a tail. With --server it is a client, and with --client a server, which does what a
/// sound one does and what it must not, over connections of their own.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("peer").required(true))]
pub(crate) struct ConformArguments {
    /// Test an adapter: CMD answers requests on its standard input
    #[arg(long, group = "peer", requires = "command")]
    pub(super) adapter: bool,
    /// Test a server: connect to it, many times: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(long, group = "peer", value_name = "HOST:PORT", conflicts_with = "command")]
    pub(super) server: Option<Target>,
    /// Test a client: CMD, in which {port} or {address} says where it is to connect to, is started for each case;
    /// without CMD, a client is to connect by itself, again and again
    #[arg(long, group = "peer")]
    pub(super) client: bool,
    /// Where a client that is not started here is to connect to
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "client",
        conflicts_with = "command",
        default_value = "127.0.0.1:3990"
    )]
    pub(super) listen: Address,
    /// Leave out what takes its time: the keepalive, a body that stands still
    #[arg(long, conflicts_with = "adapter")]
    quick: bool,
    /// Ask only for this: a section (R4), a requirement (R4.7), a group (frames) or a case (F001); may be repeated
    #[arg(long, value_name = "WHAT")]
    only: Vec<Filter>,
    /// Leave this out, named in the same ways; may be repeated
    #[arg(long, value_name = "WHAT")]
    skip: Vec<Filter>,
    /// Let advice (SHOULD) count, too
    #[arg(long)]
    strict: bool,
    /// Print a JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// Write a report as JUnit does, too
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write a report card in HTML, too
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// How long each case may wait for an answer [default: 20s of an adapter, 5s else]
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// The program to test, with its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
    #[command(flatten)]
    pub(super) token: TokenArguments,
    #[command(flatten)]
    pub(super) reaching: Reaching,
}

impl ConformArguments {
    pub(super) fn options(&self) -> Options<'_> {
        Options {
            timeout: self.timeout.unwrap_or(Duration::from_secs(if self.adapter { 20 } else { 5 })),
            slow: !self.quick,
            strict: self.strict,
            selection: Selection { only: &self.only, skip: &self.skip },
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::from_millis(100), Duration::from_secs(600))
}
