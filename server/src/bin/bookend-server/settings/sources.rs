//! The sources of settings: the file, the environment and the flags, each overriding the one before.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::path::PathBuf;

use super::Settings;
use super::catalogue::{PREFIX, SETTINGS, find};
use super::field::Value;
use super::file::{self, similar, unknown};

/// Names with the prefix that are not settings: the path of the file, and a variable of the client.
const OTHERS: [&str; 2] = ["BOOKEND_CONFIG", "BOOKEND_TOKEN"];

/// The sources. Only the file is read again on reload.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) file: Option<PathBuf>,
    /// Names with the prefix, and their values, `None` if they are not text.
    environment: Vec<(String, Option<String>)>,
    flags: Vec<Flag>,
}

/// A setting on the command line.
#[derive(Debug)]
struct Flag {
    flag: String,
    name: String,
    value: Value,
}

/// A fault, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    place: String,
    text: String,
}

/// Settings without faults.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadedSettings {
    pub(crate) settings: Settings,
    /// Where settings were set; defaults are not listed.
    origins: HashMap<&'static str, String>,
    /// The file, if it has no text at all: it may have been emptied by mistake, or not be written yet.
    pub(crate) blank_file: Option<PathBuf>,
}

impl Sources {
    /// The file, if there is one, and this process's environment.
    pub(crate) fn new(file: Option<PathBuf>) -> Sources {
        let environment = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value.into_string().ok()))
        });
        Sources { file, environment: environment.collect(), flags: Vec::new() }
    }

    /// Adds a flag.
    pub(crate) fn flag(&mut self, flag: &str, name: &str, value: Value) {
        self.flags.push(Flag { flag: flag.into(), name: name.into(), value });
    }

    /// Names in the environment that are similar to a setting, and the variable that was probably meant.
    pub(crate) fn misspelled(&self) -> impl Iterator<Item = (&str, String)> {
        let is_known = |name: &str| SETTINGS.iter().any(|setting| setting.variable() == name) || OTHERS.contains(&name);
        self.environment.iter().filter(move |(name, _)| !is_known(name)).filter_map(|(name, _)| {
            // The name as a setting; a name that resembles none belongs to another program.
            let plain = name[PREFIX.len()..].to_lowercase().replacen('_', ".", 1);
            let meant = similar(&plain).and_then(find)?;
            Some((&**name, meant.variable()))
        })
    }

    /// The settings, or all faults.
    pub(crate) fn load(&self) -> Result<LoadedSettings, Vec<Fault>> {
        let (mut loaded, mut faults) = (LoadedSettings::default(), Vec::new());
        if let Some(path) = &self.file {
            let shown = path.display();
            match std::fs::read_to_string(path) {
                Err(error) => faults.push(Fault::new(shown, error)),
                Ok(text) => {
                    loaded.blank_file = text.trim().is_empty().then(|| path.clone());
                    let contents = file::read(text.strip_prefix('\u{FEFF}').unwrap_or(&text));
                    let mut found: Vec<_> = contents.faults;
                    for (at, name, value) in contents.values {
                        let place = format!("{shown}:{}:{}", at.line, at.column);
                        if let Err(text) = loaded.write(name, &value, place) {
                            found.push((at, text));
                        }
                    }
                    found.sort();
                    let place = |at: file::Position| format!("{shown}:{}:{}", at.line, at.column);
                    faults.extend(found.into_iter().map(|(at, text)| Fault::new(place(at), text)));
                }
            }
        }
        for setting in SETTINGS {
            let variable = setting.variable();
            let Some((_, value)) = self.environment.iter().find(|(name, _)| *name == variable) else { continue };
            let written = value.clone().ok_or_else(|| "it is not UTF-8".to_owned());
            let written = written.and_then(|text| loaded.write(setting.name, &Value::One(text), variable.clone()));
            faults.extend(written.err().map(|text| Fault::new(variable, text)));
        }
        for Flag { flag, name, value } in &self.flags {
            let written = loaded.write(name, value, flag.clone());
            faults.extend(written.err().map(|text| Fault::new(flag, text)));
        }
        faults.extend(loaded.contradiction());
        if faults.is_empty() { Ok(loaded) } else { Err(faults) }
    }
}

impl LoadedSettings {
    fn write(&mut self, name: &str, value: &Value, place: String) -> Result<(), String> {
        let setting = find(name).ok_or_else(|| unknown(name, "setting"))?;
        setting.write(&mut self.settings, value).map_err(|text| format!("{name}: {text}"))?;
        self.origins.insert(setting.name, place);
        Ok(())
    }

    /// Where a setting was set.
    pub(crate) fn origin(&self, name: &str) -> Option<&str> {
        self.origins.get(name).map(String::as_str)
    }

