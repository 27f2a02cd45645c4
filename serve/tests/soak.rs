//! Many requests with clients that go away: nothing is left behind. In a process of its own, whose
//! memory nobody else takes.

#[cfg(test)]
#[path = "it/ollama.rs"]
mod ollama;
#[cfg(test)]
#[path = "it/proxied.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod proxied;
#[cfg(test)]
#[path = "it/replay.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod replay;
#[cfg(test)]
#[path = "it/shelf.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod shelf;
#[cfg(test)]
#[path = "it/soak.rs"]
mod soak;

/// Counts what everything in this process has allocated.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
