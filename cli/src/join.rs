//! The options of every command that joins a room.

use std::time::Duration;

use bookend::{Encoding, Hello, Line};
use bookend_client::{Options, Targets};
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::route::RouteArguments;
use crate::timespan::timespan;
use crate::token::TokenArguments;

// A doc comment on arguments that are flattened into a command would replace the summary of that command.

// The hub, and how this client introduces itself.
#[derive(Debug, Args)]
pub(crate) struct JoinArguments {
    /// The hub: HOST:PORT, tls://HOST:PORT or unix:PATH; or several, as in HOST1,HOST2
    ///
    /// Several addresses of one hub are tried in order, and after a lost connection the next one is first. After tls:// the
    /// hosts that follow use TLS too.
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    pub(crate) target: Targets,
    /// The name to use in the room
    #[arg(long, value_parser = plain_line)]
    name: Option<Line>,
    /// The room to join [default: the hub's lobby, or for `ping` a room of its own]
    #[arg(long, value_parser = plain_line)]
    room: Option<Line>,
    /// Exchange plain messages, without the hub profile, as with any other peer
    #[arg(long)]
    pub(crate) plain: bool,
    /// Wait up to TIME until a hub is there, instead of failing if it cannot be reached at first
    ///
    /// An attempt follows about every second while the name is not found or the connection is refused, reset or timed
    /// out, or the hub is full or shuts down. A fault that waiting does not fix, such as a refused token, ends the program
    /// at once.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    wait: Option<Duration>,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    route: RouteArguments,
}

// The encoding of incoming messages.
#[derive(Debug, Args)]
pub(crate) struct EncodingArguments {
    /// The encoding to request for incoming messages
    #[arg(long, value_enum, default_value_t = Preference::Utf8)]
    encoding: Preference,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preference {
    Ascii,
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "utf-16be")]
    Utf16Be,
    #[value(name = "utf-16le")]
    Utf16Le,
    AsSent,
}

impl JoinArguments {
    /// Options for a client that connects to the hub within `timeout` each time.
    pub(crate) fn options(&self, hello: Hello, timeout: Option<Duration>) -> Result<Options, Failure> {
        Ok(Options::new(self.route.diallers(&self.target)?, hello).with_timeout(timeout).with_wait(self.wait))
    }

    /// The HELLO of this client. Without a room, the hub chooses its lobby.
    pub(crate) fn hello(&self, preferred: Encoding) -> Hello {
        let mut hello = Hello::new()
            .with_hub(!self.plain)
            .with_preferred(preferred)
            .with_software(SOFTWARE)
            .expect("it is a plain line");
        if let Some(name) = &self.name {
            hello = hello.with_name(name.as_str()).expect("it is a plain line");
        }
        if let Some(room) = &self.room {
            hello = hello.with_room(room.as_str()).expect("it is a plain line");
        }
        match self.token.token() {
            Some(token) => token.shown_in(hello),
            None => hello,
        }
    }

    /// The same, with `room` unless the command line names a room.
    pub(crate) fn hello_in(&self, room: &str) -> Hello {
        let hello = self.hello(Encoding::Utf8);
        if self.room.is_some() { hello } else { hello.with_room(room).expect("it is a plain line") }
    }
}

const SOFTWARE: &str = concat!("bookend ", env!("CARGO_PKG_VERSION"));

impl EncodingArguments {
    /// The encoding to request in HELLO.
    pub(crate) fn encoding(&self) -> Encoding {
        match self.encoding {
            Preference::Ascii => Encoding::Ascii,
            Preference::Utf8 => Encoding::Utf8,
            Preference::Utf16Be => Encoding::Utf16Be,
            Preference::Utf16Le => Encoding::Utf16Le,
            Preference::AsSent => Encoding::Binary,
        }
    }
}

// The timeout, and whether to report times.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct TimeoutArguments {
    /// Give up if connecting or reconnecting takes longer than TIME, which several hosts share
    ///
    /// Without this option, each step of connecting has its own timeout, 10s for most of them. `chat` and `listen` then
    /// reconnect forever, `send` for 30s. With it, `send` also gives up if no confirmation arrives for TIME. TIME is such
    /// as 1.5s, 200ms or 2m; a number without a unit is in seconds.
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Report how long each stage of joining took: resolving, connecting, proxy, TLS, HELLO
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// The longest timeout.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::ZERO, LONGEST)
}

fn plain_line(text: &str) -> Result<Line, &'static str> {
    Line::new(text).ok_or("use 1 to 64 bytes without control characters, line separators or bidirectional controls")
}
