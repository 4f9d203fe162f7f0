//! The command `token`.

use std::io::{self, Write};
use std::process::ExitCode;

use bookend_server::{Right, Rights, make_token};

use crate::arguments::{RightName, TokenArguments};
use crate::exit::WRONG_SETTINGS;

/// Prints a token on standard error, and its entry on standard output, so that the token never gets into the file.
pub(crate) fn make(arguments: &TokenArguments) -> ExitCode {
    let TokenArguments { name, room, right, expires } = arguments;
    let rights = right.iter().fold(Rights::NONE, |rights, right| {
        rights.with(match right {
            RightName::Read => Right::Read,
            RightName::Write => Right::Write,
            RightName::Admin => Right::Admin,
        })
    });
    match make_token(name, room, rights, expires.as_deref()) {
        Ok((token, entry)) => match writeln!(io::stdout(), "{entry}") {
            Ok(()) => {
                eprintln!("{token}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("bookend-server: cannot write the entry: {error}");
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            eprintln!("bookend-server: {why}");
            WRONG_SETTINGS.into()
        }
    }
}
