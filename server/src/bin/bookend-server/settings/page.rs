//! The settings as a settings file.

use std::fmt::Write;

use super::Settings;
use super::catalogue::SETTINGS;
use super::sources::LoadedSettings;

/// The settings in force as TOML, each with its description, its allowed values and its source.
pub(crate) fn page(loaded: &LoadedSettings) -> String {
    let (mut out, mut section) = (String::new(), "");
    let defaults = Settings::default();
    for setting in SETTINGS {
        let (of, key) = setting.parts();
        if of != section {
            section = of;
            let _ = writeln!(out, "[{section}]");
        }
        let (about, allowed, default) = (setting.about, setting.allowed(), setting.toml(&defaults));
        let _ = writeln!(out, "# {about}\n# {}; the default is {default}.", capitalized(&allowed));
        if let Some(origin) = loaded.origin(setting.name) {
            let _ = writeln!(out, "# Set by {}.", origin.escape_debug());
        }
        let _ = writeln!(out, "{key} = {}\n", setting.toml(&loaded.settings));
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

    /// Settings that all differ from their defaults.
    fn unusual() -> LoadedSettings {
        let mut loaded = LoadedSettings::default();
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
                "10.0.0.0/8",
                "5MiB",
                "live",
            ];
            let candidates = std::iter::once(many).chain(candidates.map(|text| Value::One(text.into())));
            let taken = candidates.into_iter().find(|value| setting.write(&mut loaded.settings, value).is_ok());
            assert!(taken.is_some(), "{}", setting.name);
        }
        loaded
    }

    #[test]
    fn the_printed_file_reads_as_the_same_settings() {
        let defaults = values(&Settings::default());
        for (name, value) in values(&unusual().settings) {
            assert!(!defaults.contains(&(name, value)), "{name} has its default, so the test proves nothing");
        }
        for loaded in [LoadedSettings::default(), unusual()] {
            let contents = file::read(&page(&loaded));
            assert_eq!(contents.faults, []);
            let mut read = unusual().settings;
            for (_, name, value) in &contents.values {
                super::super::catalogue::find(name).unwrap().write(&mut read, value).unwrap();
            }
            assert_eq!(contents.values.len(), SETTINGS.len());
            assert_eq!(values(&read), values(&loaded.settings));
        }
    }

    /// The table of docs/operating.md.
    fn table() -> String {
        let mut out = "| setting | default | allowed | on reload | what it does |\n|---|---|---|---|---|\n".to_owned();
        for setting in SETTINGS {
            let default = setting.toml(&Settings::default());
            let (name, allowed, effect, about) =
                (setting.name, setting.allowed(), setting.effect.name(), setting.about);
            writeln!(out, "| `{name}` | `{default}` | {allowed} | {effect} | {about} |").unwrap();
        }
        out
    }

    #[test]
    fn the_manual_lists_every_setting() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/operating.md");
        let manual = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let table = table();
        assert!(manual.contains(&table), "docs/operating.md must contain this table:\n{table}");
    }
}