    /// A fault of the value of a setting, at the place where it was set.
    pub(crate) fn fault(&self, name: &str, text: impl fmt::Display) -> Fault {
        Fault::new(self.origin(name).unwrap_or("default"), format!("{name}: {text}"))
    }

    /// Settings that contradict each other.
    fn contradiction(&self) -> Option<Fault> {
        let hub = &self.settings.hub;
        let name = ["shut_down.deadline", "shut_down.spread"].into_iter().find(|name| self.origin(name).is_some())?;
        (hub.shut_down_spread > hub.shut_down_deadline)
            .then(|| self.fault(name, "shut_down.spread must not be longer than shut_down.deadline"))
    }
}

impl Fault {
    pub(crate) fn new(place: impl fmt::Display, text: impl fmt::Display) -> Fault {
        Fault { place: place.to_string(), text: text.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Value {
        Value::One(text.into())
    }

    /// A file for one test.
    fn file(test: &str, text: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("bookend-{test}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        variables.iter().map(|(name, value)| ((*name).into(), Some((*value).into()))).collect()
    }

    #[test]
    fn flags_override_the_environment_which_overrides_the_file_which_overrides_defaults() {
        let path = file("layers", "[limits]\npings = 1\nrequests = 1\nempty_frames = 1\n");
        let environment = environment(&[("BOOKEND_LIMITS_REQUESTS", "2"), ("BOOKEND_LIMITS_EMPTY_FRAMES", "2")]);
        let mut sources = Sources { file: Some(path.clone()), environment, flags: Vec::new() };
        sources.flag("--set", "limits.empty_frames", one("3"));
        let loaded = sources.load().unwrap();
        let (limits, requests) = (loaded.settings.hub.limits, loaded.settings.hub.requests);
        assert_eq!((limits.pings, requests, limits.empty_frames), (1, 2, 3));
        assert_eq!(limits.body_rate, 1024);
        assert_eq!(loaded.origin("limits.pings"), Some(&*format!("{}:2:9", path.display())));
        assert_eq!(loaded.origin("limits.requests"), Some("BOOKEND_LIMITS_REQUESTS"));
        assert_eq!(loaded.origin("limits.body_rate"), None);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_fault_of_every_source_is_reported() {
        let path = file("faults", "lisen = 1\n[limits]\npings = 0\nmax_body = '1GiB'\n");
        let shown = path.display();
        let environment = environment(&[("BOOKEND_LOG_FORMAT", "xml")]);
        let mut sources = Sources { file: Some(path.clone()), environment, flags: Vec::new() };
        sources.flag("--set", "limits.pingz", one("3"));
        sources.flag("--listen", "listen", Value::Many(vec!["nowhere".into()]));
        let faults: Vec<_> = sources.load().unwrap_err().iter().map(Fault::to_string).collect();
        assert_eq!(
            faults,
            [
                format!("{shown}:1:1: there is no setting lisen; did you mean listen?"),
                format!("{shown}:3:9: limits.pings: \"0\" is not a number from 1 to 1000000"),
                format!("{shown}:4:12: limits.max_body: \"1GiB\" is not a size from 1KiB to 256MiB"),
                "BOOKEND_LOG_FORMAT: log.format: \"xml\" is not pretty or json".into(),
                "--set: there is no setting limits.pingz; did you mean limits.pings?".into(),
                "--listen: listen: nowhere: an address must be HOST:PORT".into(),
            ]
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_unreadable_file_is_a_fault() {
        let sources = Sources { file: Some("/nowhere/bookend.toml".into()), ..Sources::default() };
        assert!(sources.load().unwrap_err()[0].to_string().starts_with("/nowhere/bookend.toml: "));
    }

    #[test]
    fn a_spread_beyond_the_deadline_is_refused_where_it_was_set() {
        let mut sources = Sources::default();
        sources.flag("--set", "shut_down.spread", one("20s"));
        let faults = sources.load().unwrap_err();
        assert_eq!(
            faults,
            [Fault::new("--set", "shut_down.spread: shut_down.spread must not be longer than shut_down.deadline")]
        );
    }

    #[test]
    fn misspelled_names_in_the_environment_are_reported() {
        let names = [
            "BOOKEND_LIMITS_MAX_BODDY",
            "BOOKEND_LISTEN",
            "BOOKEND_PORT_3990_TCP_ADDR",
            "BOOKEND_CONFIG",
            "BOOKEND_TOKEN",
        ];
        let environment = environment(&names.map(|name| (name, "x")));
        let sources = Sources { environment, ..Sources::default() };
        let misspelled: Vec<_> = sources.misspelled().collect();
        assert_eq!(misspelled, [("BOOKEND_LIMITS_MAX_BODDY", "BOOKEND_LIMITS_MAX_BODY".to_owned())]);
    }
}
