//! The command line.

use std::time::Duration;

use bookend::{Encoding, Hello, Line, Payload};
use bookend_client::{Backoff, Dialler, Target};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::admin::AdminArguments;
use crate::bench::Bench;
use crate::chat::Chat;
use crate::conform::ConformArguments;
use crate::doctor::DoctorArguments;
use crate::exit::EXIT_CODES;
use crate::input::Layout;
use crate::inspect::InspectArguments;
use crate::manual::{CompletionsArguments, ManArguments};
use crate::ping::PingArguments;
use crate::reaching::Reaching;
use crate::receive::{Failure, Form};
use crate::relay::RelayArguments;
use crate::send::Sending;
use crate::timespan::timespan;
use crate::token::TokenArguments;

/// Talk over a Bookend hub
#[derive(Debug, Parser)]
#[command(name = "bookend", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Chat(ChatArguments),
    Send(SendArguments),
    Listen(ListenArguments),
    Ping(PingArguments),
    Doctor(DoctorArguments),
    Inspect(InspectArguments),
    Relay(RelayArguments),
    Bench(Bench),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Admin(AdminArguments),
    Conform(ConformArguments),
}

/// Post each line of standard input to a room, and print what is said there
///
/// A line is posted as it is, but for these: `/to NAME TEXT` or `/to ID TEXT` posts to one member (0: to everyone),
/// `/who` prints who is there, `/quit` ends, as the end of the input does. Before it ends, the hub has confirmed all
/// posts.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ChatArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    wanted: Wanted,
    /// Read and print lines also on a terminal, where there is a window otherwise
    #[arg(long)]
    lines: bool,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// End after N messages have come, and not with the input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Post these bytes in encoding 0 to 4 once joined; may be repeated
    #[arg(long, num_args = 2, value_names = ["ENC", "HEX"])]
    send_hex: Vec<String>,
}

/// Post to a room, and end once the hub has confirmed everything
///
/// The words of TEXT are one message. Without them the messages come from standard input, by default a line each. None
/// is ever split, joined with another, or changed. When the network or the hub goes away, it joins again; what was under
/// way then is not sent twice unless --resend says so. Unless the hub has everything, a report says what became of it,
/// and with which line to go on.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct SendArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// The message, behind HOST:PORT
    text: Vec<String>,
    #[command(flatten)]
    layout: LayoutArguments,
    /// Send again what was under way when a session ended, and may have arrived: it may then arrive twice
    #[arg(long, conflicts_with = "to")]
    pub(crate) resend: bool,
    /// Print the report, as a JSON object
    #[arg(long)]
    json: bool,
    /// Send to one member only, by name or number, and end with the session: in the next one the name and the number
    /// may be another's
    #[arg(long, value_name = "NAME|ID", conflicts_with = "plain")]
    to: Option<String>,
    /// The encoding to send text in; that which the hub prefers, if there is none
    #[arg(long, value_name = "ENCODING", conflicts_with_all = ["binary", "hex"])]
    encoding: Option<TextEncoding>,
}

/// What a message is in standard input.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "text")]
struct LayoutArguments {
    /// Each line is a message, of UTF-8, without its line end; so it is without this
    #[arg(long)]
    lines: bool,
    /// All of it is one message, of UTF-8, as it is
    #[arg(long)]
    whole: bool,
    /// What stands in front of each NUL is a message, of UTF-8, as `find -print0` writes it
    #[arg(long)]
    nul: bool,
    /// Each line is a binary message, two digits a byte
    #[arg(long)]
    hex: bool,
    /// Each line is a JSON object, as `listen --json` prints them: "text", with or without "encoding", or "hex"
    #[arg(long)]
    jsonl: bool,
    /// All of it is one binary message
    #[arg(long)]
    binary: bool,
}

/// How long things may take, and what is told of them.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Patience {
    /// How long joining may take, and the hub be gone later on; `send` allows 30s for that unless it is said, and the
    /// same without any confirmation if it is
    #[arg(long, value_name = "TIME", value_parser = patience)]
    pub(crate) timeout: Option<Duration>,
    /// Tell how long each stage took until it has joined: resolving, connecting, proxy, TLS, HELLO
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// The longest time that can be waited.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

fn patience(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::ZERO, LONGEST)
}

/// Print what is said in a room, a line each
///
/// When the network or the hub goes away, it joins again, resumes, and says what was missed.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ListenArguments {
    #[command(flatten)]
    pub(crate) joining: Joining,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    wanted: Wanted,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// Print the bytes of the messages, as they came, and nothing in between
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// End after N messages have come
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End with the session, instead of joining again when the network or the hub went away
    #[arg(long)]
    pub(crate) once: bool,
}

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
    plain: bool,
    #[command(flatten)]
    token: TokenArguments,
    #[command(flatten)]
    reaching: Reaching,
}

