//! The exit codes of the program, and their description in the help of the commands that join a hub.

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    /// A fault, or a message was refused.
    Fault = 1,
    /// An option or argument is invalid.
    WrongArgument = 2,
    /// No hub could be joined.
    NotConnected = 3,
    /// The user interrupted the program.
    Interrupted = 130,
}

/// The description in the help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    a fault, or a message was refused
  2    invalid option or argument
  3    no hub could be joined
  130  interrupted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_describes_every_exit_code() {
        use Exit::{Fault, Interrupted, NotConnected, Success, WrongArgument};
        let described: Vec<u8> =
            EXIT_CODES.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
        assert_eq!(described, [Success, Fault, WrongArgument, NotConnected, Interrupted].map(|exit| exit as u8));
    }
}
