//! Values and an embedder for the tests of this crate.

use garner_kernel::bundle::Revoked;
use garner_kernel::{
    Change, Confidence, Contents, Digest, EmbedError, Embedder, EmbedderId, Fragment, Kernel, Kind,
    Lineage, Moment, Scope, Source, Text, Trust, Vector, Version,
};
use tempfile::TempDir;

use crate::{LoadOptions, LoadReport, OpenOptions, OrderRule, Stamp, Store, Vectors};

pub(crate) const DAY: i64 = 86_400;
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) fn now() -> Moment {
    Moment::from_unix(NOW)
}

pub(crate) fn stamp() -> Stamp {
    Stamp { at: now(), who: "tester".parse().unwrap() }
}

pub(crate) fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OpenOptions::write()).unwrap();
    (dir, store)
}

pub(crate) fn fragment(kind: Kind, statement: &str) -> Fragment {
    let scope = Scope::User;
    Fragment {
        id: Fragment::id_of(kind, &scope, statement),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: None,
        created: Moment::from_unix(NOW - 10 * DAY),
        valid_to: None,
        supersedes: Vec::new(),
        tags: vec!["storage".parse().unwrap(), "test".parse().unwrap()],
        sources: vec![Source {
            session: "s-1".parse().unwrap(),
            file: "s-1.jsonl".parse().unwrap(),
            record: "r-1".parse().unwrap(),
            line: 7,
            digest: Digest::of(b"line"),
            speaker: Trust::Human,
            rule: "d2-answer".parse().unwrap(),
        }],
    }
}

pub(crate) fn fact(statement: &str) -> Fragment {
    fragment(Kind::Fact, statement)
}

pub(crate) fn contents(fragments: &[&Fragment]) -> Contents {
    let mut contents = Contents::default();
    for fragment in fragments {
        contents.apply(Change::Put(Box::new((*fragment).clone()))).unwrap();
    }
    contents
}

pub(crate) fn head(channel: &str, version: u64) -> Digest {
    Digest::of(format!("{channel} {version}").as_bytes())
}

pub(crate) fn kernel(channel: &str, version: u64, contents: Contents) -> Kernel {
    Kernel {
        channel: channel.parse().unwrap(),
        lineage: Lineage {
            version: Version::new(version).unwrap(),
            parent: (version > 1).then(|| head(channel, version - 1)),
            restores: None,
        },
        head: head(channel, version),
        publisher: "key-1".to_owned(),
        created: now(),
        contents,
        revoked: Revoked::new(),
    }
}

/// Loads a kernel with vectors of [`HashEmbedder`].
pub(crate) fn load(store: &mut Store, kernel: &Kernel) -> LoadReport {
    let options = LoadOptions { embedder: Some(HashEmbedder.id()), order: OrderRule::AnyOrder };
    let plan = store.plan_kernel(kernel, &options).unwrap();
    let vectors = Vectors::embed(plan.texts(), &HashEmbedder, &mut |_, _| {}).unwrap();
    store.apply(plan, Some(vectors), &stamp()).unwrap()
}

/// Adds up a fixed vector for each word, so that texts with common words are near each other.
pub(crate) struct HashEmbedder;

impl Embedder for HashEmbedder {
    fn id(&self) -> EmbedderId {
        EmbedderId::new(Digest::of(b"hash"))
    }

    fn name(&self) -> &'static str {
        "hash"
    }

    fn dimensions(&self) -> usize {
        32
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                vector(text).ok_or(EmbedError::UnusableVector { model: "hash".to_owned(), index })
            })
            .collect()
    }
}

pub(crate) fn vector(text: &str) -> Option<Vector> {
    let mut sum = vec![1e-6_f32; 32];
    for word in text.to_lowercase().split_whitespace() {
        let digest = Digest::of(word.as_bytes());
        for (slot, byte) in sum.iter_mut().zip(digest.as_bytes()) {
            *slot += f32::from(*byte) - 127.5;
        }
    }
    Vector::normalized(sum)
}

