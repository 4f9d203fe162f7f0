//! The options of every command that joins a room.

use std::time::Duration;

use bookend::{Encoding, Hello, Line};
use bookend_client::{Options, Target};
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::reaching::Reaching;
use crate::timespan::timespan;
use crate::token::TokenArguments;

/// Where to, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Joining {
    /// The hub: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:3990")]
    pub(crate) place: Target,
    /// The name to go by in the room
    #[arg(long, value_parser = plain_line)]
    name: Option<Line>,
    /// The room to join
    #[arg(long, value_parser = plain_line)]
    room: Option<Line>,
    /// Take part without the hub profile, as any peer can
    #[arg(long)]
    pub(crate) plain: bool,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    reaching: Reaching,
}

/// The encoding of the messages that arrive.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The encoding to ask the hub for
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

impl Joining {
    /// How to connect to the hub, each time within `timeout`.
    pub(crate) fn options(&self, hello: Hello, timeout: Option<Duration>) -> Result<Options, Failure> {
        Ok(Options::new(self.reaching.dialler(&self.place)?, hello).with_timeout(timeout))
    }

    /// What is said of this side. Without a room it is the lobby.
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

    /// The same, in another room if none is named.
    pub(crate) fn hello_in(&self, room: &str) -> Hello {
        let hello = self.hello(Encoding::Utf8);
        if self.room.is_some() { hello } else { hello.with_room(room).expect("it is a plain line") }
    }
}

const SOFTWARE: &str = concat!("bookend ", env!("CARGO_PKG_VERSION"));

impl Wanted {
    /// The encoding that HELLO asks for.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding.encoding()
    }
}

impl Preference {
    fn encoding(self) -> Encoding {
        match self {
            Preference::Ascii => Encoding::Ascii,
            Preference::Utf8 => Encoding::Utf8,
            Preference::Utf16Be => Encoding::Utf16Be,
            Preference::Utf16Le => Encoding::Utf16Le,
            Preference::AsSent => Encoding::Binary,
        }
    }
}

/// How long the program waits, and whether it reports times.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Waiting {
    /// How long joining may take, and the hub be gone later on; `send` allows 30s for that unless it is said, and the
    /// same without any confirmation if it is
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// Tell how long each stage took until it has joined: resolving, connecting, proxy, TLS, HELLO
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// The longest time that can be waited.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::ZERO, LONGEST)
}

fn plain_line(text: &str) -> Result<Line, &'static str> {
    Line::new(text).ok_or("1 to 64 bytes without control characters, line separators and bidirectional controls")
}
