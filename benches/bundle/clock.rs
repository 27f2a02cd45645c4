//! How long something takes: on the clock of the wall, and on the processor.

use std::time::Instant;

/// Seconds on both clocks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seconds {
    /// On the wall.
    pub(crate) wall: f64,
    /// Of this thread on a processor; what else the machine does at the time hardly counts.
    pub(crate) processor: f64,
}

/// Calls `work` and returns what it returned, and how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Seconds) {
    let (wall, processor) = (Instant::now(), processor_seconds());
    let value = work();
    let wall = wall.elapsed().as_secs_f64();
    let processor = match (processor, processor_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => wall,
    };
    (value, Seconds { wall, processor })
}

/// Returns how long this thread was on a processor; `None` where the system does not tell.
fn processor_seconds() -> Option<f64> {
    // Whoever yields has its time brought up to date.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
