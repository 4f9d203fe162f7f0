//! How the commands that join a hub end.

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Well = 0,
    /// A fault, or something was refused.
    Fault = 1,
    /// The options contradict each other.
    WrongArgument = 2,
    /// No hub was joined.
    NotConnected = 3,
    /// The user ended it.
    Interrupted = 130,
}

/// The same, for people.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    all went well
  1    a fault, or something was refused
  2    a wrong option or argument
  3    no hub was joined
  130  interrupted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_of_every_code() {
        use Exit::{Fault, Interrupted, NotConnected, Well, WrongArgument};
        let told: Vec<u8> =
            EXIT_CODES.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
        assert_eq!(told, [Well, Fault, WrongArgument, NotConnected, Interrupted].map(|exit| exit as u8));
    }
}
