//! `garner fragment add`: remember a statement that a person types.

use std::collections::BTreeSet;
use std::io::Read as _;

use clap::Args;
use garner_compiler::{Redactor, name_the_same};
use garner_kernel::record::MAX_TEXT;
use garner_kernel::{
    Confidence, Digest, Fragment, FragmentId, Kind, Moment, ProjectName, Scope, Source, Tag, Text,
    Trust, Vector,
};
use garner_loader::{EmbedderInfo, QueryVector, Score, Store};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The statement, in any words; `-` reads it from standard input
    #[arg(required = true, value_name = "STATEMENT")]
    statement: Vec<String>,
    /// What it says: `rule`, `preference`, `decision`, `correction`, `procedure`, `fix`, `fact` …
    #[arg(long, value_name = "KIND", default_value = "fact")]
    kind: Kind,
    /// Where it applies (default: everywhere)
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// A label to find it by (repeatable)
    #[arg(long, value_name = "TAG")]
    tag: Vec<Tag>,
    /// What it answers; it is found by these words too
    #[arg(long, value_name = "TEXT")]
    context: Option<String>,
    /// Put it in the place of this fragment (repeatable)
    #[arg(long, value_name = "ID")]
    replaces: Vec<String>,
    /// Stop to believe it at this time, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Add it although the store says nearly the same
    #[arg(long)]
    anyway: bool,
    /// Say what would be remembered, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// From which cosine on two statements are taken for one, unless they name other values.
const ALIKE: f64 = 0.92;
/// The rule that stands in the source of what was typed here.
pub(crate) const TYPED: &str = "typed";

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mut store = context.store_to_write()?;
    let fragment = fragment(arguments, &store, context)?;
    let vector = vector(&fragment, context)?;
    if !arguments.anyway
        && let Some(vector) = &vector
    {
        refuse_alike(&store, &fragment, vector, context)?;
    }
    if arguments.dry_run {
        return report(&fragment, None, context);
    }
    let stamp = context.stamp()?;
    let with_name = vector.as_ref().map(|typed| (&typed.embedder, &typed.vector));
    match store.remember(&fragment, with_name, &stamp)? {
        Some(remembered) => report(&fragment, Some(remembered.operation), context),
        None if context.global.json => {
            context.output.print_json(json!({ "id": fragment.id.to_string(), "operation": null }))
        }
        None => context.output.print(&format!("{} is known already.\n", fragment.id.short())),
    }
}

/// A statement's vector, and whose it is.
struct Typed {
    embedder: EmbedderInfo,
    vector: Vector,
}

fn vector(fragment: &Fragment, context: &Context) -> Result<Option<Typed>, Error> {
    let Some(embedder) = context.embedder_to_ask() else { return Ok(None) };
    let vector = embedder.embed(&[fragment.statement.as_str()])?.pop();
    Ok(vector.map(|vector| Typed { embedder: EmbedderInfo::of(&*embedder), vector }))
}

fn fragment(arguments: &Arguments, store: &Store, context: &Context) -> Result<Fragment, Error> {
    let statement = masked(&typed(&arguments.statement)?, context)?;
    let answers = arguments.context.as_deref().map(|text| masked(text, context)).transpose()?;
    let scope = arguments.project.clone().map_or(Scope::User, Scope::Project);
    let id = Fragment::id_of(arguments.kind, &scope, &statement);
    let mut supersedes = BTreeSet::new();
    for prefix in &arguments.replaces {
        supersedes.insert(store.find(prefix)?);
    }
    supersedes.remove(&id);
    let tags: BTreeSet<Tag> = arguments.tag.iter().cloned().collect();
    Ok(Fragment {
        id,
        revision: 1,
        kind: arguments.kind,
        scope,
        trust: Trust::Human,
        confidence: Confidence::percent(100),
        sources: vec![source(id, &statement)?],
        statement: Text::new(statement),
        context: answers.map(Text::new),
        created: context.now(),
        valid_to: arguments.until,
        supersedes: supersedes.into_iter().collect(),
        tags: tags.into_iter().collect(),
    })
}

/// Names where a statement came from: no line of a session, but what was typed itself.
fn source(id: FragmentId, statement: &str) -> Result<Source, Error> {
    Ok(Source {
        // A session of its own, so that nothing stands beside it.
        session: format!("{TYPED}-{}", id.short()).parse()?,
        file: TYPED.parse()?,
        record: id.short().parse()?,
        line: 1,
        digest: Digest::of(statement.as_bytes()),
        speaker: Trust::Human,
        rule: TYPED.parse()?,
    })
}

/// Returns the words of the command line, or what standard input says.
fn typed(words: &[String]) -> Result<String, Error> {
    if !matches!(words, [only] if only == "-") {
        return Ok(words.join(" ").trim().to_owned());
    }
    let mut text = String::new();
    let most = MAX_TEXT as u64 + 1;
    let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(|e| Error::io("read", "standard input", e))?;
    Ok(text.trim().to_owned())
}

/// Masks secrets, as the compiler does, and says so.
fn masked(text: &str, context: &Context) -> Result<String, Error> {
    let redacted = Redactor::new()?.redact(text).ok_or(Error::Unmaskable)?;
    if !redacted.masked.is_empty() {
        let rules = redacted.masked.join(", ");
        context.output.warn(&format!("what looks like a secret was masked: {rules}"));
    }
    Ok(redacted.text)
}

/// Refuses a statement that says nearly what recall sees already.
fn refuse_alike(
    store: &Store,
    fragment: &Fragment,
    typed: &Typed,
    context: &Context,
) -> Result<(), Error> {
    let query = QueryVector { embedder: typed.embedder.id, vector: typed.vector.clone() };
    let alike = store.alike(fragment, &query, Score::new(ALIKE), context.now())?;
    let Some((id, cosine)) = alike.filter(|(id, _)| *id != fragment.id) else { return Ok(()) };
    let Some(known) = store.get(id)? else { return Ok(()) };
    let named = fragment.supersedes.contains(&id);
    if named || !name_the_same(known.statement.as_str(), fragment.statement.as_str()) {
        return Ok(());
    }
    let statement = known.statement.as_str().to_owned();
    Err(Error::Alike { id, cosine: cosine.get(), statement })
}

fn report(fragment: &Fragment, operation: Option<u64>, context: &Context) -> Result<(), Error> {
    if context.global.json {
        let mut value = super::json(fragment);
        if let Some(object) = value.as_object_mut() {
            object.insert("operation".to_owned(), json!(operation));
        }
        return context.output.print_json(value);
    }
    let lines = table::fragment_lines(fragment, 4);
    let said = operation.map_or_else(
        || "Nothing was changed.\n".to_owned(),
        |number| format!("Remembered (operation {number}; `garner undo` takes it back).\n"),
    );
    context.output.print(&format!("{lines}{said}"))
}