/// Random histories of one channel for property tests.
pub(crate) mod random {
    use garner_kernel::{Moment, Tombstone, TombstoneReason};
    use proptest::prelude::*;

    use super::{Change, Confidence, Contents, DAY, Fragment, Kind, NOW, Text, Trust, fragment};

    const WORDS: &[&str] = &[
        "store",
        "opens",
        "sqlite",
        "file",
        "lock",
        "openStore",
        "recall_hits",
        "src/main.rs",
        "the",
        "port",
        "is",
        "8080",
        "never",
        "squash",
        "merges",
        "café",
        "東京",
        "vectors",
    ];

    const REASONS: &[TombstoneReason] =
        &[TombstoneReason::Removed, TombstoneReason::Rejected, TombstoneReason::Revoked];

    /// Returns a fragment with a statement of a few known words.
    pub(crate) fn a_fragment() -> impl Strategy<Value = Fragment> {
        let words = proptest::collection::vec(proptest::sample::select(WORDS), 1..8);
        let numbers = (0usize..Kind::ALL.len(), 0usize..Trust::ALL.len(), 0u8..=100, 0i64..400);
        let options = (any::<bool>(), 0u8..8, 1u32..3, any::<bool>());
        (words, numbers, options).prop_map(|(words, (kind, trust, confidence, age), options)| {
            let (context, expiry, revision, project) = options;
            let mut fragment = fragment(Kind::ALL[kind], &words.join(" "));
            if project {
                fragment.scope = "project:api".parse().unwrap();
            }
            fragment.id = Fragment::id_of(fragment.kind, &fragment.scope, &words.join(" "));
            fragment.trust = Trust::ALL[trust];
            fragment.confidence = Confidence::percent(confidence);
            fragment.created = Moment::from_unix(NOW - age * DAY - 7);
            fragment.context = context.then(|| Text::new(format!("Which {}?", words[0])));
            let end = NOW + i64::from(expiry) * DAY - DAY;
            fragment.valid_to = (expiry < 3).then(|| Moment::from_unix(end));
            fragment.revision = revision;
            fragment.sources[0].line = 1 + u32::try_from(age % 60).unwrap();
            if kind % 2 == 0 {
                fragment.tags = vec!["even".parse().unwrap()];
            }
            fragment
        })
    }

    /// Returns the contents of up to `versions` versions, drawn from one pool of fragments.
    pub(crate) fn history(versions: usize) -> impl Strategy<Value = Vec<Contents>> {
        let pool = proptest::collection::vec(a_fragment(), 2..14);
        let picks = proptest::collection::vec(proptest::collection::vec(0u8..6, 14), 1..=versions);
        (pool, picks).prop_map(|(pool, picks)| picks.iter().map(|p| pick(&pool, p)).collect())
    }

    /// Draws one version: each fragment is absent, here, replacing its neighbour, or a tombstone.
    fn pick(pool: &[Fragment], picks: &[u8]) -> Contents {
        let mut contents = Contents::default();
        for (i, (fragment, pick)) in pool.iter().zip(picks).enumerate() {
            let mut fragment = fragment.clone();
            let neighbour = pool[(i + 1) % pool.len()].id;
            let change = match pick {
                0 => continue,
                1 => Change::Del(Tombstone {
                    id: fragment.id,
                    revision: fragment.revision + 1,
                    at: Moment::from_unix(NOW),
                    reason: REASONS[i % REASONS.len()],
                }),
                2 => {
                    fragment.revision += 1;
                    fragment.supersedes = vec![neighbour];
                    Change::Put(Box::new(fragment))
                }
                _ => Change::Put(Box::new(fragment)),
            };
            // The pool may hold a statement twice; the higher revision stays.
            let _ = contents.apply(change);
        }
        contents
    }
}
