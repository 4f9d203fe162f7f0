//! The choice of cases.

use std::fmt;
use std::str::FromStr;

use bookend_vectors::spec;

/// The value of one `--only` or `--skip`: a section (`R4`), a requirement (`R4.7`), a group (`frames`) or a case (`F001`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

/// A [`Filter`] that names a section or a requirement that SPEC.md does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRequirement(String);

impl fmt::Display for UnknownRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPEC.md has no requirement {}", self.0)
    }
}

impl std::error::Error for UnknownRequirement {}

impl FromStr for Filter {
    type Err = UnknownRequirement;

    fn from_str(text: &str) -> Result<Filter, UnknownRequirement> {
        let filter = Filter(text.to_owned());
        let number = text.strip_prefix('R').filter(|number| number.starts_with(|first: char| first.is_ascii_digit()));
        match number {
            Some(_) if !spec::all().any(|requirement| filter.matches_tag(requirement.tag)) => {
                Err(UnknownRequirement(filter.0))
            }
            _ => Ok(filter),
        }
    }
}

impl Filter {
    fn matches_tag(&self, tag: &str) -> bool {
        tag.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn matches<'a>(&self, group: &str, id: &str, tags: impl IntoIterator<Item = &'a str>) -> bool {
        self.0 == group || self.0 == id || tags.into_iter().any(|tag| self.matches_tag(tag))
    }
}

/// The cases to run. The default is all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// Only cases that one of these filters matches; if empty, every case.
    pub only: &'a [Filter],
    /// No case that one of these filters matches.
    pub skip: &'a [Filter],
}

impl Selection<'_> {
    /// True if this case is selected.
    pub(super) fn includes<'a>(&self, group: &str, id: &str, tags: impl IntoIterator<Item = &'a str> + Clone) -> bool {
        let any = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(group, id, tags.clone()));
        (self.only.is_empty() || any(self.only)) && !any(self.skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(words: &[&str]) -> Vec<Filter> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    fn takes(only: &[&str], skip: &[&str]) -> bool {
        Selection { only: &filters(only), skip: &filters(skip) }.includes("frames", "F001", ["R2.1", "R2.15"])
    }

    #[test]
    fn section_requirement_group_and_case_are_chosen() {
        for word in ["R2", "R2.1", "R2.15", "frames", "F001"] {
            assert!(takes(&[word], &[]), "{word}");
            assert!(!takes(&[], &[word]), "{word}");
        }
        for word in ["R4", "R2.2", "R10", "texts", "F0"] {
            assert!(!takes(&[word], &[]), "{word}");
            assert!(takes(&[], &[word]), "{word}");
        }
        assert!(takes(&[], &[]) && takes(&["R4", "R2"], &["texts"]) && !takes(&["R2"], &["F001"]));
    }

    #[test]
    fn requirements_that_do_not_exist_are_refused() {
        for word in ["R1", "R2.99", "R2.", "R0"] {
            assert!(word.parse::<Filter>().is_err(), "{word}");
        }
        for word in ["R2", "R2.1", "R10.2"] {
            assert!(word.parse::<Filter>().is_ok(), "{word}");
        }
    }
}
