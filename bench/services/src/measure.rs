//! What a run costs: wall time, CPU time and peak memory of this process.

use std::io;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// The cost of one run.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Cost {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_kib: f64,
}

/// Runs a service and prints its cost as one line of JSON.
pub(crate) fn report(run: fn() -> io::Result<()>) -> io::Result<()> {
    let start = Instant::now();
    run()?;
    let cost = Cost { wall_seconds: start.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds()?, peak_kib: peak_kib()? };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

/// User and system time of this process, from the fields 14 and 15 of `stat`, in ticks of 10 ms.
fn cpu_seconds() -> io::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}

fn peak_kib() -> io::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}
