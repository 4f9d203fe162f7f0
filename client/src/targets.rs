//! Several targets, which are tried one after another.

use std::fmt;
use std::str::FromStr;

use crate::address::AddressError;
use crate::target::Target;

/// One or more [`Target`]s: `HOST1,HOST2:PORT`, `tls://HOST1,HOST2`, `HOST,unix:PATH`.
///
/// A scheme holds for the hosts after it too: of `tls://a,b` both use TLS. A path may contain commas, and so `unix:PATH`
/// comes last.
///
/// ```
/// use bookend_client::Targets;
///
/// let targets: Targets = "tls://a.example,b.example:4000".parse()?;
/// assert_eq!(targets.to_string(), "tls://a.example:3990,tls://b.example:4000");
/// # Ok::<(), bookend_client::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    first: Target,
    others: Vec<Target>,
}

impl Targets {
    /// The first one.
    #[must_use]
    pub fn first(&self) -> &Target {
        &self.first
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<Target> for Targets {
    fn from(first: Target) -> Targets {
        Targets { first, others: Vec::new() }
    }
}

impl FromStr for Targets {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Targets, AddressError> {
        let (mut first, mut others) = (None, Vec::new());
        let mut rest = Some(text);
        let mut uses_tls = false;
        while let Some(text) = rest {
            let (one, after) = match text.split_once(',') {
                Some((one, after)) if !one.starts_with("unix:") => (one, Some(after)),
                _ => (text, None),
            };
            let target = match one.parse()? {
                Target::Tcp(address) if uses_tls => Target::Tls(address),
                target => target,
            };
            uses_tls = target.is_tls();
            match first {
                None => first = Some(target),
                Some(_) => others.push(target),
            }
            rest = after;
        }
        let first = first.ok_or(AddressError::new("the host is missing"))?;
        Ok(Targets { first, others })
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.others.iter().try_for_each(|target| write!(f, ",{target}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_parsed_in_order_and_display_parses_back() {
        for (written, shown) in [
            ("hub", "hub:3990"),
            ("a,b:4,[::1]", "a:3990,b:4,[::1]:3990"),
            ("a,tls://b", "a:3990,tls://b:3990"),
            ("a,unix:/run/a,b", "a:3990,unix:/run/a,b"),
            ("unix:/run/a,b", "unix:/run/a,b"),
        ] {
            let targets: Targets = written.parse().unwrap();
            assert_eq!(targets.to_string(), shown);
            assert_eq!(shown.parse(), Ok(targets), "{shown} parses back");
        }
        let one: Targets = "unix:/run/a,b".parse().unwrap();
        assert_eq!(one.iter().count(), 1, "a path may contain a comma");
    }

    #[test]
    fn hosts_after_a_tls_host_use_tls_too() {
        let targets: Targets = "tls://a,b,c:4".parse().unwrap();
        assert!(targets.iter().all(Target::is_tls), "{targets}: a token must not travel unencrypted by mistake");
        assert_eq!(targets.to_string(), "tls://a:3990,tls://b:3990,tls://c:4");
    }

    #[test]
    fn malformed_targets_are_refused() {
        for text in ["", ",", "a,", ",a", "a,,b", "a, b", "a,http://b", "a,unix:"] {
            assert!(text.parse::<Targets>().is_err(), "{text:?}");
        }
    }
}
