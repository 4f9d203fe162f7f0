//! The log on standard error: which events it contains, and in which format.

use std::fmt;
use std::io;
use std::str::FromStr;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt as layer, reload};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Which events are logged: `LEVEL`, or `LEVEL,TARGET=LEVEL,…`.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    text: String,
    targets: Targets,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// One JSON object in each line.
    Json,
}

/// The running log.
pub(crate) struct Logging(reload::Handle<Targets, Registry>);

impl Logging {
    /// Starts to log.
    pub(crate) fn start(filter: &Filter, format: Format) -> Logging {
        let (targets, handle) = reload::Layer::new(filter.targets.clone());
        let plain = layer::layer().with_writer(io::stderr).with_target(false);
        let layer = match format {
            Format::Pretty => plain.boxed(),
            Format::Json => plain.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry().with(targets).with(layer).init();
        Logging(handle)
    }

    /// Replaces the filter.
    pub(crate) fn set(&self, filter: &Filter) {
        self.0.reload(filter.targets.clone()).expect("the log exists as long as the program");
    }
}

impl Default for Filter {
    fn default() -> Filter {
        "info".parse().expect("it is a level")
    }
}

impl FromStr for Filter {
    type Err = String;

    /// Refuses a word that is not a level, which [`Targets`] alone would take for a target.
    fn from_str(text: &str) -> Result<Filter, String> {
        for word in text.split(',') {
            let level = word.split_once('=').map_or(word, |(_, level)| level);
            if !LEVELS.contains(&level) {
                return Err(format!("{level:?} is not a level"));
            }
        }
        let targets = text.parse().map_err(|error: tracing_subscriber::filter::ParseError| error.to_string())?;
        Ok(Filter { text: text.into(), targets })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Format, ()> {
        match text {
            "pretty" => Ok(Format::Pretty),
            "json" => Ok(Format::Json),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Pretty => "pretty",
            Format::Json => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_consists_of_levels() {
        for text in ["off", "info", "warn,bookend_server=debug", "info,a=off,b::c=trace"] {
            assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
        }
        for text in ["", "loud", "info,", "a=loud", "bookend_server", "info;debug"] {
            assert!(text.parse::<Filter>().is_err(), "{text:?}");
        }
    }
}
