//! A set of fragments and questions, and the store that it becomes.

use std::collections::{BTreeMap, BTreeSet};

use garner_kernel::bundle;
use garner_kernel::{
    Change, Confidence, Contents, Digest, Embedder as _, Fragment, FragmentId, Kind, Moment, Scope,
    Source, Text, Trust, Vector,
};
use garner_loader::{
    LoadOptions, OpenOptions, OrderRule, QueryVector, Residency, Stamp, Store, Vectors,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::Result;
use super::measure::Tally;
use super::model::Model;
use super::publisher::Publisher;

/// A question and the fragments that answer it.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) gold: BTreeSet<FragmentId>,
    /// What was true once and must not stand above the answer.
    pub(crate) stale: BTreeSet<FragmentId>,
}

/// Fragments and the questions about them.
pub(crate) struct Set {
    pub(crate) fragments: BTreeMap<FragmentId, Fragment>,
    pub(crate) questions: Vec<Question>,
    /// How many questions were left out because no fragment answers them.
    pub(crate) unanswered: u32,
    /// When the questions are asked.
    pub(crate) now: Moment,
}

/// What somebody said, and where.
pub(crate) struct Said<'s> {
    pub(crate) statement: &'s str,
    pub(crate) kind: Kind,
    pub(crate) session: &'s str,
    pub(crate) line: u32,
    pub(crate) created: Moment,
}

impl Set {
    /// Returns a set of nothing.
    pub(crate) const fn new(now: Moment) -> Self {
        Self { fragments: BTreeMap::new(), questions: Vec::new(), unanswered: 0, now }
    }

    /// Adds what was said; the same words again are one more source of the same fragment.
    pub(crate) fn say(&mut self, said: &Said<'_>) -> Result<FragmentId> {
        let Said { statement, kind, session, line, created } = *said;
        let id = Fragment::id_of(kind, &Scope::User, statement);
        let source = Source {
            session: session.parse()?,
            file: format!("{session}.jsonl").parse()?,
            record: line.to_string().parse()?,
            line,
            digest: Digest::of(statement.as_bytes()),
            speaker: Trust::Human,
            rule: "bench".parse()?,
        };
        let fragment = self.fragments.entry(id).or_insert_with(|| Fragment {
            id,
            revision: 1,
            kind,
            scope: Scope::User,
            trust: Trust::Human,
            confidence: Confidence::percent(100),
            statement: Text::new(statement),
            context: None,
            created,
            valid_to: None,
            supersedes: Vec::new(),
            tags: Vec::new(),
            sources: Vec::new(),
        });
        if !fragment.sources.contains(&source) {
            fragment.sources.push(source);
            fragment.sources.sort();
        }
        Ok(id)
    }
}

/// A set in a store, and beside it what other ways to recall need.
pub(crate) struct Built {
    pub(crate) set: Set,
    pub(crate) store: Store,
    /// Plain FTS5 tables; the row is the place in `vectors`.
    pub(crate) plain: Connection,
    pub(crate) vectors: Vec<(FragmentId, Vector)>,
    /// The questions as vectors.
    pub(crate) asked: Vec<QueryVector>,
    _folder: TempDir,
}

/// A question as every way to recall takes it.
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a Question,
    pub(crate) vector: &'a QueryVector,
}

impl Built {
    /// Seals the set, opens the bundle, loads it and embeds everything.
    pub(crate) fn new(set: Set, model: &Model) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = store(&set, &folder, model)?;
        let texts = || set.fragments.values().map(|fragment| fragment.statement.as_str());
        let plain = plain(texts())?;
        let embedded = model.embed(&texts().collect::<Vec<_>>())?;
        let vectors = set.fragments.keys().copied().zip(embedded).collect();
        let questions: Vec<&str> = set.questions.iter().map(|q| q.text.as_str()).collect();
        let asked = model.embed(&questions)?.into_iter();
        let asked = asked.map(|vector| QueryVector { embedder: model.id(), vector }).collect();
        Ok(Self { set, store, plain, vectors, asked, _folder: folder })
    }

    /// Asks every question and counts what comes.
    pub(crate) fn ask(
        &self,
        rank: impl Fn(&Asked<'_>) -> Result<Vec<FragmentId>>,
        tally: &mut Tally,
    ) -> Result<()> {
        for (question, vector) in self.set.questions.iter().zip(&self.asked) {
            let hits = rank(&Asked { question, vector })?;
            tally.add(&hits, &question.gold, &question.stale);
        }
        Ok(())
    }
}

fn store(set: &Set, folder: &TempDir, model: &Model) -> Result<Store> {
    let mut contents = Contents::default();
    for fragment in set.fragments.values() {
        contents.apply(Change::Put(Box::new(fragment.clone())))?;
    }
    let publisher = Publisher::new()?;
    let sealed = publisher.seal(&contents, None)?;
    let kernel = bundle::open(&sealed.bundle, &publisher.anchor()?, &[&publisher.device])?;
    let mut store = Store::open(folder.path(), &OpenOptions::write())?;
    let options = LoadOptions { embedder: Some(model.id()), order: OrderRule::NewerOnly };
    let plan = store.plan(&kernel, &options)?;
    let vectors = Vectors::embed(plan.texts(), model, &mut |_, _| {})?;
    store.apply(plan, Some(vectors), &Stamp { at: set.now, who: "bench".parse()? })?;
    let resident = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    let store = Store::open(folder.path(), &resident)?;
    store.warm()?;
    Ok(store)
}

/// Fills two tables with the texts: one with stems, and one as the peer makes it.
fn plain<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Connection> {
    let db = Connection::open_in_memory()?;
    db.execute_batch(
        "CREATE VIRTUAL TABLE stems USING fts5(text, tokenize='porter unicode61');
         CREATE VIRTUAL TABLE words USING fts5(text);",
    )?;
    for (row, text) in (0_i64..).zip(texts) {
        db.execute("INSERT INTO stems (rowid, text) VALUES (?1, ?2)", (row, text))?;
        db.execute("INSERT INTO words (rowid, text) VALUES (?1, ?2)", (row, text))?;
    }
    Ok(db)
}