#[derive(Debug, Args)]
struct Wanted {
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TextEncoding {
    Ascii,
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "utf-16be")]
    Utf16Be,
    #[value(name = "utf-16le")]
    Utf16Le,
}

/// What `send` sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WhatToSend {
    Text(String),
    /// Standard input.
    Input(Layout),
}

/// How long the hub may be gone while there is something to send.
const ABSENCE: Duration = Duration::from_secs(30);

impl Arguments {
    /// Reads the command line. Help, and a wrong option, end the program.
    pub(crate) fn read() -> Arguments {
        let arguments = Arguments::parse();
        if let Command::Chat(chat) = &arguments.command
            && let Err(why) = chat.payloads()
        {
            Arguments::command().error(ErrorKind::ValueValidation, format!("--send-hex: {why}")).exit()
        }
        arguments
    }
}

impl ChatArguments {
    /// Is a window wanted, where there is a terminal?
    pub(crate) fn window(&self) -> bool {
        !(self.lines || self.json || self.count.is_some() || !self.send_hex.is_empty() || self.joining.plain)
    }

    pub(crate) fn chat(&self) -> Chat {
        Chat {
            form: if self.json { Form::Json } else { Form::Plain },
            count: self.count,
            payloads: self.payloads().expect("`Arguments::read` has judged them"),
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(self.wanted.encoding.encoding())
    }

    fn payloads(&self) -> Result<Vec<(Encoding, Vec<u8>)>, String> {
        self.send_hex.chunks_exact(2).map(|pair| payload(&pair[0], &pair[1])).collect()
    }
}

impl SendArguments {
    pub(crate) fn what(&self) -> WhatToSend {
        if self.text.is_empty() {
            WhatToSend::Input(self.layout.layout())
        } else {
            WhatToSend::Text(self.text.join(" "))
        }
    }

    pub(crate) fn sending(&self) -> Sending {
        Sending {
            to: self.to.clone(),
            encoding: self.encoding.map(TextEncoding::encoding),
            patience: self.patience.timeout,
            json: self.json,
            is_verbose: self.patience.verbose,
        }
    }

    /// When to connect again.
    pub(crate) fn backoff(&self) -> Option<Backoff> {
        self.to.is_none().then(Backoff::default)
    }

    /// How long the hub may be gone.
    pub(crate) fn absence(&self) -> Duration {
        self.patience.timeout.unwrap_or(ABSENCE)
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(Encoding::Utf8)
    }
}

impl LayoutArguments {
    fn layout(&self) -> Layout {
        match self {
            LayoutArguments { whole: true, .. } => Layout::Whole,
            LayoutArguments { nul: true, .. } => Layout::Nul,
            LayoutArguments { hex: true, .. } => Layout::Hex,
            LayoutArguments { jsonl: true, .. } => Layout::Jsonl,
            LayoutArguments { binary: true, .. } => Layout::Binary,
            LayoutArguments { lines: _, .. } => Layout::Lines,
        }
    }
}

impl ListenArguments {
    pub(crate) fn form(&self) -> Form {
        match (self.raw, self.json) {
            (true, _) => Form::Raw,
            (false, true) => Form::Json,
            (false, false) => Form::Plain,
        }
    }

