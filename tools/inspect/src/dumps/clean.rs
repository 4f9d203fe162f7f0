//! Removes what mail programs, terminals and web pages add to the lines of a dump.

use super::lines::Line;

/// What is removed from each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleaner {
    /// Lines are quoted, as in mail: they begin with `>`.
    quoted: bool,
}

impl Cleaner {
    /// What `lines`, the beginning of a text, need.
    pub(super) fn new<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Cleaner {
        let begins = |mark: char| lines.clone().any(|line| line.trim_start().starts_with(mark));
        // With `<` in other lines, the signs are marks of direction.
        let is_list = lines.clone().any(|line| line.trim_start().starts_with("<Buffer") || line.starts_with("<<"));
        Cleaner { quoted: begins('>') && (is_list || !begins('<')) }
    }

    pub(super) fn clean<'a>(self, line: Line<'a>) -> Line<'a> {
        let mut text = line.text;
        if line.begins && self.quoted {
            while let Some(rest) = text.trim_start().strip_prefix('>') {
                text = rest.strip_prefix(' ').unwrap_or(rest);
            }
        }
        let inner = text.trim();
        if inner.len() > 2
            && let Some(code) = inner.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'))
        {
            text = code;
        }
        Line { text, ..line }
    }
}

/// True for lines around a dump that have no bytes: prompts with commands, fences and headings.
pub(super) fn is_noise(line: &str) -> bool {
    let line = line.trim();
    let is_rule = line.len() > 3 && line.chars().all(|c| "=-~`_*#".contains(c));
    let is_heading =
        ["Follow: ", "Filter: ", "Node 0:", "Node 1:", "-----"].iter().any(|begin| line.starts_with(begin));
    let user = line.split_once(['$', '#', '%']).is_some_and(|(user, command)| {
        (user.is_empty() || user.contains(['@', '~', ':', ']'])) && (command.is_empty() || command.starts_with(' '))
    });
    let shell = line.starts_with("PS ") || line.starts_with("C:\\");
    line.is_empty() || line.starts_with("```") || line.starts_with("~~~") || is_rule || is_heading || user || shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_removed_and_marks_of_direction_are_not() {
        let cleaned = |text: &str| -> Vec<String> {
            let cleaner = Cleaner::new(text.lines());
            let line = |text| Line { text, begins: true, ends: true };
            text.lines().map(|text| cleaner.clean(line(text)).text.to_owned()).collect()
        };
        assert_eq!(cleaned("> f5 f8\n> >   02"), ["f5 f8", "  02"]);
        assert_eq!(cleaned("> f5 f8\n< 02"), ["> f5 f8", "< 02"]);
        assert_eq!(cleaned(">>> data\n<Buffer f5>"), ["data", "<Buffer f5>"]);
        assert_eq!(cleaned("`f5 f8`"), ["f5 f8"]);
    }

    #[test]
    fn noise_is_recognised() {
        for line in ["$ xxd -p a.bin", "ann@host:~$ xxd -p a", "root@a:/# od", "```", "======", "", "PS C:\\> x"] {
            assert!(is_noise(line), "{line}");
        }
        for line in ["f5f8", "TX: f5", "f5 f8 # START"] {
            assert!(!is_noise(line), "{line}");
        }
    }
}
