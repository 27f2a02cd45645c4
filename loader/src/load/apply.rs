//! One transaction that makes a kernel part of the store.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{ChannelName, Embedder, FragmentId, Kernel, Vector, Version};
use rusqlite::Connection;

use crate::error::{Error, Trouble};
use crate::load::plan::{self, Decision, Effect, LoadPlan, PlannedText, Summary};
use crate::load::projection::{Progress, embed_in_batches};
use crate::stamp::Stamp;
use crate::store::membership::{self, Place, Table};
use crate::store::operation::{self, Act, Action};
use crate::store::standing::Touched;
use crate::store::vector_row::{self, EmbedderInfo};
use crate::store::view::{Reading, View};
use crate::store::{Store, channel, contents, fragment_row};

/// One vector for each text of a plan.
#[derive(Debug, Clone)]
pub struct Vectors {
    embedder: EmbedderInfo,
    by_id: BTreeMap<FragmentId, Vector>,
}

impl Vectors {
    /// Embeds the texts of a plan in batches.
    ///
    /// # Errors
    /// [`Error::Embed`] when the embedder fails, [`Error::VectorMismatch`] when it gives another
    /// number of vectors or another size than it promised.
    pub fn embed(
        texts: &[PlannedText],
        embedder: &dyn Embedder,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Error> {
        let plain: Vec<&str> = texts.iter().map(|t| t.text.as_str()).collect();
        let vectors = embed_in_batches(&plain, embedder, progress)?;
        let by_id = texts.iter().map(|t| t.id).zip(vectors).collect();
        Ok(Self { embedder: EmbedderInfo::of(embedder), by_id })
    }
}

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// The channel.
    pub channel: ChannelName,
    /// The version that recall read before; `None` when it read nothing of the channel.
    pub from: Option<Version>,
    /// The version that was loaded.
    pub to: Version,
    /// What recall reads now.
    pub effect: Effect,
    /// How the kernel differs from what recall read before.
    pub summary: Summary,
    /// The number of the operation; `None` when nothing changed.
    pub operation: Option<u64>,
    /// Fragments of the kernel that were given a vector.
    pub embedded: usize,
}

impl LoadReport {
    /// Returns what a plan would do, before anything is done.
    pub fn of(plan: &LoadPlan<'_>) -> Self {
        Self {
            channel: plan.channel().clone(),
            from: plan.from(),
            to: plan.to(),
            effect: plan.effect(),
            summary: *plan.summary(),
            operation: None,
            embedded: 0,
        }
    }
}

impl Store {
    /// Applies a plan in one transaction: everything or nothing.
    ///
    /// Without vectors the kernel is found by its words only, until
    /// [`embed_missing`](Self::embed_missing) fills them in.
    ///
    /// # Errors
    /// [`Error::StalePlan`] when the store changed since the plan, [`Error::TreeMismatch`] when the
    /// rows do not add up to the kernel, and those of writing, such as [`Error::DiskFull`].
    pub fn apply(
        &mut self,
        plan: LoadPlan<'_>,
        vectors: Option<Vectors>,
        stamp: &Stamp,
    ) -> Result<LoadReport, Error> {
        let mut report = LoadReport::of(&plan);
        let LoadPlan { kernel, options, decision, .. } = plan;
        if decision.effect == Effect::Nothing && vectors.is_none() {
            return Ok(report);
        }
        self.write(|db| {
            if plan::decide(db, kernel, &options)? != decision {
                return Err(Error::StalePlan { channel: kernel.channel.clone() }.into());
            }
            if decision.effect != Effect::Nothing {
                report.operation = Some(write_kernel(db, kernel, &decision, stamp)?);
            }
            if let Some(vectors) = vectors {
                report.embedded = write_vectors(db, kernel, &vectors)?;
            }
            Ok(report)
        })
    }
}

/// Writes rows, membership and operation.
fn write_kernel(
    db: &Connection,
    kernel: &Kernel,
    decision: &Decision,
    stamp: &Stamp,
) -> Result<u64, Trouble> {
    let before = operation::before(db)?;
    let after = put(db, kernel, decision, (&before.view, operation::next_number(db)?))?;
    let (channel, version, head) = (kernel.channel.clone(), kernel.lineage.version, kernel.head);
    let action = Action::Load { channel, version, head };
    let act = Act { stamp: stamp.clone(), action, touched: Touched::Everything };
    Ok(operation::commit(db, act, before, after)?.number)
}

/// Writes the rows of a kernel that operation `number` loads, reads it back before anything is
/// committed, and returns the view after it.
pub(crate) fn put(
    db: &Connection,
    kernel: &Kernel,
    decision: &Decision,
    (before, number): (&View, u64),
) -> Result<View, Trouble> {
    let row = channel::ensure(db, &kernel.channel)?;
    let version = kernel.lineage.version;
    if !decision.loaded {
        write_rows(db, row, kernel, decision)?;
        channel::insert_kernel(db, row, kernel, number)?;
    }
    let read_back = contents::contents(db, row, version)?;
    if read_back != kernel.contents {
        return Err(Error::TreeMismatch { channel: kernel.channel.clone(), version }.into());
    }
    let reading = before.reading(&kernel.channel);
    Ok(match decision.effect {
        Effect::Reads => {
            before.clone().with(&kernel.channel, Reading { version: Some(version), ..reading })
        }
        Effect::Held { .. } | Effect::History | Effect::Nothing => before.clone(),
    })
}

fn write_rows(
    db: &Connection,
    channel: i64,
    kernel: &Kernel,
    decision: &Decision,
) -> Result<(), Trouble> {
    let place = Place {
        channel,
        version: kernel.lineage.version.get(),
        before: decision.before.map(Version::get),
        after: decision.after.map(Version::get),
    };
    let members = fragment_row::ensure_all(db, &kernel.contents)?;
    membership::insert(db, Table::Member, place, &members)?;
    let mut buried = BTreeSet::new();
    for tombstone in kernel.contents.tombstones() {
        buried.insert(fragment_row::ensure_tombstone(db, tombstone)?);
    }
    membership::insert(db, Table::Burial, place, &buried)
}

fn write_vectors(db: &Connection, kernel: &Kernel, vectors: &Vectors) -> Result<usize, Trouble> {
    let embedder = vector_row::ensure_embedder(db, &vectors.embedder)?;
    let channel = channel::ensure(db, &kernel.channel)?;
    let ids = membership::ids(db, channel, kernel.lineage.version.get())?;
    let vector_of = |(row, id)| Some((row, vectors.by_id.get(&id)?));
    let rows: Vec<(i64, &Vector)> = ids.into_iter().filter_map(vector_of).collect();
    let written = rows.len();
    vector_row::insert(db, embedder, &rows)?;
    vector_row::reuse(db, embedder)?;
    Ok(written)
}
