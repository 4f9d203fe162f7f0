//! Which requirements of SPEC.md a mode can ask a peer, and why the others are not asked.

use std::collections::{BTreeMap, HashSet};

use bookend_vectors::spec;
use serde::Serialize;

/// What a mode did with the requirements of one section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coverage {
    /// The heading of the section, such as `9 Hub profile`.
    pub section: &'static str,
    /// The tags that a case asked.
    pub asked: Vec<&'static str>,
    /// The number of requirements in the section.
    pub of: usize,
    /// The tags that cannot be tested from outside, each with the reason.
    pub outside: BTreeMap<&'static str, &'static str>,
    /// The tags that were not asked for want of something, each with what it is.
    pub needs: BTreeMap<&'static str, &'static str>,
}

/// Who is tested, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Adapter,
    Server,
    Client,
}

/// Requirements that no tester can ask a server over its connections.
const OUTSIDE: &[(&str, &str)] = &[
    ("R2.16", "the report is local: the stream has ended"),
    ("R3.13", "a permission"),
    ("R3.15", "a server answers before a second REQUEST can arrive, unless its application waits"),
    ("R3.16", "a server answers before 64 REQUESTs are open, unless its application waits"),
    ("R3.22", "a permission for who sends REQUESTs, which a server has no need to do"),
    ("R3.28", "it needs an application that has agreed on private kinds"),
    ("R4.24", "a rule for clients"),
    ("R4.21", "a rule for clients"),
    ("R5.9", "the offset is not on the wire, except in words for people"),
    ("R7.9", "the report is local: the stream has ended"),
    ("R7.13", "advice about what waits in the server, which is not visible"),
    ("R7.17", "the clock of the server is its own"),
    ("R7.18", "what an application tries to send is not visible"),
    ("R7.19", "what an application tries to send is not visible"),
    ("R7.20", "the exact count is not visible behind the buffers of TCP; R7.6 is asked with more and less"),
    ("R8.1", "the memory of a server is not visible; with --client and --adapter it is"),
    ("R8.5", "no list of bytes is complete; every check that sends wrong ones contributes"),
    ("R8.6", "whether a server reads at the moment is not visible"),
    ("R9.38", "a rule for what a person types, which is the hub's own syntax"),
    ("R9.49", "it needs the end of the hub's process or of the power"),
    ("R9.50", "it needs a restart of the hub"),
    ("R9.51", "it needs a disk that is full"),
];

/// Requirements that need something of the command line or the hub.
const NEEDS: &[(&str, &str)] = &[
    ("R9.28", "a token that is refused, or one that is required (--refused-token-file, --token-file)"),
    ("R9.29", "a token that may only read (--reader-token-file)"),
    ("R9.30", "a token that may not read (--writer-token-file)"),
    ("R9.40", "a token (--token-file)"),
];

/// The sections of the profile that none of the modes speaks.
const OTHER_PROFILES: [&str; 1] = ["12 Transfer profile"];

/// The sections, with what was asked: the tags of every case that ran.
pub(crate) fn coverage<'a>(mode: Mode, asked: impl IntoIterator<Item = &'a str>) -> Vec<Coverage> {
    let asked: HashSet<&str> = asked.into_iter().collect();
    let sections = spec::sections().into_iter().filter(|section| !OTHER_PROFILES.contains(section));
    sections.map(|section| of_section(mode, section, &asked)).collect()
}

fn of_section(mode: Mode, section: &'static str, asked: &HashSet<&str>) -> Coverage {
    let tags = || spec::all().filter(|requirement| requirement.section == section).map(|requirement| requirement.tag);
    let (mut outside, mut needs) = (BTreeMap::new(), BTreeMap::new());
    for tag in tags().filter(|tag| !asked.contains(tag)) {
        let listed = |table: &[(&'static str, &'static str)]| {
            table.iter().find(|(listed, _)| *listed == tag).map(|found| found.1)
        };
        match mode {
            Mode::Server => match (listed(OUTSIDE), listed(NEEDS)) {
                (Some(why), _) => drop(outside.insert(tag, why)),
                (None, Some(need)) => drop(needs.insert(tag, need)),
                (None, None) => drop(needs.insert(tag, "what this server does not offer, or what was left out")),
            },
            Mode::Adapter => drop(needs.insert(tag, "a live peer (--server, --client)")),
            Mode::Client => drop(needs.insert(tag, "an adapter or a server (--adapter, --server)")),
        }
    }
    Coverage { section, asked: tags().filter(|tag| asked.contains(tag)).collect(), of: tags().count(), outside, needs }
}

impl Coverage {
    /// The numbers, in words: `31 of 51 requirements asked, 12 not testable from outside, 8 need …`.
    pub fn words(&self) -> String {
        let mut words = format!("{} of {} requirements asked", self.asked.len(), self.of);
        if !self.outside.is_empty() {
            words += &format!(", {} not testable from outside", self.outside.len());
        }
        let mut needs: BTreeMap<&str, usize> = BTreeMap::new();
        for need in self.needs.values() {
            *needs.entry(need).or_default() += 1;
        }
        for (need, count) in needs {
            words += &format!(", {count} need{} {need}", if count == 1 { "s" } else { "" });
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;
    use crate::conduct::Conduct;
    use crate::side::Side;

    /// The tags that the checks of a server ask.
    fn asked() -> HashSet<&'static str> {
        let groups = checks::groups();
        let checks = groups.iter().flat_map(|group| group.first.iter().chain(&group.others));
        let mut tags: HashSet<&str> =
            checks.filter(|check| check.applies_to(Side::Server)).flat_map(|check| check.tags()).collect();
        tags.extend(Conduct::default().rows().iter().flat_map(|row| row.spec.clone()));
        tags.extend(crate::hello::skipped("").iter().flat_map(|row| row.spec.clone()));
        tags.extend(["R4.1", "R4.2", "R4.20", "R4.22", "R7.10"]); // the rows of `greeting`
        tags
    }

    #[test]
    fn every_requirement_is_asked_or_listed_with_a_reason() {
        let asked = asked();
        let listed = |table: &[(&str, &str)], tag: &str| table.iter().any(|(listed, _)| *listed == tag);
        let sections = coverage(Mode::Server, asked.iter().copied());
        let missing: Vec<&str> = sections
            .iter()
            .flat_map(|section| section.needs.keys())
            .copied()
            .filter(|tag| !listed(NEEDS, tag))
            .collect();
        assert!(missing.is_empty(), "neither asked nor listed: {missing:?}");
    }

    #[test]
    fn listed_requirements_exist_and_are_listed_once() {
        let mut seen = HashSet::new();
        for (tag, why) in OUTSIDE.iter().chain(NEEDS) {
            assert!(spec::requirement(tag).is_some() && seen.insert(*tag) && why.len() > 8, "{tag}: {why}");
        }
        let asked = asked();
        let both: Vec<&str> = OUTSIDE.iter().map(|(tag, _)| *tag).filter(|tag| asked.contains(tag)).collect();
        assert!(both.is_empty(), "asked, although listed as not testable: {both:?}");
    }

    #[test]
    fn words_name_what_is_missing() {
        let sections = coverage(Mode::Server, ["R9.1", "R9.2", "R9.7"]);
        let hub = sections.iter().find(|section| section.section == "9 Hub profile").unwrap();
        let words = hub.words();
        let asked = format!("3 of {} requirements asked, 4 not testable from outside, ", hub.of);
        assert!(words.starts_with(&asked) && words.contains("1 needs a token that may only read"), "{words}");
        assert_eq!(hub.asked.len() + hub.outside.len() + hub.needs.len(), hub.of);
    }
}
