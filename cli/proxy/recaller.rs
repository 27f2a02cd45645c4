//! The store as the proxy asks it: opened once, kept in memory, opened again where it was replaced.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use garner_kernel::{Digest, Moment, Text};
use garner_loader::{Error, Filters, OpenOptions, Query, Residency, Store};
use garner_serve::{Known, Question, Recaller};

use crate::context::Context;

/// How many fragments are considered for a prompt.
const CONSIDERED: usize = 30;

/// Of how many lines it is kept how many tokens they have; then they are counted anew.
const COUNTED: usize = 16_384;

/// The store of this machine.
pub(crate) struct StoreRecaller {
    context: Context,
    filters: Filters,
    store: Option<(Store, Option<FileId>)>,
    /// How many tokens a line has: fragments come again, and so do the blocks of earlier turns.
    counts: RefCell<HashMap<Digest, usize>>,
}

impl StoreRecaller {
    /// Returns a recaller that has read what it needs, as far as it is there.
    pub(crate) fn ready(context: Context, filters: Filters) -> Self {
        let mut recaller = Self { context, filters, store: None, counts: RefCell::default() };
        // What is not there now is looked for with each question.
        if let Ok(store) = recaller.opened() {
            let _ = store.warm();
        }
        if recaller.context.embedder_to_serve().is_some() {
            let _ = recaller.context.query_vector("ready");
        }
        let _ = recaller.context.tokens("ready");
        recaller
    }

    /// Returns the store, opened where it is not open or another file took its place.
    fn opened(&mut self) -> Result<&Store, Error> {
        let file = file_id(&self.context.places.data.join(Store::FILE));
        let kept = self.store.take().filter(|(_, opened)| *opened == file && file.is_some());
        let opened = kept.map_or_else(|| open(&self.context), |(store, _)| Ok(store))?;
        let file = file_id(opened.path());
        Ok(&self.store.insert((opened, file)).0)
    }
}

impl Recaller for StoreRecaller {
    fn recall(&mut self, question: &Question<'_>) -> Result<Known, Error> {
        let now = self.context.now();
        let mut filters = self.filters.clone();
        if !question.channels.is_empty() {
            let own = std::mem::take(&mut filters.channels);
            let both = |name: &&garner_kernel::ChannelName| own.is_empty() || own.contains(name);
            filters.channels = question.channels.iter().filter(both).cloned().collect();
            if filters.channels.is_empty() {
                return Ok(Known::default());
            }
        }
        // Where the question cannot be embedded, or not in time, words alone find what they can.
        let embedded = question.text.filter(|_| !question.is_urgent);
        let vector = embedded.and_then(|text| self.context.query_vector(text).ok().flatten());
        let store = self.opened()?;
        let view = store.view()?;
        let reads = |name: &garner_kernel::ChannelName| {
            filters.channels.is_empty() || filters.channels.contains(name)
        };
        let active = view.active().filter(|(name, _)| reads(name));
        let kernels = active.map(|(name, version)| (name.clone(), version)).collect();
        let core = store.core(None, &filters, now)?;
        let Some(text) = question.text else {
            return Ok(Known { core, hits: Vec::new(), kernels });
        };
        let query = Query {
            text: Text::new(text),
            vector,
            limit: CONSIDERED,
            filters,
            ..Query::new("", now)
        };
        Ok(Known { core, hits: store.recall(&query)?.hits, kernels })
    }

    fn count(&self, text: &str) -> usize {
        let mut counts = self.counts.borrow_mut();
        let mut count = |line: &str| {
            if counts.len() >= COUNTED {
                counts.clear();
            }
            let digest = Digest::of(line.as_bytes());
            *counts.entry(digest).or_insert_with(|| self.context.tokens(line))
        };
        text.split_inclusive('\n').map(&mut count).sum()
    }

    fn now(&self) -> Moment {
        self.context.now()
    }
}

fn open(context: &Context) -> Result<Store, Error> {
    let dir = &context.places.data;
    let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    match Store::open(dir, &options) {
        // Only who may write can upgrade it; after that it is read like any other.
        Err(Error::OlderStore { .. }) => {
            drop(Store::open(dir, &OpenOptions::write())?);
            Store::open(dir, &options)
        }
        opened => opened,
    }
}

/// What tells one file from another that takes its name.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> Option<FileId> {
    // An open file cannot be replaced there.
    path.exists().then_some((0, 0))
}
