//! What loading a kernel would change.

use std::collections::BTreeSet;

use garner_kernel::{
    ChannelName, Contents, Difference, Digest, EmbedderId, FragmentId, Kernel, Text, Verified,
    Version, diff,
};
use rusqlite::{Connection, params};

use crate::error::{Error, Trouble};
use crate::store::channel::{self, LoadedKernel};
use crate::store::view::{self, Reading};
use crate::store::{Store, contents, vector_row};

/// How to plan a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whose vectors the texts need; `None` loads for keyword recall only.
    pub embedder: Option<EmbedderId>,
    /// What to do with a version that is older than the newest loaded one.
    pub order: OrderRule,
}

/// What to do with a version that is older than the newest loaded one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrderRule {
    /// It is refused.
    #[default]
    NewerOnly,
    /// It is added to the history; what recall reads does not move.
    AnyOrder,
}

/// What a load does to what recall reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The channel is read at this version from now on.
    Reads,
    /// The version is added, but the channel is held at another one.
    Held {
        /// Where it is held; `None` when nothing of it is read.
        at: Option<Version>,
    },
    /// The version is added to the history below the newest one.
    History,
    /// The version is loaded already and nothing changes.
    Nothing,
}

/// How many fragments differ between what recall reads and the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Live fragments in the kernel.
    pub fragments: usize,
    /// Fragments that are only in the kernel.
    pub added: usize,
    /// Fragments that a newer one replaces.
    pub superseded: usize,
    /// Fragments that are gone from the kernel.
    pub removed: usize,
    /// Fragments with other metadata.
    pub changed: usize,
}

/// A text that has no vector yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedText {
    /// The fragment.
    pub id: FragmentId,
    /// What to embed.
    pub text: Text,
}

/// What loading a kernel would change; only [`Store::apply`] changes it.
#[derive(Debug)]
pub struct LoadPlan<'k> {
    pub(super) kernel: &'k Kernel,
    pub(super) options: LoadOptions,
    pub(super) decision: Decision,
    from: Option<Version>,
    summary: Summary,
    texts: Vec<PlannedText>,
}

/// What depends on the state of the store, and is looked up again before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(super) effect: Effect,
    pub(super) loaded: bool,
    pub(super) before: Option<Version>,
    pub(super) after: Option<Version>,
}

impl LoadPlan<'_> {
    /// Returns the channel of the kernel.
    pub const fn channel(&self) -> &ChannelName {
        &self.kernel.channel
    }

    /// Returns the version that recall reads now; `None` when it reads nothing of the channel.
    pub const fn from(&self) -> Option<Version> {
        self.from
    }

    /// Returns the version of the kernel.
    pub const fn to(&self) -> Version {
        self.kernel.lineage.version
    }

    /// Returns what the load does to what recall reads.
    pub const fn effect(&self) -> Effect {
        self.decision.effect
    }

    /// Returns whether the rows of the kernel are in the store already.
    pub const fn is_loaded(&self) -> bool {
        self.decision.loaded
    }

    /// Returns how the kernel differs from what recall reads now.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Returns the texts that need a vector of [`LoadOptions::embedder`], in the order of their ids.
    pub fn texts(&self) -> &[PlannedText] {
        &self.texts
    }
}

impl Store {
    /// Plans the load of a kernel; only reads.
    ///
    /// # Errors
    /// [`Error::OlderVersion`] when a newer version is loaded and the options do not allow it,
    /// [`Error::Fork`] when the store knows another history of the channel.
    pub fn plan<'k>(
        &self,
        kernel: &'k Verified<Kernel>,
        options: &LoadOptions,
    ) -> Result<LoadPlan<'k>, Error> {
        self.plan_kernel(kernel.get(), options)
    }

    /// Plans the load of a kernel that the caller vouches for.
    pub(crate) fn plan_kernel<'k>(
        &self,
        kernel: &'k Kernel,
        options: &LoadOptions,
    ) -> Result<LoadPlan<'k>, Error> {
        self.read(|db| {
            let decision = decide(db, kernel, options)?;
            let from = view::current(db)?.reading(&kernel.channel).version;
            let before = match (channel::row(db, &kernel.channel)?, from) {
                (Some(row), Some(version)) => contents::contents(db, row, version)?,
                _ => Contents::default(),
            };
            Ok(LoadPlan {
                kernel,
                options: *options,
                decision,
                from,
                summary: summary(&before, &kernel.contents),
                texts: texts(db, kernel, options.embedder)?,
            })
        })
    }
}

