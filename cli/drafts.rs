//! Draft files: one for each channel.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use garner_kernel::{ChannelName, Draft, FragmentId, record};

use crate::context::Context;
use crate::error::Error;

impl Context {
    /// Returns the draft of a channel; `None` if nothing was compiled for it yet.
    pub(crate) fn draft(&self, channel: &ChannelName) -> Result<Option<Draft>, Error> {
        let path = self.draft_path(channel);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", path, e)),
        };
        record::parse_draft(&text).map(Some).map_err(|source| Error::Draft { path, source })
    }

    /// Writes the draft of a channel, all or nothing.
    pub(crate) fn save_draft(&self, channel: &ChannelName, draft: &Draft) -> Result<(), Error> {
        let text = record::draft_lines(draft);
        Ok(garner_sync::write_over(&self.draft_path(channel), text.as_bytes())?)
    }

    /// Returns the file of a channel's draft.
    pub(crate) fn draft_path(&self, channel: &ChannelName) -> PathBuf {
        self.places.drafts().join(format!("{channel}.jsonl"))
    }

    /// Returns the channels that have a draft, by name.
    pub(crate) fn drafted_channels(&self) -> Result<Vec<ChannelName>, Error> {
        names_in(&self.places.drafts(), ".jsonl")
    }
}

/// Returns the names of the files in a folder that end in `ending`, without it.
pub(crate) fn names_in<N: std::str::FromStr + Ord>(
    folder: &std::path::Path,
    ending: &str,
) -> Result<Vec<N>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", folder, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| Error::io("list", folder, e))?.file_name();
        let name = name.to_string_lossy().into_owned();
        names.extend(name.strip_suffix(ending).and_then(|name| name.parse().ok()));
    }
    names.sort();
    Ok(names)
}

/// Returns the one fragment of a draft whose id starts with `prefix`.
pub(crate) fn find(draft: &Draft, prefix: &str) -> Result<FragmentId, Error> {
    let matches: Vec<_> =
        draft.entries.keys().filter(|id| id.to_string().starts_with(prefix)).collect();
    match matches.as_slice() {
        [id] => Ok(**id),
        _ => Err(Error::DraftPrefix { prefix: prefix.to_owned(), matches: matches.len() }),
    }
}
