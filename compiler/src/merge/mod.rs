//! Search before write: what is known in other words becomes a source of what is known.
//!
//! Exact repetitions have one id and are merged as they come. What is new after that is compared
//! with the draft and with what the channel holds, within one kind and scope: the same words, or a
//! cosine above 0.92 where an embedder is at hand, are one statement, unless numbers, negations or
//! named values differ. Where only a value differs, the later statement replaces the earlier.
//!
//! Trust only falls: words of lower trust become a source of words of higher trust, never the other
//! way round.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::{
    Contents, Draft, EmbedError, Embedder, Entry, Fragment, FragmentId, Merged, Status, Vector,
    record,
};

use crate::rules::words;
use crate::transcript::KnownSession;
pub(crate) use facts::carries_facts;
pub use facts::name_the_same;

use facts::{Facts, differ_in_a_value};

/// The cosine above which two statements say the same.
const SAME: f32 = 0.92;
/// The part of their words that two statements share before their meaning is compared.
const SHARED: f64 = 0.25;

/// What is known already, beside the draft.
#[derive(Default, Clone, Copy)]
pub struct Known<'a> {
    /// What the channel holds.
    pub contents: Option<&'a Contents>,
    /// Compares statements by meaning; without one their words are compared.
    pub embedder: Option<&'a dyn Embedder>,
    /// Sessions of which the draft holds what they taught.
    pub sessions: &'a [&'a KnownSession],
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fragments = self.contents.map(|contents| contents.fragments().len());
        f.debug_struct("Known").field("fragments", &fragments).finish_non_exhaustive()
    }
}

/// What became of a fragment that was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The fragment that is no entry of its own any more.
    pub(crate) id: FragmentId,
    /// What it did to the one that is known.
    pub(crate) merged: Merged,
}

/// Drops of the draft what the channel rejected; returns how many of `fresh` that were.
pub(crate) fn bury(
    draft: &mut Draft,
    fresh: &BTreeSet<FragmentId>,
    known: &Known<'_>,
) -> Vec<FragmentId> {
    let Some(contents) = known.contents else { return Vec::new() };
    let gone =
        |id: &&FragmentId| draft.entries.get(id).is_some_and(|e| contents.is_gone(&e.fragment));
    let gone: Vec<FragmentId> = fresh.iter().filter(gone).copied().collect();
    for id in &gone {
        draft.entries.remove(id);
    }
    gone
}

/// Compares what is new with the same statements in the channel; returns what became of them.
///
/// What the channel holds from the same sources is no news; what comes from elsewhere lends its
/// source. That a publisher accepted it counts more than how it was found this time.
pub(crate) fn recognize(
    draft: &mut Draft,
    fresh: &BTreeSet<FragmentId>,
    known: &Known<'_>,
) -> Vec<Folded> {
    let mut recognized = Vec::new();
    for id in fresh {
        let published = known.contents.and_then(|contents| contents.fragment(id));
        let (Some(published), Some(entry)) = (published, draft.entries.get_mut(id)) else {
            continue;
        };
        let here = &entry.fragment;
        let news = here.sources.iter().any(|source| !published.sources.contains(source))
            || here.supersedes.iter().any(|older| !published.supersedes.contains(older));
        if news && !matches!(entry.status, Status::Quarantined { .. }) {
            entry.status = Status::Active;
            recognized.push(Folded { id: *id, merged: Merged::Sourced });
        } else {
            draft.entries.remove(id);
            recognized.push(Folded { id: *id, merged: Merged::Known });
        }
    }
    recognized
}

/// Folds what is new into what says the same, and links what replaces a value.
///
/// # Errors
/// Those of the embedder; the draft is then as it was.
pub(crate) fn fold(
    draft: &mut Draft,
    fresh: &BTreeSet<FragmentId>,
    known: &Known<'_>,
) -> Result<Vec<Folded>, EmbedError> {
    let mut order: Vec<FragmentId> = fresh.iter().copied().collect();
    order.sort_by_key(|id| (draft.entries.get(id).map(|entry| entry.fragment.created), *id));
    let pairs = pairs(draft, &order, known);
    let vectors = vectors(&pairs, known)?;
    let (mut folded, mut gone) = (Vec::new(), BTreeSet::new());
    for pair in pairs {
        if gone.contains(&pair.new.id) || gone.contains(&pair.old.id) {
            continue;
        }
        if pair.is_same(&vectors) {
            if let Some(done) = pair.fold(draft) {
                gone.insert(done.id);
                folded.push(done);
            }
        } else if differ_in_a_value(pair.old.statement.as_str(), pair.new.statement.as_str())
            && pair.new.trust >= pair.old.trust
        {
            replace(draft, pair.new.id, pair.old.id);
        }
    }
    Ok(folded)
}

/// A new fragment and a known one that may say the same.
struct Pair {
    new: Fragment,
    old: Fragment,
    /// Whether the known one is in the channel.
    published: bool,
    same_words: bool,
}