/// Decides what loading does, or refuses.
pub(crate) fn decide(
    db: &Connection,
    kernel: &Kernel,
    options: &LoadOptions,
) -> Result<Decision, Trouble> {
    if kernel.channel.is_reserved() {
        return Err(Error::ReservedChannel { channel: kernel.channel.clone() }.into());
    }
    let row = channel::row(db, &kernel.channel)?;
    let kernels = row.map_or_else(|| Ok(Vec::new()), |row| channel::kernels(db, row))?;
    refuse_fork(kernel, &kernels)?;
    let version = kernel.lineage.version;
    let reading = view::current(db)?.reading(&kernel.channel);
    let loaded = kernels.iter().any(|k| k.version == version);
    let newest = kernels.last().map(|k| k.version);
    let older = newest.filter(|newest| *newest > version);
    let effect = effect(reading, version, loaded, older.is_some());
    match older {
        Some(newest) if effect != Effect::Nothing && options.order == OrderRule::NewerOnly => {
            let channel = kernel.channel.clone();
            return Err(Error::OlderVersion { channel, version, loaded: newest }.into());
        }
        _ => {}
    }
    let versions: BTreeSet<Version> = kernels.iter().map(|k| k.version).collect();
    Ok(Decision {
        effect,
        loaded,
        before: versions.range(..version).next_back().copied(),
        after: versions.range(version.next()..).next().copied(),
    })
}

fn effect(reading: Reading, version: Version, loaded: bool, older: bool) -> Effect {
    let reads_it = reading.version == Some(version);
    match (loaded, older) {
        (true, _) if reads_it || reading.held => Effect::Nothing,
        (true, true) => Effect::Nothing,
        (false, true) => Effect::History,
        (false, false) if reading.held => Effect::Held { at: reading.version },
        (_, false) => Effect::Reads,
    }
}

/// Refuses a kernel whose head, or whose parent's head, is not the one in the store.
fn refuse_fork(kernel: &Kernel, kernels: &[LoadedKernel]) -> Result<(), Error> {
    let version = kernel.lineage.version;
    let fork = |version, loaded: Digest, given: Digest| {
        Err(Error::Fork { channel: kernel.channel.clone(), version, loaded, given })
    };
    for known in kernels {
        if known.version == version && known.head != kernel.head {
            return fork(version, known.head, kernel.head);
        }
        if let Some(parent) = kernel.lineage.parent
            && known.version.next() == version
            && known.head != parent
        {
            return fork(known.version, known.head, parent);
        }
        if let Some(parent) = known.parent
            && version.next() == known.version
            && parent != kernel.head
        {
            return fork(version, parent, kernel.head);
        }
    }
    Ok(())
}

fn summary(before: &Contents, after: &Contents) -> Summary {
    let mut summary = Summary { fragments: after.fragments().len(), ..Summary::default() };
    for difference in diff(before, after) {
        let count = match difference {
            Difference::Added { .. } => &mut summary.added,
            Difference::Superseded { .. } => &mut summary.superseded,
            Difference::Removed { .. } | Difference::Revoked { .. } => &mut summary.removed,
            Difference::Changed { .. } | Difference::Expired { .. } => &mut summary.changed,
        };
        *count += 1;
    }
    summary
}

/// Returns the texts of the kernel that have no vector of this embedder in the store.
fn texts(
    db: &Connection,
    kernel: &Kernel,
    embedder: Option<EmbedderId>,
) -> Result<Vec<PlannedText>, Trouble> {
    let Some(embedder) = embedder else {
        return Ok(Vec::new());
    };
    let row = vector_row::embedder_row(db, embedder)?;
    let mut known = db.prepare_cached(
        "SELECT 1 FROM fragment f JOIN vector v ON v.place = (?1 << 32) + f.row \
         WHERE f.id = ?2 AND f.statement = ?3",
    )?;
    let mut texts = Vec::new();
    for fragment in kernel.contents.fragments() {
        let (id, text) = (fragment.id, &fragment.statement);
        if !known.exists(params![row, id.digest().as_bytes(), text.as_str()])? {
            texts.push(PlannedText { id, text: text.clone() });
        }
    }
    Ok(texts)
}
