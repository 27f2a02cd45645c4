//! What the bodies take of memory, counted at the allocator.
//!
//! One test alone: another thread's memory would count as well. What zstd takes by itself is not
//! counted; its window has a limit of its own.

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

use garner_fuzz::example::example;
use garner_kernel::bundle::{Bundle, Role};
use garner_kernel::probe;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Returns by how much the memory grew at most while `work` ran.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = work();
    let peak = MEMORY.peak_usage() - before;
    drop(result);
    peak
}

#[test]
fn what_is_promised_takes_no_memory_before_it_is_there() {
    // A frame that promises all it may, and the first of its bytes.
    for kind in [1_u8, 2, 3, 5, 6, 7] {
        let limits: [u64; 8] = [0, 64 << 10, 1 << 20, 4 << 10, 0, 1 << 20, 64 << 10, 272 << 20];
        let mut bytes = example().minimal.get(..8).unwrap().to_vec();
        if kind > 1 {
            bytes.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        bytes.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&limits.get(usize::from(kind)).unwrap().to_le_bytes());
        bytes.extend_from_slice(b"body");
        let taken = peak(|| Bundle::parse(&bytes).is_err());
        assert!(taken < 80 << 10, "frame {kind}: {taken} bytes");
    }
    // A bundle takes what it has, and one piece.
    let full = example().full;
    let taken = peak(|| Bundle::parse(full).unwrap());
    assert!(taken < 3 * full.len() + (80 << 10), "{taken} bytes for {}", full.len());

    // 64 MiB in one line, from a few KiB: no record is that long.
    let bomb = probe::plaintext(Role::Base, 1, &vec![b'a'; 64 << 20]).unwrap();
    assert!(bomb.len() < 16 << 10);
    let taken = peak(|| assert!(probe::merge(&[vec![bomb.clone()]]).is_err()));
    assert!(taken < 1 << 20, "{taken} bytes for a long line");
    // The same in lines that are no records.
    let bomb = probe::plaintext(Role::Base, 1, &b"{}\n".repeat(8 << 20)).unwrap();
    let taken = peak(|| assert!(probe::merge(&[vec![bomb.clone()]]).is_err()));
    assert!(taken < 1 << 20, "{taken} bytes for many lines");
    // A frame that holds more than was promised ends where the promise does.
    let plain = probe::plaintext(Role::Index, 1, &vec![b'a'; 1 << 20]).unwrap();
    let taken = peak(|| probe::unseal(&plain, Role::Index, 1 << 20).unwrap());
    assert!(taken < 3 << 20, "{taken} bytes for an index");
}
