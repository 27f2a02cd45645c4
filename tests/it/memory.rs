//! Memory: a bundle file of any size is verified in little of it.

use std::path::Path;
use std::process::Command;

use crate::world::{World, items, text};

#[path = "../../benches/bundle/large.rs"]
#[expect(dead_code, clippy::too_many_arguments, reason = "the benchmark prints more of it")]
mod large;
#[path = "../../benches/bundle/numbers.rs"]
#[expect(dead_code, reason = "the benchmark draws more from them")]
mod numbers;
#[path = "../../benches/bundle/peak.rs"]
mod peak;
#[path = "../../benches/bundle/publisher.rs"]
#[expect(dead_code, reason = "the benchmark seals and opens with it")]
mod publisher;

/// The size of the file; `cargo bench --bench bundle -- --memory` takes one of 1 GB.
const BYTES: u64 = 256_000_000;
/// The most memory that reading it may take.
const BOUND: u64 = 100_000_000;

/// Returns how many bytes are free where a path lies; `None` where nobody tells.
fn free(path: &Path) -> Option<u64> {
    let output = Command::new("df").args(["-Pk"]).arg(path).output().ok()?;
    let table = String::from_utf8(output.stdout).ok()?;
    let kibibytes: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[test]
fn a_large_bundle_is_verified_in_little_memory() {
    let world = World::new();
    let path = world.path("large.kernel");
    if free(&world.path("")).is_none_or(|free| free < 3 * BYTES) {
        eprintln!("skipped: there is no room for three times {BYTES} bytes");
        return;
    }
    world.ok(&["setup"]);
    let recipient = world.ok(&["key", "show", "device"]).trim().parse().unwrap();
    let large = large::write(&path, BYTES, recipient).unwrap();
    assert!(large.bytes >= BYTES, "the file has {} bytes", large.bytes);
    let repository = large.repository.to_string();
    world.ok(&["channel", "trust", publisher::CHANNEL, &repository]);
    let ran = peak::run(world.command(&["--json", "verify", &text(&path)])).unwrap();
    let said = String::from_utf8(ran.output.stdout).unwrap();
    assert!(ran.output.status.success(), "{said}");
    let found: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["sound"], true, "{said}");
    let records = items(&found["checks"]).iter().find(|check| check["name"] == "records").unwrap();
    assert_eq!(records["found"], format!("{} fragments", large.fragments));
    match ran.peak {
        None => eprintln!("skipped: this system does not tell how much memory a program had"),
        Some(peak) => assert!(peak < BOUND, "{peak} bytes of memory for {} bytes", large.bytes),
    }
    eprintln!("{:?} bytes of memory, {:.1} s", ran.peak, ran.seconds);
}
