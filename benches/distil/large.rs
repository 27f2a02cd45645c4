//! A transcript of any size, in the proportions of real ones: nearly all of it is what tools said.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

/// What was written.
pub(crate) struct Large {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

/// Writes a transcript of at least `size` bytes; the same bytes on every run.
pub(crate) fn write(path: &Path, size: u64) -> std::io::Result<Large> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut large = Large { bytes: 0, records: 0 };
    let ballast = ballast();
    let mut round = 0_usize;
    while large.bytes < size {
        for record in records(round, &ballast) {
            let line = finish(record, large.records);
            writeln!(file, "{line}")?;
            large.bytes += line.len() as u64 + 1;
            large.records += 1;
        }
        round += 1;
    }
    file.into_inner()?.sync_all()?;
    Ok(large)
}

/// Adds the fields that all records have.
fn finish(mut record: Value, number: u64) -> String {
    if let Some(fields) = record.as_object_mut() {
        let id = |number: u64| {
            format!("{:08x}-0000-4000-8000-{number:012x}", number * 2_654_435_761 % (1 << 32))
        };
        let parent = number.checked_sub(1).map(id);
        let seconds = number / 4;
        let at = format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{:02}.000Z",
            1 + seconds / 2_419_200 % 12,
            1 + seconds / 86_400 % 28,
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60
        );
        for (name, value) in [
            ("uuid", json!(id(number))),
            ("parentUuid", json!(parent)),
            ("timestamp", json!(at)),
            ("sessionId", json!("11111111-2222-4333-8444-555555555555")),
            ("cwd", json!("/home/somebody/code/barn")),
            ("version", json!("2.1.45")),
            ("gitBranch", json!("main")),
            ("isSidechain", json!(false)),
            ("userType", json!("external")),
        ] {
            fields.insert(name.to_owned(), value);
        }
    }
    record.to_string()
}

/// One prompt, what the assistant did for it, and now and then something worth knowing.
fn records(round: usize, ballast: &[String]) -> Vec<Value> {
    let text = |kind: &str, text: String| {
        let content = json!([{"type": "text", "text": text}]);
        json!({"type": kind, "message": {"id": format!("m-{round}"), "role": kind, "content": content}})
    };
    let mut records = vec![
        text("user", format!("Please look at part {round} of the barn and tell me what is loose.")),
        text(
            "assistant",
            format!(
                "I will look at part {round}. The beams come first, then the tiles, and the gate is last."
            ),
        ),
    ];
    for step in 0..6 {
        let id = format!("t-{round}-{step}");
        let said = ballast.get((round + step) % ballast.len()).map_or("", String::as_str);
        let tool = if step % 2 == 0 { "Read" } else { "Bash" };
        let input =
            json!({"file_path": "/home/somebody/code/barn/roof.rs", "command": "make roof"});
        records.push(json!({"type": "assistant", "message": {"id": format!("m-{round}-{step}"), "role": "assistant",
            "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}]}}));
        records.push(json!({"type": "progress", "data": {"type": "bash_progress", "output": said.get(..600)}}));
        records.push(json!({"type": "user", "toolUseResult": {"stdout": said, "stderr": "", "interrupted": false},
            "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": said}]}}));
    }
    if round % 50 == 7 {
        records.push(text(
            "user",
            format!("from now on the gate number {} of the barn stays closed", round % 5_000),
        ));
    }
    records
}

/// Outputs of tools of different lengths, with what JSON has to escape.
fn ballast() -> Vec<String> {
    let line = "fn tile(&self) -> Option<\"slate\"> { self.roof.get(17) } // \u{e9}\t0123456789\n";
    (0..13).map(|step| line.repeat(20 + step * step * 3)).collect()
}
