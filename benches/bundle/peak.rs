//! The most memory that a program takes.

use std::error::Error;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a program came to.
pub(crate) struct Ran {
    pub(crate) output: Output,
    pub(crate) seconds: f64,
    /// The most memory that it had at once (`VmHWM`), in bytes; `None` where the system does not tell.
    pub(crate) peak: Option<u64>,
}

/// Runs a program that prints little, and watches its memory.
pub(crate) fn run(mut command: Command) -> Result<Ran, Box<dyn Error>> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut peak = None;
    while child.try_wait()?.is_none() {
        // The mark only rises, so that looking often enough is looking once near the end.
        peak = peak.max(high_water_mark(child.id()));
        std::thread::sleep(Duration::from_millis(2));
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Ran { output: child.wait_with_output()?, seconds, peak })
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