    pub(crate) fn hello(&self) -> Hello {
        self.joining.hello(self.wanted.encoding.encoding())
    }
}

impl Joining {
    /// The way to the hub.
    pub(crate) fn dialler(&self) -> Result<Dialler, Failure> {
        self.reaching.dialler(&self.place)
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

impl TextEncoding {
    fn encoding(self) -> Encoding {
        match self {
            TextEncoding::Ascii => Encoding::Ascii,
            TextEncoding::Utf8 => Encoding::Utf8,
            TextEncoding::Utf16Be => Encoding::Utf16Be,
            TextEncoding::Utf16Le => Encoding::Utf16Le,
        }
    }
}

fn plain_line(text: &str) -> Result<Line, &'static str> {
    Line::new(text).ok_or("1 to 64 bytes without control characters, line separators and bidirectional controls")
}

/// A payload from the number of its encoding and its bytes in hex.
fn payload(encoding: &str, hex: &str) -> Result<(Encoding, Vec<u8>), String> {
    let number = encoding.parse().ok().and_then(Encoding::from_byte);
    let encoding = number.ok_or_else(|| format!("{encoding} is no encoding: they are 0 to 4"))?;
    let bytes = bytes(hex).ok_or_else(|| format!("{hex} is no hex"))?;
    match Payload::decode(encoding, &bytes) {
        Ok(payload) => Ok((encoding, payload.as_bytes().to_vec())),
        Err(error) => Err(error.to_string()),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, String> {
        let words = ["bookend"].iter().chain(words);
        Arguments::try_parse_from(words).map(|arguments| arguments.command).map_err(|error| error.to_string())
    }

    fn chat(words: &[&str]) -> ChatArguments {
        match parsed(words) {
            Ok(Command::Chat(chat)) => chat,
            other => unreachable!("{other:?}"),
        }
    }

    fn send(words: &[&str]) -> SendArguments {
        match parsed(words) {
            Ok(Command::Send(send)) => send,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn hello_says_what_the_command_line_says() {
        let hello = chat(&["chat", "--name", "ann", "--room", "den", "--encoding", "utf-16le"]).hello();
        assert_eq!((hello.name(), hello.room(), hello.preferred()), (Some("ann"), Some("den"), Encoding::Utf16Le));
        assert!(hello.hub());
        assert!(!chat(&["chat", "--plain"]).hello().hub());
        assert_eq!(chat(&["chat"]).hello().preferred(), Encoding::Utf8);
        assert_eq!(chat(&["chat", "--encoding", "as-sent"]).hello().preferred(), Encoding::Binary);
    }

    #[test]
    fn hub_is_on_this_machine_unless_said_otherwise() {
        assert_eq!(chat(&["chat"]).joining.place.to_string(), "127.0.0.1:3990");
        assert_eq!(chat(&["chat", "[::1]:7"]).joining.place.to_string(), "[::1]:7");
    }

    #[test]
    fn words_behind_the_address_are_one_message() {
        assert_eq!(send(&["send", "hub", "to be", "or"]).what(), WhatToSend::Text("to be or".into()));
        assert_eq!(send(&["send", "hub", "--", "-1"]).what(), WhatToSend::Text("-1".into()));
        assert_eq!(send(&["send", "hub"]).what(), WhatToSend::Input(Layout::Lines));
        for (option, layout) in [
            ("--lines", Layout::Lines),
            ("--whole", Layout::Whole),
            ("--nul", Layout::Nul),
            ("--hex", Layout::Hex),
            ("--jsonl", Layout::Jsonl),
            ("--binary", Layout::Binary),
        ] {
            assert_eq!(send(&["send", option]).what(), WhatToSend::Input(layout));
        }
    }

    #[test]
    fn wrong_options_are_refused() {
        for words in [
            &["chat", "host:0"][..],
            &["chat", "http://host"],
            &["chat", "--name", ""],
            &["chat", "--name", "a\u{1b}b"],
            &["chat", "--count", "0"],
            &["chat", "--encoding", "latin-1"],
            &["chat", "--send-hex", "2"],
            &["send", "hub", "text", "--binary"],
            &["send", "--binary", "--encoding", "ascii"],
            &["send", "--hex", "--encoding", "ascii"],
            &["send", "hub", "text", "--lines"],
            &["send", "--hex", "--nul"],
            &["send", "--to", "ann", "--resend"],
            &["send", "--timeout", "soon"],
            &["send", "--encoding", "as-sent"],
            &["send", "--to", "ann", "--plain"],
            &["send", "--proxy", "gate:1080"],
            &["send", "--cert", "a.pem"],
            &["listen", "--raw", "--json"],
            &["listen", "hub", "more"],
            &[],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn payloads_in_hex_are_judged() {
        let payloads = |words: &[&str]| chat(&[&["chat"], words].concat()).payloads();
        let sent = payloads(&["--send-hex", "4", "6800", "--send-hex", "0", "", "--send-hex", "2", "EFBBBF61"]);
        assert_eq!(
            sent,
            Ok(vec![
                (Encoding::Utf16Le, b"h\0".to_vec()),
                (Encoding::Binary, Vec::new()),
                (Encoding::Utf8, b"a".to_vec()) // a byte order mark is never sent (R5.5)
            ])
        );
        for (encoding, hex) in [("5", "00"), ("-", "00"), ("0", "0"), ("0", "0g"), ("2", "ff"), ("3", "d800")] {
            assert!(payloads(&["--send-hex", encoding, hex]).is_err(), "{encoding} {hex}");
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        // What is flattened into one, with a doc comment, would say that in its place.
        let said = Arguments::command();
        let said = said.get_subcommands().map(|command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            format!("{}: {}", command.get_name(), about.split(' ').next().unwrap_or_default())
        });
        let said: Vec<String> = said.collect();
        let wanted = "chat: Post, send: Post, listen: Print, ping: Measure, doctor: Check, inspect: Say, relay: Stand, \
                      bench: Put, completions: Print, man: Write, admin: Look, conform: Test";
        assert_eq!(said.join(", "), wanted);
    }

    #[test]
    fn every_help_has_the_exit_codes() {
        for words in [&["--help"][..], &["chat", "--help"], &["send", "-h"], &["listen", "--help"]] {
            let help = parsed(words).unwrap_err();
            assert!(help.contains("3    no hub was joined"), "{help}");
        }
    }
}
