//! Every call to Garner.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Instant;

use garner_kernel::{
    Change, Confidence, Contents, Digest, EmbedError, Embedder, EmbedderId, Fragment, Kind, Moment,
    Source, Text, Trust, Vector, bundle,
};
use garner_loader::{
    EmbedderInfo, Filters, LoadOptions, OpenOptions, OrderRule, Query, QueryVector, Residency,
    Score, Search, Stamp, Store, Vectors,
};

use super::corpus::{Corpus, Document};
use super::operations::{Asked, LIMIT, Likeness, Outcome, SAME, System};
use super::publisher::Publisher;
use super::vectors::DIMENSIONS;

/// Garner with its store.
pub(crate) struct Garner {
    store: Store,
    now: Moment,
}

/// What writing everything took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Planning and applying the kernel, with its vectors.
    pub(crate) seconds: f64,
    /// Sealing the kernel and opening it before, which the peer has nothing like.
    pub(crate) before: f64,
}

impl Garner {
    /// Loads the first texts as one kernel into a store of its own.
    pub(crate) fn load(corpus: &Corpus, size: u64, folder: &Path) -> Outcome<(Self, Written)> {
        let mut contents = Contents::default();
        let mut by_text = Known { corpus, by_text: HashMap::new(), hashes: RandomState::new() };
        for at in 0..size {
            let document = corpus.document(at);
            by_text.by_text.insert(by_text.hashes.hash_one(&document.text), at);
            contents.apply(Change::Put(Box::new(fragment(&document)?)))?;
        }
        let start = Instant::now();
        let publisher = Publisher::new()?;
        let sealed = publisher.seal(&contents, None)?;
        let kernel = bundle::open(&sealed.bundle, &publisher.anchor()?, &[&publisher.device])?;
        let before = start.elapsed().as_secs_f64();
        let mut store = Store::open(folder, &OpenOptions::write())?;
        let start = Instant::now();
        let options = LoadOptions { embedder: Some(by_text.id()), order: OrderRule::NewerOnly };
        let plan = store.plan(&kernel, &options)?;
        let planned = start.elapsed().as_secs_f64();
        let vectors = Vectors::embed(plan.texts(), &by_text, &mut |_, _| ())?;
        let stamp = Stamp { at: now(size), who: "bench".parse()? };
        let start = Instant::now();
        let report = store.apply(plan, Some(vectors), &stamp)?;
        let seconds = planned + start.elapsed().as_secs_f64();
        if report.embedded as u64 != size {
            return Err("some fragments have no vector".into());
        }
        let garner = Self { store, now: now(size) };
        Ok((garner, Written { seconds, before }))
    }

    /// Opens the store of a folder to ask one question.
    pub(crate) fn open_once(size: u64, folder: &Path) -> Outcome<Self> {
        Ok(Self { store: Store::open(folder, &OpenOptions::read())?, now: now(size) })
    }

    /// Opens the store of a folder to ask many questions, with everything in memory.
    pub(crate) fn open(size: u64, folder: &Path) -> Outcome<Self> {
        let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::write() };
        let store = Store::open(folder, &options)?;
        store.warm()?;
        Ok(Self { store, now: now(size) })
    }

    /// Returns how many bytes are kept in memory.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.store.kept_bytes()
    }

    /// Closes the store and returns the size of its file.
    pub(crate) fn closed_bytes(self) -> Outcome<u64> {
        let path = self.store.path().to_owned();
        drop(self);
        Ok(fs::metadata(path)?.len())
    }

    /// Returns the places in the corpus of the texts nearest to a vector by the search that is approximate where there
    /// are many.
    pub(crate) fn approximate(&self, vector: &[f32]) -> Outcome<Vec<u64>> {
        let vector = Vector::normalized(vector.to_vec()).ok_or("a vector has a length")?;
        let vector = QueryVector { embedder: embedder(), vector };
        let near = self.store.nearest(&vector, LIMIT, Search::Approximate, self.now)?;
        let at = |(id, _)| {
            let fragment = self.store.get(id)?.ok_or("what is near is there")?;
            Ok(super::corpus::written_at(u64::try_from(fragment.created.unix())?))
        };
        near.into_iter().map(at).collect()
    }

    fn query(&self, asked: Asked<'_>, limit: usize) -> Outcome<Query> {
        let vector = asked.vector.map(|vector| {
            let vector = Vector::normalized(vector.to_vec()).ok_or("a vector has a length")?;
            Ok::<_, String>(QueryVector { embedder: embedder(), vector })
        });
        let kinds: Vec<Kind> = asked.kind.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Query {
            vector: vector.transpose()?,
            limit,
            filters: Filters { kinds, ..Filters::default() },
            ..Query::new(asked.text.unwrap_or_default(), self.now)
        })
    }
}

