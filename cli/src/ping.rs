//! `bookend ping`: measures how long a peer takes to answer.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::time::Duration;

use bookend_client::{Event, SendError, Sender, Up};
use clap::Args;
use serde::Serialize;
use tokio::select;
use tokio::time::{MissedTickBehavior, interval};

use crate::console::Console;
use crate::exit::{EXIT_CODES, Exit};
use crate::failure::Failure;
use crate::join::JoinArguments;
use crate::receiver::{Receiver, over};
use crate::shutdown::Signal;
use crate::timespan::timespan;

/// The shortest interval. A peer allows 10 PINGs in 10 s (R8.3), and one may be a keepalive.
const LEAST: Duration = Duration::from_millis(1200);

/// The longest interval and timeout.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Measure how long a peer takes to answer a PING
///
/// The PONG confirms that the peer has acted on everything sent before the PING. `ping` joins a room of its own, so that
/// no member is notified.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct PingArguments {
    #[command(flatten)]
    pub(crate) join: JoinArguments,
    /// Exit after N PINGs
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// The time from one PING to the next, at least 1200ms; a peer closes if PINGs arrive more often
    #[arg(long, short, value_name = "TIME", default_value = "1200ms", value_parser = pause)]
    interval: Duration,
    /// The longest time to wait for joining, and then for each answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    pub(crate) timeout: Duration,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Report how long each stage of joining took: resolving, connecting, proxy, TLS, HELLO
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

fn pause(text: &str) -> Result<Duration, String> {
    timespan(text, LEAST, LONGEST)
}

fn timeout(text: &str) -> Result<Duration, String> {
    timespan(text, Duration::ZERO, LONGEST)
}

impl PingArguments {
    /// The name of a room with no other member.
    pub(crate) fn room() -> String {
        format!("ping-{:016x}", RandomState::new().build_hasher().finish())
    }
}

/// Pings until `count` is reached, or a signal arrives.
pub(crate) async fn ping(
    (sender, mut receiver, _): (Sender, Receiver<'_>, Box<Up>),
    arguments: &PingArguments,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let peer = arguments.join.target.to_string();
    let mut times = Times::default();
    let ended = {
        let mut shutdown = pin!(shutdown);
        let mut pinging = pin!(ping_all(&sender, arguments, &mut times, console));
        loop {
            select! {
                biased;
                signal = &mut shutdown => break Err(Failure::Signalled(signal)),
                () = &mut pinging => break Ok(()),
                event = receiver.next() => match event {
                    Ok(Some(Event::Closed(end))) => break Err(over(end)),
                    Ok(None) => break Err(Failure::Left),
                    Err(failure) => break Err(failure),
                    Ok(Some(_)) => {}
                }
            }
        }
    };
    let _ = console.print(times.summary(arguments.json, &peer)).await; // the reader may have closed it
    match ended {
        Err(Failure::Signalled(_)) => receiver.leave(&sender).await,
        _ => receiver.close(&sender).await,
    }
    match ended {
        Ok(()) if !times.all_answered() => Err(Failure::Reported(Exit::Fault)),
        ended => ended,
    }
}

/// Pings until `count` is reached, or the reader closes the output.
async fn ping_all(sender: &Sender, arguments: &PingArguments, times: &mut Times, console: &Console) {
    let peer = arguments.join.target.to_string();
    let mut ticks = interval(arguments.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1..=arguments.count.unwrap_or(u32::MAX) {
        ticks.tick().await;
        times.sent += 1;
        let answer = match sender.ping(arguments.timeout).await {
            Ok(time) => Some(time),
            Err(SendError::TimedOut) => None,
            // The session has ended; its last event says why.
            Err(_) => std::future::pending().await,
        };
        times.answered.extend(answer);
        if console.print(line(arguments.json, &peer, number, answer)).await.is_err() {
            break;
        }
    }
}

#[derive(Serialize)]
struct Pong<'a> {
    event: &'static str,
    peer: &'a str,
    seq: u32,
    /// In milliseconds; `None` if no answer arrived in time.
    time: Option<f64>,
}

fn line(json: bool, peer: &str, seq: u32, answer: Option<Duration>) -> Vec<u8> {
    let time = answer.map(ms);
    let mut line = match (json, time) {
        (true, _) => serde_json::to_string(&Pong { event: "pong", peer, seq, time }).expect("its keys are names"),
        (false, Some(time)) => format!("PONG from {peer}: seq={seq} time={time:.3} ms"),
        (false, None) => format!("no answer from {peer}: seq={seq}"),
    };
    line.push('\n');
    line.into_bytes()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[derive(Debug, Default)]
struct Times {
    sent: usize,
    answered: Vec<Duration>,
}

#[derive(Serialize)]
struct Summary<'a> {
    event: &'static str,
    peer: &'a str,
    sent: usize,
    answered: usize,
    #[serde(flatten)]
    times: Option<Spread>,
}

/// In milliseconds.
#[derive(Serialize)]
struct Spread {
    min: f64,
    avg: f64,
    max: f64,
    /// The standard deviation.
    mdev: f64,
}

impl Times {
    /// True if there were PINGs and each was answered.
    fn all_answered(&self) -> bool {
        !self.answered.is_empty() && self.answered.len() == self.sent
    }

    fn spread(&self) -> Option<Spread> {
        let times: Vec<f64> = self.answered.iter().copied().map(ms).collect();
        let count = f64::from(u32::try_from(times.len()).ok()?);
        let min = times.iter().copied().reduce(f64::min)?;
        let max = times.iter().copied().reduce(f64::max)?;
        let avg = times.iter().sum::<f64>() / count;
        let mdev = (times.iter().map(|time| (time - avg).powi(2)).sum::<f64>() / count).sqrt();
        Some(Spread { min, avg, max, mdev })
    }

    fn summary(&self, json: bool, peer: &str) -> Vec<u8> {
        let (sent, answered, times) = (self.sent, self.answered.len(), self.spread());
        if json {
            let summary = Summary { event: "summary", peer, sent, answered, times };
            let mut line = serde_json::to_vec(&summary).expect("its keys are names");
            line.push(b'\n');
            return line;
        }
        let mut lines = format!("--- {peer} ---\n{sent} sent, {answered} answered\n");
        if let Some(Spread { min, avg, max, mdev }) = times {
            writeln!(lines, "rtt min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{mdev:.3} ms")
                .expect("writing to memory succeeds");
        }
        lines.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_minimum_average_maximum_and_deviation() {
        let mut times = Times { sent: 4, answered: [1, 2, 3].map(Duration::from_millis).to_vec() };
        let text = String::from_utf8(times.summary(false, "hub")).unwrap();
        assert_eq!(text, "--- hub ---\n4 sent, 3 answered\nrtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms\n");
        assert!(!times.all_answered());
        times.sent = 3;
        assert!(times.all_answered());
        let json = String::from_utf8(times.summary(true, "hub")).unwrap();
        assert!(
            json.starts_with("{\"event\":\"summary\",\"peer\":\"hub\",\"sent\":3,\"answered\":3,\"min\":1.0,"),
            "{json}"
        );
        assert_eq!(Times::default().summary(false, "hub"), b"--- hub ---\n0 sent, 0 answered\n");
    }

    #[test]
    fn interval_stays_below_the_limit_of_peers() {
        assert!(pause("1s").is_err() && pause("1.2").is_ok());
        assert!(LEAST * 9 > Duration::from_secs(10), "10 PINGs take more than 10 seconds");
    }
}
