//! The requirements of SPEC.md.

use std::sync::LazyLock;

use serde::Serialize;

/// The text of SPEC.md.
pub const SPEC: &str = include_str!("../SPEC.md");

/// One tagged sentence of SPEC.md.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The tag, such as `R2.4`.
    pub tag: &'static str,
    /// The sentence, with its full stop.
    pub sentence: &'static str,
    /// The heading of its section, such as `2 Frame`.
    #[serde(skip)]
    pub section: &'static str,
}

static REQUIREMENTS: LazyLock<Vec<Requirement>> = LazyLock::new(|| {
    let mut section = "";
    let mut requirements = Vec::new();
    for line in SPEC.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        } else if let Some((tag, sentence)) = line.strip_prefix("- [R").and_then(|rest| rest.split_once("] ")) {
            let tag = &line["- [".len().."- [R".len() + tag.len()];
            requirements.push(Requirement { tag, sentence, section });
        }
    }
    requirements
});

/// Every requirement, in the order of SPEC.md.
pub fn all() -> impl Iterator<Item = &'static Requirement> {
    REQUIREMENTS.iter()
}

/// The requirement with a tag such as `R2.4`; `None` if SPEC.md does not have it.
pub fn requirement(tag: &str) -> Option<&'static Requirement> {
    REQUIREMENTS.iter().find(|requirement| requirement.tag == tag)
}

/// The requirements with these tags. Tags that SPEC.md does not have are skipped.
pub fn requirements<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<&'static Requirement> {
    tags.into_iter().filter_map(requirement).collect()
}

/// The headings of the sections that have requirements, in the order of SPEC.md.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = REQUIREMENTS.iter().map(|requirement| requirement.section).collect();
    sections.dedup();
    sections
}

impl Requirement {
    /// True for advice (SHOULD), which a peer may have reasons to ignore.
    pub fn is_advice(&self) -> bool {
        self.sentence.contains("SHOULD") && !self.sentence.contains("MUST")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_has_its_sentence() {
        let lines = SPEC.lines().filter(|line| line.starts_with("- [R")).count();
        assert_eq!((REQUIREMENTS.len(), REQUIREMENTS.len() > 100), (lines, true));
        let first = requirement("R2.1").unwrap();
        assert_eq!((first.section, first.sentence), ("2 Frame", "A frame MUST begin with the bytes F5 F8."));
        for requirement in &*REQUIREMENTS {
            assert!(requirement.sentence.ends_with('.'), "{requirement:?}");
            let number = requirement.section.split(' ').next().unwrap();
            assert!(requirement.tag.starts_with(&format!("R{number}.")), "{requirement:?}");
        }
        assert_eq!(requirement("R99.1"), None);
    }

    #[test]
    fn advice_differs_from_a_requirement() {
        let advice = ["R5.12", "R7.13", "R5.6", "R2.1"].map(|tag| requirement(tag).unwrap().is_advice());
        assert_eq!(advice, [true, true, false, false]); // R5.6 is both
    }

    #[test]
    fn sections_are_listed_once_in_order() {
        let sections = sections();
        assert_eq!((sections[0], sections.last()), ("2 Frame", Some(&"12 Transfer profile")));
        assert_eq!(sections.len(), 10);
    }
}
