//! Bounded memory: no golden file, however hostile, makes a reader allocate much.
//!
//! A binary of its own, with one test, because the allocator counts for the whole process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;

use garner_kernel::bundle::{self, Anchor, Bundle, DeviceKey};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a reader may need beside the file itself, in bytes: a window of zstd, buffers, and room.
const BOUND: usize = 16 << 20;

#[test]
fn hostile_files_cost_little_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "kernel"));
    for path in &paths {
        let sidecar = fs::read_to_string(path.with_extension("json")).unwrap();
        let sidecar: serde_json::Value = serde_json::from_str(&sidecar).unwrap();
        let repository = sidecar["repository"].as_str().unwrap().parse().unwrap();
        let device: DeviceKey = sidecar["identity"].as_str().unwrap().parse().unwrap();
        let bytes = fs::read(path).unwrap();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let opened = Bundle::parse(&bytes)
            .and_then(|bundle| bundle::open(&bundle, &Anchor::pin(repository, None), &[&device]));
        drop(opened);
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        assert!(peak < BOUND + 2 * bytes.len(), "{}: {peak} bytes", path.display());
    }
    assert!(paths.len() >= 190, "{} golden files", paths.len());
}
