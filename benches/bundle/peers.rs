//! The same lines through stock tools: what packing and encrypting cost without a format.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::clock::Seconds;
use super::publisher::Publisher;

/// What stock tools make of lines.
pub(crate) struct Peers {
    /// `zstd -19 | age -r`.
    pub(crate) there: Seconds,
    /// `age -d | zstd -d`.
    pub(crate) back: Seconds,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

/// Returns the versions of the tools; `None` where one is missing.
pub(crate) fn versions() -> Option<String> {
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let word = text.split([' ', ',']).find(|word| word.contains('.'))?;
        Some(format!("{tool} {}", word.trim().trim_start_matches('v')))
    };
    Some(format!("{}, {}", version("zstd")?, version("age")?))
}

/// Takes lines through the tools and back, in files of a temporary folder.
pub(crate) fn run(raw: &[u8], publisher: &Publisher) -> Result<Peers, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("raw"), raw)?;
    std::fs::write(file("key"), publisher.epoch.to_secret_text().as_bytes())?;
    let recipient = publisher.epoch.recipient().to_string();
    let pack = format!("zstd -q -19 -c raw | age -r {recipient} > packed");
    let there = shell(&pack, folder.path())?;
    let back = shell("age -d -i key packed | zstd -q -d -c > back", folder.path())?;
    if std::fs::read(file("back"))? != raw {
        return Err("the stock tools gave other lines back".into());
    }
    Ok(Peers { there, back, bytes: std::fs::metadata(file("packed"))?.len() })
}

fn shell(script: &str, folder: &Path) -> Result<Seconds, Box<dyn Error>> {
    let (start, before) = (std::time::Instant::now(), processor_seconds());
    let status = Command::new("sh").args(["-ec", script]).current_dir(folder).status()?;
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("`{script}` failed").into());
    }
    let processor = match (before, processor_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => wall,
    };
    Ok(Seconds { wall, processor })
}

/// Returns how long all programs that this one ran and waited for were on a processor.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; user and system time of children come 13 words later.
    let words: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
    // A hundred ticks a second, on every Linux.
    Some((ticks(13)? + ticks(14)?) / 100.0)
}
