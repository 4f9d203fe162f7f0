//! The command `token`.

use std::io::{self, Write};
use std::process::ExitCode;

use bookend_server::{Right, Rights, make_token};

use crate::arguments::{RightName, TokenArguments};
use crate::exit::WRONG_SETTINGS;
use crate::notice::complain;

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
            Ok(()) => match writeln!(io::stderr(), "{token}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE, // there is nowhere to say so
            },
            Err(error) => {
                complain(&[format!("cannot write the entry: {error}")]);
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            complain(&[why]);
            WRONG_SETTINGS.into()
        }
    }
}
