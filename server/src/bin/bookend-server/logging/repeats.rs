//! Events that repeat: the first ones of a kind are logged, the others are counted and reported together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many events of a kind are logged in each window, which starts with the first one.
const LOGGED: u64 = 10;
/// The window of events that strangers cause.
const WINDOW: Duration = Duration::from_secs(60);
/// The window of warnings and errors, which may last for a year.
const SEVERE_WINDOW: Duration = Duration::from_secs(3600);
/// Answers to what an operator does are always logged.
const ANSWERS: [&str; 2] = ["reload-refused", "setting-needs-restart"];
/// The most kinds that are counted at a time. With more, all peers count together.
const KINDS: usize = 4096;
/// Events below level warn that strangers can cause without limit, by their names.
const OF_STRANGERS: [&str; 6] = ["fault", "proxy-failed", "refuse", "room-refused", "tls-failed", "token-refused"];
/// The fields that tell such events apart: names from short lists.
const NAMES: [&str; 4] = ["message", "fault", "cause", "diagnosis"];
/// What differs in otherwise equal events.
const VARIABLE: [&str; 2] = ["input", "peer"];

/// The layer. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<HashMap<Kind, Count>>>);

/// Equal events are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    level: Level,
    event: String,
    /// The fields that tell it apart, as the log shows them.
    detail: String,
    /// The address, without port.
    peer: String,
}

struct Count {
    since: Instant,
    events: u64,
}

impl Repeats {
    /// Reports what was not logged in windows that have ended, or in all.
    pub(super) fn report(&self, all: bool) {
        let mut ended = Vec::new();
        self.counts().retain(|kind, count| {
            let window = if kind.level <= Level::WARN { SEVERE_WINDOW } else { WINDOW };
            let ends = all || count.since.elapsed() >= window;
            if ends && count.events > LOGGED {
                ended.push((kind.clone(), count.events - LOGGED));
            }
            !ends
        });
        for (Kind { level, event, detail, peer }, count) in ended {
            match level {
                Level::ERROR => tracing::error!(event, detail, peer, count, "repeated"),
                Level::WARN => tracing::warn!(event, detail, peer, count, "repeated"),
                _ => tracing::info!(event, detail, peer, count, "repeated"),
            }
        }
    }

    fn is_logged(&self, mut kind: Kind) -> bool {
        let mut counts = self.counts();
        if counts.len() >= KINDS && !counts.contains_key(&kind) {
            kind.peer.clear();
        }
        let count = counts.entry(kind).or_insert_with(|| Count { since: Instant::now(), events: 0 });
        count.events += 1;
        count.events <= LOGGED
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Kind, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let level = *event.metadata().level();
        let mut fields = Fields { is_severe: level <= Level::WARN, ..Fields::default() };
        if level > Level::INFO {
            return true;
        }
        event.record(&mut fields);
        let Fields { is_severe, event, detail, peer } = fields;
        let is_exempt = event == "repeated" || ANSWERS.contains(&&*event);
        let is_counted = !is_exempt && (is_severe || OF_STRANGERS.contains(&&*event));
        !is_counted || self.is_logged(Kind { level, event, detail, peer })
    }
}

/// Reads the fields of an event.
#[derive(Default)]
struct Fields {
    is_severe: bool,
    event: String,
    detail: String,
    peer: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        match name {
            "message" => self.event = format!("{value:?}"),
            "peer" => self.peer = host(&format!("{value:?}")).into(),
            _ if NAMES.contains(&name) || (self.is_severe && !VARIABLE.contains(&name)) => {
                let blank = if self.detail.is_empty() { "" } else { " " };
                self.detail += &format!("{blank}{name}={value:?}");
            }
            _ => {}
        }
    }
}

/// The address in the label of a peer, such as `"192.0.2.7:50412(CN=ann)"`.
fn host(label: &str) -> &str {
    let label = label.trim_matches('"');
    let address = label.split('(').next().unwrap_or(label);
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(event: &str, peer: &str) -> Kind {
        Kind { level: Level::INFO, event: event.into(), detail: "fault=\"try-later\"".into(), peer: peer.into() }
    }

    #[test]
    fn the_first_of_each_kind_are_logged_and_a_new_window_begins_again() {
        let repeats = Repeats::default();
        let logged = |kind: Kind| (0..1000).filter(|_| repeats.is_logged(kind.clone())).count() as u64;
        assert_eq!(logged(kind("refuse", "192.0.2.7")), LOGGED);
        assert_eq!(logged(kind("refuse", "192.0.2.8")), LOGGED);
        assert_eq!(logged(kind("fault", "192.0.2.8")), LOGGED);
        repeats.report(false);
        assert_eq!(logged(kind("fault", "192.0.2.8")), 0, "the window has not ended");
        repeats.report(true);
        assert_eq!(logged(kind("fault", "192.0.2.8")), LOGGED);
    }

    #[test]
    fn many_kinds_take_little_memory_and_are_not_all_logged() {
        let repeats = Repeats::default();
        let logged = (0..3 * KINDS).filter(|n| repeats.is_logged(kind("refuse", &n.to_string()))).count();
        assert_eq!(logged, KINDS + usize::try_from(LOGGED).unwrap());
        assert!(repeats.counts().len() <= KINDS + 1);
    }

    #[test]
    fn peers_are_told_apart_by_address() {
        for (label, address) in [
            ("\"192.0.2.7:50412\"", "192.0.2.7"),
            ("\"[2001:db8::1]:50412(CN=ann)\"", "[2001:db8::1]"),
            ("\"unix:7(uid=1000,pid=4242)\"", "unix"),
            ("\"in memory\"", "in memory"),
        ] {
            assert_eq!(host(label), address);
        }
    }
}