impl System for Garner {
    fn id(&self, corpus: &Corpus, at: u64) -> Outcome<String> {
        Ok(fragment(&corpus.document(at))?.id.to_string())
    }

    fn get(&mut self, id: &str) -> Outcome<Option<usize>> {
        let found = self.store.get(id.parse()?)?;
        Ok(Some(usize::from(found.is_some_and(|found| !found.statement.as_str().is_empty()))))
    }

    /// Nothing counts what is read: the same question has the same answer.
    fn get_tracked(&mut self, _id: &str) -> Outcome<Option<usize>> {
        Ok(None)
    }

    fn newest(&mut self, count: usize) -> Outcome<Option<usize>> {
        Ok(Some(self.store.newest(count, self.now)?.len()))
    }

    fn by_prefix(&mut self, prefix: &str) -> Outcome<Option<usize>> {
        let id = self.store.find(prefix)?;
        Ok(Some(usize::from(self.store.get(id)?.is_some())))
    }

    fn search(&mut self, asked: Asked<'_>) -> Outcome<Option<Vec<String>>> {
        let recall = self.store.recall(&self.query(asked, LIMIT)?)?;
        Ok(Some(recall.hits.iter().map(|hit| hit.fragment.id.to_string()).collect()))
    }

    fn matches(&mut self, text: &str) -> Outcome<Option<usize>> {
        let recall = self.store.recall(&self.query(Asked::words(text), LIMIT)?)?;
        Ok(Some(recall.signals.candidates))
    }

    /// What is merged takes the place of the one that it is like.
    fn insert(&mut self, document: &Document, likeness: Likeness) -> Outcome<Option<usize>> {
        let mut fragment = fragment(document)?;
        let vector = Vector::normalized(document.vector.clone()).ok_or("a vector has a length")?;
        if likeness == Likeness::Merged {
            let query = QueryVector { embedder: embedder(), vector: vector.clone() };
            let least = Score::new(f64::from(SAME));
            let alike = self.store.alike(&fragment, &query, least, self.now)?;
            fragment.supersedes.extend(alike.map(|(id, _)| id));
        }
        let merged = fragment.supersedes.len();
        let stamp = Stamp { at: self.now, who: "bench".parse()? };
        let info =
            EmbedderInfo { id: embedder(), name: "known".to_owned(), dimensions: DIMENSIONS };
        let remembered = self.store.remember(&fragment, Some((&info, &vector)), &stamp)?;
        Ok(Some(usize::from(remembered.is_some()) - merged))
    }
}

/// Knows the vectors of the texts.
struct Known<'c> {
    corpus: &'c Corpus,
    by_text: HashMap<u64, u64>,
    hashes: RandomState,
}

impl Embedder for Known<'_> {
    fn id(&self) -> EmbedderId {
        embedder()
    }

    fn name(&self) -> &'static str {
        "known"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vector = |text: &&str| {
            let at = self.by_text.get(&self.hashes.hash_one(*text))?;
            Vector::normalized(self.corpus.vector(*at))
        };
        // What is not known has no vector, and too few vectors are an error of the store.
        Ok(texts.iter().filter_map(vector).collect())
    }
}

fn embedder() -> EmbedderId {
    EmbedderId::new(Digest::of(b"vectors of the bench recall"))
}

/// Returns a day after the last text of a store was written.
fn now(size: u64) -> Moment {
    Moment::from_unix(i64::try_from(super::corpus::created(size)).unwrap_or(i64::MAX)).plus_days(1)
}

fn fragment(document: &Document) -> Outcome<Fragment> {
    let kind: Kind = document.kind.parse()?;
    let scope = "user".parse()?;
    let session = format!("{:012x}", document.created / 3_600);
    Ok(Fragment {
        id: Fragment::id_of(kind, &scope, &document.text),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(document.text.as_str()),
        context: None,
        created: Moment::from_unix(i64::try_from(document.created)?),
        valid_to: None,
        supersedes: Vec::new(),
        tags: vec![document.topic.parse()?],
        sources: vec![Source {
            session: session.parse()?,
            file: format!("{session}.jsonl").parse()?,
            record: format!("{:08x}", document.created).parse()?,
            line: 1,
            digest: Digest::of(document.text.as_bytes()),
            speaker: Trust::Human,
            rule: "d2-answer".parse()?,
        }],
    })
}
