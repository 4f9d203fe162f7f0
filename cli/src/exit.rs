//! The exit codes of the program, and their description in the help of the commands that join a hub.

use crate::shutdown::Signal;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    /// A fault, or a message was refused.
    Fault,
    /// An option or argument is invalid.
    WrongArgument,
    /// No hub could be joined.
    NotConnected,
    /// A signal ended the program.
    Signalled(Signal),
}

impl Exit {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Fault => 1,
            Exit::WrongArgument => 2,
            Exit::NotConnected => 3,
            Exit::Signalled(signal) => signal.status(),
        }
    }
}

/// The description in the help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0      success
  1      a fault, or a message was refused
  2      invalid option or argument
  3      no hub could be joined
  128+N  ended by signal N";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_describes_every_exit_code() {
        let described: Vec<&str> =
            EXIT_CODES.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
        let codes = [Exit::Success, Exit::Fault, Exit::WrongArgument, Exit::NotConnected].map(Exit::code);
        let expected: Vec<String> = codes.iter().map(u8::to_string).chain(["128+N".into()]).collect();
        assert_eq!(described, expected);
        for (signal, code) in
            [(Signal::Hangup, 129), (Signal::Interrupt, 130), (Signal::Quit, 131), (Signal::Terminate, 143)]
        {
            assert_eq!(Exit::Signalled(signal).code(), code, "{signal}");
        }
    }
}
