//! The settings as a file that says the same.

use std::fmt::Write;

use super::Settings;
use super::catalogue::SETTINGS;
use super::sources::Settled;

/// The settings in force as TOML, with what each one does, which values are allowed, and where it was set.
pub(crate) fn page(settled: &Settled) -> String {
    let (mut out, mut section) = (String::new(), "");
    let defaults = Settings::default();
    for setting in SETTINGS {
        let (of, key) = setting.parts();
        if of != section {
            section = of;
            let _never_fails = writeln!(out, "[{section}]");
        }
        let (about, allowed, default) = (setting.about, setting.allowed(), setting.toml(&defaults));
        let _never_fails = writeln!(out, "# {about}\n# {}; {default} by default.", capitalized(&allowed));
        if let Some(origin) = settled.origin(setting.name) {
            let _never_fails = writeln!(out, "# Set by {}.", origin.escape_debug());
        }
        let _never_fails = writeln!(out, "{key} = {}\n", setting.toml(&settled.settings));
    }
    out.pop();
    out
}

fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::field::Value;
    use super::super::file;
    use super::*;

    fn values(settings: &Settings) -> Vec<(&'static str, Value)> {
        SETTINGS.iter().map(|setting| (setting.name, setting.value(settings))).collect()
    }

    /// Every setting another than by default.
    fn unusual() -> Settled {
        let mut settled = Settled::default();
        for setting in SETTINGS {
            let many = Value::Many(vec!["[::1]:0".into(), "localhost:nntp".into()]);
            let candidates = [
                "true",
                "read",
                "unix:/run/admin.sock",
                "/run/\"a b\"\\ü",
                "0640",
                "warn,bookend_server=debug",
                "json",
                "7s",
                "5KiB",
                "9",
            ];
            let candidates = std::iter::once(many).chain(candidates.map(|text| Value::One(text.into())));
            let taken = candidates.into_iter().find(|value| setting.write(&mut settled.settings, value).is_ok());
            assert!(taken.is_some(), "{}", setting.name);
        }
        settled
    }

    #[test]
    fn what_is_printed_reads_as_the_same_settings() {
        let defaults = values(&Settings::default());
        for (name, value) in values(&unusual().settings) {
            assert!(!defaults.contains(&(name, value)), "{name} is as by default, which proves nothing");
        }
        for settled in [Settled::default(), unusual()] {
            let contents = file::read(&page(&settled));
            assert_eq!(contents.faults, []);
            let mut read = unusual().settings;
            for (_, name, value) in &contents.values {
                super::super::catalogue::find(name).unwrap().write(&mut read, value).unwrap();
            }
            assert_eq!(contents.values.len(), SETTINGS.len());
            assert_eq!(values(&read), values(&settled.settings));
        }
    }

    /// The table of docs/operating.md.
    fn table() -> String {
        let mut out = "| setting | default | allowed | a reload | what it does |\n|---|---|---|---|---|\n".to_owned();
        for setting in SETTINGS {
            let default = setting.toml(&Settings::default());
            let (name, allowed, effect, about) =
                (setting.name, setting.allowed(), setting.effect.name(), setting.about);
            writeln!(out, "| `{name}` | `{default}` | {allowed} | {effect} | {about} |").unwrap();
        }
        out
    }

    #[test]
    fn the_manual_has_every_setting_as_it_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
        let manual = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let table = table();
        assert!(manual.contains(&table), "docs/operating.md is to have this table:\n{table}");
    }
}
