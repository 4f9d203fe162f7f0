//! What storing costs: `cargo test --release -p bookend-server --lib history::tests::speed -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::*;
use super::kit::*;

/// User and system time of this process, in microseconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = [11, 12].map(|at| fields[at].parse::<f64>().unwrap()).iter().sum();
    ticks * 10_000.0
}

fn history(dir: &std::path::Path) -> Arc<History> {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).unwrap();
    History::open(HistoryConfig::new(dir.join("history.db"))).unwrap()
}

#[test]
#[ignore = "measures"]
fn cpu_per_message() {
    let dir = std::env::temp_dir().join("bookend-history-speed");
    let text = "x".repeat(64);
    for (count, blocks) in [(64, 20_000), (1, 200_000)] {
        let history = history(&dir);
        let mut room = TestRoom::open(&history, "lobby");
        let texts = vec![&*text; count];
        let (cpu_before, started) = (cpu(), Instant::now());
        for _ in 0..blocks {
            while !history.has_space(room.opened.id) {
                std::thread::yield_now();
            }
            room.say(&history, &texts);
        }
        wait_synced(&history, room.position);
        let messages = (count * blocks) as f64;
        let (cpu, seconds) = (cpu() - cpu_before, started.elapsed().as_secs_f64());
        println!("64 B x {count}: {:.2} µs CPU per message, {:.0} messages/s", cpu / messages, messages / seconds);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
#[ignore = "measures"]
fn latency_at_a_thousand_commits_per_second() {
    let dir = std::env::temp_dir().join("bookend-history-latency");
    let history = history(&dir);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["x"]);
    let (mut times, started) = (Vec::new(), Instant::now());
    for number in 0..5_000u32 {
        while started.elapsed() < Duration::from_millis(u64::from(number)) {
            std::thread::sleep(Duration::from_micros(100));
        }
        let said = Instant::now();
        room.say(&history, &["some text of sixty-four bytes or so, as people write it in a room"]);
        room.told.wait(room.next);
        times.push(said.elapsed().as_micros());
    }
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 1000];
    println!("written after {} µs (p50), {} (p99), {} (p99.9)", at(500), at(990), at(999));
    println!("last sync took {:?}", history.status().sync_time);
    std::fs::remove_dir_all(&dir).unwrap();
}
