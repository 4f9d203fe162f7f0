//! Runs both variants of each service in turn, each in a process of its own, and prints the medians beside each other.

use std::io;
use std::process::Command;

use crate::Service;
use crate::measure::Cost;

const ROUNDS: usize = 5;

pub(crate) fn print(services: &[Service]) -> io::Result<()> {
    println!("{:26} {:>22} {:>22} {:>22} {:>16}", "bookend / by hand", "wall s", "CPU s", "peak MiB", "lines");
    for service in services {
        let mut costs = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            // The order alternates, so that neither variant is always the first.
            for variant in [round % 2, 1 - round % 2] {
                costs[variant].push(run(service.name, ["bookend", "by_hand"][variant])?);
            }
        }
        let column = |of: fn(&Cost) -> f64| {
            let [bookend, by_hand] = [0, 1].map(|variant| median(costs[variant].iter().map(of).collect()));
            format!("{bookend:6.2}/{by_hand:6.2} ={:5.2}", bookend / by_hand)
        };
        let lines = service.sources.map(|sources| sources.iter().map(|source| code_lines(source)).sum::<usize>());
        println!(
            "{:26} {:>22} {:>22} {:>22} {:>16}",
            service.name,
            column(|cost| cost.wall_seconds),
            column(|cost| cost.cpu_seconds),
            column(|cost| cost.peak_kib / 1024.0),
            format!("{}/{}", lines[0], lines[1]),
        );
    }
    Ok(())
}

fn run(service: &str, variant: &str) -> io::Result<Cost> {
    let output = Command::new(std::env::current_exe()?).args([service, variant]).output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{service} {variant}: {}: {why}", output.status)));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Lines that are neither blank nor comments.
fn code_lines(source: &str) -> usize {
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}
