//! The log on standard error: which events it contains, and in which format. It never blocks the hub: a line that finds no
//! place is lost, and counted.

mod repeats;
mod writer;

use std::fmt;
use std::io;
use std::panic;
use std::str::FromStr;
use std::time::Duration;

use bookend_server::Hub;
use tokio::time::{MissedTickBehavior, interval};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt as layer, reload};

use repeats::Repeats;
use writer::BoundedWriter;

/// How long the end waits for a reader of the log.
const END: Duration = Duration::from_secs(1);
/// How often lost and repeated lines are reported.
const REPORT: Duration = Duration::from_secs(1);

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
pub(crate) struct Logging {
    filter: reload::Handle<Targets, Registry>,
    writer: BoundedWriter,
    repeats: Repeats,
}

impl Logging {
    /// Starts to log.
    pub(crate) fn start(filter: &Filter, format: Format) -> Logging {
        let (targets, handle) = reload::Layer::new(filter.targets.clone());
        let (writer, repeats) = (BoundedWriter::new(io::stderr()), Repeats::default());
        let plain = layer::layer().with_writer(writer.clone()).with_target(false);
        let layer = match format {
            Format::Pretty => plain.boxed(),
            Format::Json => plain.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry().with(targets).with(repeats.clone()).with(layer).init();
        // The default hook writes to standard error, and may wait there.
        panic::set_hook(Box::new(|panic| tracing::error!(detail = %panic, "panic")));
        Logging { filter: handle, writer, repeats }
    }

    /// Reports from time to time how many lines were lost or repeated, to the log and the metrics of the hub.
    pub(crate) fn watch(&self, hub: &Hub) -> impl Future<Output = ()> + Send + use<> {
        let (writer, repeats, hub) = (self.writer.clone(), self.repeats.clone(), hub.clone());
        async move {
            let mut reported = 0;
            let mut ticks = interval(REPORT);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                repeats.report(false);
                let lines = writer.lost();
                hub.set_log_lost(lines + writer.failed());
                if lines > reported {
                    tracing::warn!(lines, "log-lost");
                    // Unless that one was lost, too.
                    if writer.lost() == lines {
                        reported = lines;
                    }
                }
            }
        }
    }

    /// Replaces the filter.
    pub(crate) fn set(&self, filter: &Filter) {
        self.filter.reload(filter.targets.clone()).expect("the log exists as long as the program");
    }
}

/// Writes what waits, if anybody reads it.
impl Drop for Logging {
    fn drop(&mut self) {
        self.repeats.report(true);
        self.writer.finish(END);
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
