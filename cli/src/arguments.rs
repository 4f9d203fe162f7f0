//! The command line.

use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::admin::AdminArguments;
use crate::bench::BenchArguments;
use crate::chat::ChatArguments;
use crate::conform::ConformArguments;
use crate::doctor::DoctorArguments;
use crate::exit::{EXIT_CODES, Exit};
use crate::export::ExportArguments;
use crate::inspect::InspectArguments;
use crate::listen::ListenArguments;
use crate::manual::{CompletionsArguments, ManArguments};
use crate::ping::PingArguments;
use crate::relay::RelayArguments;
use crate::send::SendArguments;

/// Talk over a Bookend hub, and find faults in Bookend peers
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
    Export(ExportArguments),
    Ping(PingArguments),
    Doctor(DoctorArguments),
    Inspect(InspectArguments),
    Relay(RelayArguments),
    Bench(BenchArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Admin(AdminArguments),
    Conform(ConformArguments),
}

impl Arguments {
    /// Reads the command line. Exits after printing the help, or on an invalid option.
    pub(crate) fn read() -> Arguments {
        let arguments = Arguments::try_parse().unwrap_or_else(|why| print(&why));
        if let Command::Chat(chat) = &arguments.command
            && let Err(why) = chat.payloads()
        {
            Arguments::command().error(ErrorKind::ValueValidation, format!("--send-hex: {why}")).exit()
        }
        arguments
    }
}

/// Prints the help, or what is wrong with the command line, and exits.
fn print(why: &clap::Error) -> ! {
    let printed = why.print().and_then(|()| io::stdout().flush());
    match printed {
        Err(error) if !why.use_stderr() && error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "bookend: standard output: {error}"); // standard error may be closed
            std::process::exit(Exit::Fault.code().into())
        }
        _ => std::process::exit(why.exit_code()),
    }
}

#[cfg(test)]
mod tests {
    use bookend::Encoding;

    use super::*;
    use crate::input::MessageFormat;
    use crate::send::Source;

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
    fn hello_has_the_options_of_the_command_line() {
        let hello = chat(&["chat", "--name", "ann", "--room", "den", "--encoding", "utf-16le"]).hello();
        assert_eq!((hello.name(), hello.room(), hello.preferred()), (Some("ann"), Some("den"), Encoding::Utf16Le));
        assert!(hello.hub());
        assert!(!chat(&["chat", "--plain"]).hello().hub());
        assert_eq!(chat(&["chat"]).hello().preferred(), Encoding::Utf8);
        assert_eq!(chat(&["chat", "--encoding", "as-sent"]).hello().preferred(), Encoding::Binary);
    }

    #[test]
    fn default_hub_is_on_this_machine() {
        assert_eq!(chat(&["chat"]).join.target.to_string(), "127.0.0.1:3990");
        assert_eq!(chat(&["chat", "[::1]:7"]).join.target.to_string(), "[::1]:7");
    }

    #[test]
    fn words_after_the_address_are_one_message() {
        assert_eq!(send(&["send", "hub", "to be", "or"]).source(), Source::Text("to be or".into()));
        assert_eq!(send(&["send", "hub", "--", "-1"]).source(), Source::Text("-1".into()));
        assert_eq!(send(&["send", "hub"]).source(), Source::Input(MessageFormat::Lines));
        for (option, format) in [
            ("--lines", MessageFormat::Lines),
            ("--whole", MessageFormat::Whole),
            ("--nul", MessageFormat::Nul),
            ("--hex", MessageFormat::Hex),
            ("--jsonl", MessageFormat::Jsonl),
            ("--binary", MessageFormat::Binary),
        ] {
            assert_eq!(send(&["send", option]).source(), Source::Input(format));
        }
    }

    #[test]
    fn invalid_options_are_rejected() {
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
            &["listen", "--since", "yesterday"],
            &["listen", "--since", "all", "--last", "3"],
            &["listen", "--since", "all", "--plain"],
            &["listen", "--last", "0"],
            &["listen", "--append", "file"],
            &["export", "--until", "all"],
            &[],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn payloads_in_hexadecimal_are_checked() {
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
    fn every_command_has_its_own_summary() {
        // A doc comment on flattened arguments would replace the summary.
        let command = Arguments::command();
        let summaries = command.get_subcommands().map(|command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            format!("{}: {}", command.get_name(), about.split(' ').next().unwrap_or_default())
        });
        let summaries: Vec<String> = summaries.collect();
        let expected = "chat: Post, send: Post, listen: Print, export: Print, ping: Measure, doctor: Check, inspect: Show, relay: Relay, \
                        bench: Put, completions: Print, man: Write, admin: Control, conform: Test";
        assert_eq!(summaries.join(", "), expected);
    }

    #[test]
    fn every_help_has_the_exit_codes() {
        for words in [&["--help"][..], &["chat", "--help"], &["send", "-h"], &["listen", "--help"]] {
            let help = parsed(words).unwrap_err();
            assert!(help.contains("3      no hub could be joined"), "{help}");
        }
    }
}
