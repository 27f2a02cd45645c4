//! The body of `query`: what people type to ask a store.

use std::cell::OnceCell;
use std::error::Error;

use garner_kernel::{
    Confidence, Digest, EmbedderId, Fragment, Kind, Moment, Scope, Source, Text, Trust, Vector,
};
use garner_loader::{
    Condition, EmbedderInfo, Filters, OpenOptions, Query, QueryVector, Residency, Search, Stamp,
    Store,
};
use tempfile::TempDir;

/// What the store says: words, names, numbers, several scripts, and what other programs read as
/// commands.
const STATEMENTS: [&str; 12] = [
    "The port of the staging server is 8081.",
    "Run `cargo test -p tidepool-core` before every commit; never push on red.",
    "open_store() fails with E0308 in src/store/mod.rs:41.",
    "Use \"SELECT * FROM t WHERE a = 'b' -- c\" only in examples.",
    "Die Fähre nach Büsum fährt um 7:15 Uhr ab.",
    "東京タワーの高さは333メートルです。",
    "Погода в Берлине сегодня хорошая.",
    "NEAR(a b) AND NOT c* ^d {e f}: g OR h",
    "camelCaseName, snake_case_name, SCREAMING_CASE, kebab-case, a.b.c, http://x.y/z?q=1#2",
    "to be or not to be",
    "🦀 ships 3.14 times a day.",
    "x",
];

/// How many numbers a vector has.
const DIMENSIONS: usize = 8;

/// A store, and the same read from memory.
struct Stores {
    _folder: TempDir,
    stored: Store,
    kept: Store,
}

thread_local! {
    static STORES: OnceCell<Result<Stores, Box<dyn Error>>> = const { OnceCell::new() };
}

/// Asks a store what the input says, by words, with a vector and with it as a condition: no input is
/// an error, and the store and what is kept of it in memory agree.
///
/// # Panics
/// If an answer is an error, or two answers differ.
pub fn query(input: &[u8]) {
    let Some((how, text)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let mut query = Query::new(&*text, now());
    query.limit = usize::from(how >> 4);
    if how & 1 == 1 {
        query.vector = vector(&text);
        query.search = if how & 2 == 2 { Search::Approximate } else { Search::Exact };
    }
    STORES.with(|stores| {
        let made = stores.get_or_init(made);
        assert!(made.is_ok(), "no store could be made: {:?}", made.as_ref().err());
        let Ok(stores) = made else { return };
        agree(stores, &query);
        if let Ok(condition) = text.parse::<Condition>() {
            let filters = Filters { condition: Some(condition), ..Filters::default() };
            agree(stores, &Query { filters, ..query });
        }
    });
}

fn agree(stores: &Stores, query: &Query) {
    let both = stores.stored.recall(query).and_then(|s| Ok((s, stores.kept.recall(query)?)));
    assert!(both.is_ok(), "a query failed: {:?}", both.err());
    if let Ok((stored, kept)) = both {
        assert_eq!(stored, kept, "memory has another answer");
        assert!(stored.hits.len() <= query.limit, "more hits than asked for");
    }
}

fn now() -> Moment {
    Moment::from_unix(1_767_225_600)
}

fn embedder() -> EmbedderInfo {
    let id = EmbedderId::new(Digest::of(b"vectors of a fuzz target"));
    EmbedderInfo { id, name: "digest".to_owned(), dimensions: DIMENSIONS }
}

/// Returns a vector that depends on the text.
fn vector(text: &str) -> Option<QueryVector> {
    let digest = Digest::of(text.as_bytes());
    let components = digest.as_bytes().iter().take(DIMENSIONS).map(|byte| f32::from(*byte) - 127.5);
    let vector = Vector::normalized(components.collect())?;
    Some(QueryVector { embedder: embedder().id, vector })
}

fn made() -> Result<Stores, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut stored = Store::open(folder.path(), &OpenOptions::write())?;
    let stamp = Stamp { at: now(), who: "fuzz".parse()? };
    for (at, statement) in STATEMENTS.into_iter().enumerate() {
        let fragment = fragment(at, statement)?;
        let vector = vector(statement).map(|vector| vector.vector);
        let embedder = embedder();
        stored.remember(&fragment, vector.as_ref().map(|v| (&embedder, v)), &stamp)?;
    }
    let options = OpenOptions { residency: Residency::Everything, ..OpenOptions::read() };
    let kept = Store::open(folder.path(), &options)?;
    kept.warm()?;
    Ok(Stores { _folder: folder, stored, kept })
}

fn fragment(at: usize, statement: &str) -> Result<Fragment, Box<dyn Error>> {
    let kind = Kind::ALL.get(at % Kind::ALL.len()).copied().unwrap_or(Kind::Fact);
    let scope = if at.is_multiple_of(3) { "project:api".parse()? } else { Scope::User };
    Ok(Fragment {
        id: Fragment::id_of(kind, &scope, statement),
        revision: 1,
        kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(90),
        statement: Text::new(statement),
        context: at.is_multiple_of(2).then(|| Text::new("What was asked?")),
        created: now(),
        valid_to: at.is_multiple_of(5).then(|| now().plus_days(1)),
        supersedes: Vec::new(),
        tags: vec!["even".parse()?],
        sources: vec![Source {
            session: "s-1".parse()?,
            file: "s-1.jsonl".parse()?,
            record: "r-1".parse()?,
            line: u32::try_from(at)? + 1,
            digest: Digest::of(statement.as_bytes()),
            speaker: Trust::Human,
            rule: "d2-answer".parse()?,
        }],
    })
}
