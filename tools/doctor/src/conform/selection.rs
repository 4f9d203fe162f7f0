//! Which cases are asked for.

use bookend_vectors::spec;

/// One `--only` or `--skip`: a section (`R4`), a requirement (`R4.7`), a group (`frames`) or a case (`F001`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Parses the word of an option.
    ///
    /// # Errors
    /// A requirement that SPEC.md does not have.
    pub fn parse(text: &str) -> Result<Filter, String> {
        let number = text.strip_prefix('R').filter(|number| number.starts_with(|first: char| first.is_ascii_digit()));
        let filter = Filter(text.to_owned());
        match number {
            Some(_) if !spec::all().any(|requirement| filter.takes_tag(requirement.tag)) => {
                Err(format!("SPEC.md has no requirement {text}"))
            }
            _ => Ok(filter),
        }
    }

    fn takes_tag(&self, tag: &str) -> bool {
        tag.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn takes<'a>(&self, group: &str, id: &str, tags: impl IntoIterator<Item = &'a str>) -> bool {
        self.0 == group || self.0 == id || tags.into_iter().any(|tag| self.takes_tag(tag))
    }
}

/// All filters together.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only what one of these names, unless there are none.
    pub only: &'a [Filter],
    /// Not what one of these names.
    pub skip: &'a [Filter],
}

impl Selection<'_> {
    /// True if this case is selected.
    pub(super) fn takes<'a>(&self, group: &str, id: &str, tags: impl IntoIterator<Item = &'a str> + Clone) -> bool {
        let any = |filters: &[Filter]| filters.iter().any(|filter| filter.takes(group, id, tags.clone()));
        (self.only.is_empty() || any(self.only)) && !any(self.skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(words: &[&str]) -> Vec<Filter> {
        words.iter().map(|word| Filter::parse(word).unwrap()).collect()
    }

    fn takes(only: &[&str], skip: &[&str]) -> bool {
        Selection { only: &filters(only), skip: &filters(skip) }.takes("frames", "F001", ["R2.1", "R2.15"])
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
            assert!(Filter::parse(word).is_err(), "{word}");
        }
        for word in ["R2", "R2.1", "R10.2"] {
            assert!(Filter::parse(word).is_ok(), "{word}");
        }
    }
}
