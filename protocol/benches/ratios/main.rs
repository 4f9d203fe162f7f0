//! Ratios to rivals, in rounds: every contender runs once in each round, and the medians are compared, so that a machine
//! that becomes slower for a while makes all of them slower.
//!
//! `cargo bench -p bookend --bench ratios [codec] [transfer]`.

mod codec;
mod transfer;

use std::time::Duration;

/// One contender: its name, and what runs it once.
struct Contender<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    fn new(name: &'static str, run: impl FnMut() -> Duration + 'a) -> Contender<'a> {
        Contender { name, run: Box::new(run) }
    }
}

/// Prints the median of each contender, and how many times as fast as the first it is.
fn compare(title: &str, rounds: usize, contenders: &mut [Contender<'_>]) {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push((contender.run)());
        }
    }
    let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
    println!("{title}");
    for (contender, median) in contenders.iter().zip(&medians) {
        let ratio = medians[0].as_secs_f64() / median.as_secs_f64();
        println!("  {:<28} {ratio:>6.2} x {:>12.3} ms", contender.name, median.as_secs_f64() * 1e3);
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    if is_wanted("codec") {
        codec::compare_all();
    }
    if is_wanted("transfer") {
        transfer::compare_all();
    }
}