/// Returns the pairs worth comparing, the new ones in their order.
fn pairs(draft: &Draft, order: &[FragmentId], known: &Known<'_>) -> Vec<Pair> {
    let bag = |fragment: &Fragment| -> BTreeSet<String> {
        words(fragment.statement.as_str()).into_iter().collect()
    };
    let channel = known.contents.into_iter().flat_map(Contents::fragments);
    let channel = channel.filter(|fragment| !draft.entries.contains_key(&fragment.id));
    let drafted = draft.entries.values().map(|entry| (&entry.fragment, false));
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (fragment, published) in channel.map(|fragment| (fragment, true)).chain(drafted) {
        let key = (fragment.kind, fragment.scope.clone());
        all.entry(key).or_default().push((fragment, published, bag(fragment)));
    }
    let place: BTreeMap<FragmentId, usize> =
        order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut pairs = Vec::new();
    for (at, id) in order.iter().enumerate() {
        let Some(new) = draft.entries.get(id).map(|entry| &entry.fragment) else { continue };
        let mine = bag(new);
        let Some(others) = all.get(&(new.kind, new.scope.clone())) else { continue };
        for (old, published, theirs) in others {
            // Of two that are new the earlier one is known.
            let later = place.get(&old.id).is_some_and(|other| *other >= at);
            if later || share(&mine, theirs) < SHARED {
                continue;
            }
            let same_words = words(new.statement.as_str()) == words(old.statement.as_str());
            pairs.push(Pair {
                new: new.clone(),
                old: (*old).clone(),
                published: *published,
                same_words,
            });
        }
    }
    pairs
}

/// Returns the part of the words of two texts that both have.
fn share(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let count = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    count(one.intersection(other).count()) / count(one.union(other).count().max(1))
}

/// Returns the vectors of all statements that have to be compared by meaning.
fn vectors(pairs: &[Pair], known: &Known<'_>) -> Result<BTreeMap<FragmentId, Vector>, EmbedError> {
    let Some(embedder) = known.embedder else { return Ok(BTreeMap::new()) };
    let mut texts: BTreeMap<FragmentId, &str> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| !pair.same_words && pair.agree()) {
        for fragment in [&pair.new, &pair.old] {
            texts.insert(fragment.id, fragment.statement.as_str());
        }
    }
    if texts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list: Vec<&str> = texts.values().copied().collect();
    Ok(texts.keys().copied().zip(embedder.embed(&list)?).collect())
}

impl Pair {
    /// Returns whether numbers, negations and named values are the same.
    fn agree(&self) -> bool {
        Facts::of(self.new.statement.as_str()) == Facts::of(self.old.statement.as_str())
    }

    fn is_same(&self, vectors: &BTreeMap<FragmentId, Vector>) -> bool {
        let near = || match (vectors.get(&self.new.id), vectors.get(&self.old.id)) {
            (Some(new), Some(old)) => new.cosine(old) > SAME,
            _ => false,
        };
        self.agree() && (self.same_words || near())
    }

    /// Makes one entry of the two; `None` where they stay apart.
    fn fold(&self, draft: &mut Draft) -> Option<Folded> {
        let new = draft.entries.get(&self.new.id)?.clone();
        let quarantined = matches!(new.status, Status::Quarantined { .. });
        let old = draft.entries.get(&self.old.id).cloned();
        // What looks like an attack lends no source to what was accepted.
        let clean = |entry: &Entry| !matches!(entry.status, Status::Quarantined { .. });
        if quarantined && old.as_ref().is_none_or(clean) {
            return None;
        }
        if new.fragment.trust > self.old.trust {
            // The stronger word stands; the weaker one stays where readers have it already.
            replace(draft, self.new.id, self.old.id);
            if self.published || old.as_ref().is_some_and(|old| !clean(old)) {
                return None;
            }
            return absorb(draft, self.new.id, old?);
        }
        draft.entries.remove(&self.new.id);
        relink(draft, self.new.id, self.old.id);
        let status = if self.published { Status::Active } else { new.status };
        let fragment = Fragment { sources: new.fragment.sources, ..self.old.clone() };
        let merged = draft.merge(Entry { fragment, status });
        Some(Folded { id: self.new.id, merged })
    }
}

/// Makes the sources of a weaker entry those of a stronger one, and removes it.
fn absorb(draft: &mut Draft, id: FragmentId, weaker: Entry) -> Option<Folded> {
    let gone = weaker.fragment.id;
    draft.entries.remove(&gone);
    relink(draft, gone, id);
    let stronger = draft.entries.get(&id)?.fragment.clone();
    let fragment = Fragment { sources: weaker.fragment.sources, ..stronger };
    let merged = draft.merge(Entry { fragment, status: weaker.status });
    Some(Folded { id: gone, merged })
}

/// Lets whatever replaced `gone` replace `kept`, but itself.
fn relink(draft: &mut Draft, gone: FragmentId, kept: FragmentId) {
    for entry in draft.entries.values_mut() {
        let links = &mut entry.fragment.supersedes;
        if links.contains(&gone) {
            links.retain(|link| *link != gone);
            if entry.fragment.id != kept {
                links.push(kept);
                links.sort_unstable();
                links.dedup();
            }
        }
    }
}

/// Makes `newer` replace `older`, unless it is the other way round already.
pub(crate) fn replace(draft: &mut Draft, newer: FragmentId, older: FragmentId) {
    let taken_back =
        draft.entries.get(&older).is_some_and(|entry| entry.fragment.supersedes.contains(&newer));
    if taken_back || newer == older {
        return;
    }
    if let Some(entry) = draft.entries.get_mut(&newer) {
        let mut all: BTreeSet<FragmentId> = entry.fragment.supersedes.iter().copied().collect();
        all.insert(older);
        entry.fragment.supersedes = all.into_iter().take(record::MAX_SUPERSEDES).collect();
    }
}
