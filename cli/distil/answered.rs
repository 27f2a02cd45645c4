//! Which windows a model has answered: they are not sent, and not paid for, a second time.
//!
//! One file for each channel with the digests of windows, written after its draft. It holds no word
//! of any session. Windows are known by what was sent, so a session that grew is asked about from
//! where it changed, and instructions in other words ask about everything again.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use garner_compiler::distil::WindowId;
use garner_kernel::ChannelName;

use crate::context::Context;
use crate::error::Error;

const HEADER: &str = "{\"format\":\"garner.windows.v1\"}";

/// The windows that were answered for one channel.
#[derive(Debug)]
pub(super) struct Answered {
    path: PathBuf,
    draft: PathBuf,
}

impl Answered {
    pub(super) fn of(channel: &ChannelName, context: &Context) -> Self {
        let path = context.places.windows().join(format!("{channel}.jsonl"));
        Self { path, draft: context.draft_path(channel) }
    }

    /// Returns those of `planned` that were answered; none where the draft is gone that they went
    /// into.
    pub(super) fn among(
        &self,
        planned: impl Iterator<Item = WindowId>,
    ) -> Result<BTreeSet<WindowId>, Error> {
        let known = self.read()?;
        Ok(planned.filter(|id| known.contains(&id.to_string())).collect())
    }

    /// Adds windows. Whoever calls holds the lock of the draft.
    pub(super) fn add(&self, windows: &[WindowId]) -> Result<(), Error> {
        if windows.is_empty() || !self.draft.exists() {
            return Ok(());
        }
        let mut all = self.read()?;
        all.extend(windows.iter().map(ToString::to_string));
        let lines: Vec<String> = all.iter().map(|id| format!("\"{id}\"")).collect();
        let text = format!("{HEADER}\n{}\n", lines.join("\n"));
        Ok(garner_sync::write_over(&self.path, text.as_bytes())?)
    }

    /// Returns the digests in the file; none where it is not usable, since asking twice does no harm.
    fn read(&self) -> Result<BTreeSet<String>, Error> {
        if !self.draft.exists() {
            return Ok(BTreeSet::new());
        }
        Ok(parse(&read(&self.path)?))
    }
}

fn read(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

fn parse(text: &str) -> BTreeSet<String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return BTreeSet::new();
    }
    lines.map(|line| line.trim_matches('"').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_format_holds_nothing() {
        assert_eq!(parse(&format!("{HEADER}\n\"ab\"\n\"cd\"\n")).len(), 2);
        for text in ["", "\"ab\"\n", "{\"format\":\"garner.windows.v2\"}\n\"ab\"\n"] {
            assert!(parse(text).is_empty(), "{text}");
        }
    }
}
