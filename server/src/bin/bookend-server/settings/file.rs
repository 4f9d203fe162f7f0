//! The settings file: TOML, read into values with their positions.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::catalogue::{SETTINGS, find};
use super::field::Value;

/// A line and a column in characters, both starting at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The values and the faults of a file, with their positions.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) values: Vec<(Position, &'static str, Value)>,
    pub(super) faults: Vec<(Position, String)>,
}

/// Reads the text of a file. Faults of TOML hide unknown settings.
pub(super) fn read(text: &str) -> Contents {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, contents: Contents::default() };
    if errors.is_empty() {
        reader.table(table.get_ref(), "");
    }
    for error in errors {
        reader.fault(error.span().unwrap_or_default(), error.message().to_owned());
    }
    reader.contents.faults.sort();
    reader.contents
}

struct Reader<'a> {
    text: &'a str,
    contents: Contents,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, section: &str) {
        for (key, value) in table {
            let name = match section {
                "" => key.get_ref().to_string(),
                section => format!("{section}.{}", key.get_ref()),
            };
            let is_section = SETTINGS.iter().any(|setting| setting.parts().0 == name);
            match (find(&name), value.get_ref()) {
                (Some(setting), value_found) => match written(value_found) {
                    Ok(written) => {
                        let position = self.position(value.span());
                        self.contents.values.push((position, setting.name, written));
                    }
                    Err(kind) => {
                        let allowed = setting.allowed();
                        self.fault(value.span(), format!("{name}: {kind} is not {allowed}"));
                    }
                },
                (None, DeValue::Table(inner)) if is_section => self.table(inner, &name),
                (None, _) if is_section => self.fault(key.span(), format!("{name} is a section: write [{name}]")),
                (None, DeValue::Table(_)) => self.fault(key.span(), unknown(&name, "section")),
                (None, _) => self.fault(key.span(), unknown(&name, "setting")),
            }
        }
    }

    fn fault(&mut self, span: Range<usize>, text: String) {
        let position = self.position(span);
        self.contents.faults.push((position, text));
    }

    fn position(&self, span: Range<usize>) -> Position {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Position { line, column: before[line_start..].chars().count() + 1 }
    }
}

/// The text of a value, or what it is instead.
fn written(value: &DeValue<'_>) -> Result<Value, &'static str> {
    match value {
        DeValue::Array(list) => list
            .iter()
            .map(|item: &Spanned<DeValue<'_>>| one(item.get_ref()))
            .collect::<Result<_, _>>()
            .map(Value::Many),
        value => one(value).map(Value::One),
    }
}

fn one(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(flag) => Ok(flag.to_string()),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Array(_) => Err("a list in a list"),
        DeValue::Table(_) => Err("a table"),
    }
}

/// The fault of an unknown name, with a similar one.
pub(super) fn unknown(name: &str, kind: &str) -> String {
    match similar(name) {
        Some(meant) => format!("there is no {kind} {name}; did you mean {meant}?"),
        None => format!("there is no {kind} {name}"),
    }
}

/// The setting or section with the most similar name, or with the key in another section.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    let key = name.rsplit('.').next().unwrap_or(name);
    let settings = SETTINGS.iter().map(|setting| {
        let elsewhere = strsim::normalized_damerau_levenshtein(key, setting.parts().1) * 0.9;
        (strsim::normalized_damerau_levenshtein(name, setting.name).max(elsewhere), setting.name)
    });
    let sections = SETTINGS.iter().map(|setting| {
        let section = setting.parts().0;
        (strsim::normalized_damerau_levenshtein(name, section), section)
    });
    let best = settings.chain(sections).filter(|(_, name)| !name.is_empty()).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let Contents { faults, .. } = read(text);
        faults.iter().map(|(at, text)| format!("{}:{}: {text}", at.line, at.column)).collect()
    }

    #[test]
    fn values_have_positions() {
        let Contents { values, faults } =
            read("listen = [\"a:1\", 'b:2']\n\n[limits]\n  pings = 7 # ü\n  max_body = '1KiB'\n");
        assert_eq!(faults, []);
        let at = |line, column| Position { line, column };
        let one = |text: &str| Value::One(text.into());
        let mut values = values;
        values.sort_by_key(|(at, ..)| *at);
        assert_eq!(
            values,
            [
                (at(1, 10), "listen", Value::Many(vec!["a:1".into(), "b:2".into()])),
                (at(4, 11), "limits.pings", one("7")),
                (at(5, 14), "limits.max_body", one("1KiB")),
            ]
        );
    }

    #[test]
    fn all_unknown_names_are_reported_with_similar_ones() {
        let text = "lisen = 'a:1'\nlimits.max_boddy = 1\nmax_body = 1\n[limit]\npings = 3\n[quux]\na = 1\n[log]\nlevel = 'info'\nxyzzy = 1\n";
        assert_eq!(
            faults(text),
            [
                "1:1: there is no setting lisen; did you mean listen?",
                "2:8: there is no setting limits.max_boddy; did you mean limits.max_body?",
                "3:1: there is no setting max_body; did you mean limits.max_body?",
                "4:2: there is no section limit; did you mean limits?",
                "6:2: there is no section quux",
                "10:1: there is no setting log.xyzzy",
            ]
        );
    }

    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!(faults("limits = 3\n"), ["1:1: limits is a section: write [limits]"]);
        let public = "public: a table is not true or false";
        assert_eq!(faults("[public]\n"), [format!("1:1: {public}")]);
        assert_eq!(faults("\"ä\" = 1\n[limits]\npings = 1979-05-27\n").len(), 2);
    }

    #[test]
    fn every_syntax_error_is_reported() {
        let faults = faults("public = yes\n[limits]\npings = \n");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("1:10: ") && faults[1].starts_with("3:"), "{faults:?}");
    }
}
