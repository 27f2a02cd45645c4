//! Whether recall by meaning works: the model's files, the vectors, and the search among them.

use garner_embed::FileState;
use garner_loader::EmbedderInfo;

use super::{Finding, store};
use crate::context::{Context, EmbedderChoice};
use crate::error::Error;
use crate::table;

/// The files of the embedding model are there, to the byte.
pub(super) fn model(context: &Context) -> Result<Vec<Finding>, Error> {
    match &context.environment.embedder {
        EmbedderChoice::MiniLm => {}
        EmbedderChoice::Hash => return Ok(vec![Finding::ok("texts are compared by their words")]),
        EmbedderChoice::None => {
            return Ok(vec![Finding::ok("recall works on words alone, as asked")]);
        }
        EmbedderChoice::Ollama(model) => {
            return Ok(vec![Finding::ok(format!("`{model}` of the Ollama server embeds"))]);
        }
    }
    let fix = "garner model install";
    let mut findings = Vec::new();
    for file in
        garner_embed::status(&context.places.models, context.environment.library.as_deref())?
    {
        if let FileState::Damaged { expected, actual } = file.state {
            let says = format!(
                "`{}` of the embedding model is damaged: {} instead of {}",
                file.path.display(),
                actual.short(),
                expected.short()
            );
            findings.push(Finding::broken(says, fix));
        }
    }
    if findings.is_empty() {
        findings.push(match context.model_files() {
            Ok(files) => Finding::ok(format!(
                "the embedding model in `{}` is whole",
                files.folder().display()
            )),
            Err(error) => Finding::warning(format!("recall works on words alone: {error}"), fix),
        });
    }
    Ok(findings)
}

/// Every text has a vector of the embedder that questions are embedded with.
pub(super) fn vectors(context: &Context) -> Result<Vec<Finding>, Error> {
    let Some(store) = store::existing(context)? else { return Ok(Vec::new()) };
    // A server is asked by the check that is about it.
    if matches!(context.environment.embedder, EmbedderChoice::Ollama(_)) {
        return Ok(Vec::new());
    }
    let counts = store.counts()?;
    if counts.rows == 0 {
        return Ok(Vec::new());
    }
    let Some(embedder) = context.embedder_at_hand() else { return Ok(Vec::new()) };
    let (id, name, rows) = (embedder.id(), embedder.name(), counts.rows);
    let of_it = |info: &EmbedderInfo| info.id == id;
    let done: usize = counts.vectors.iter().filter(|(i, _)| of_it(i)).map(|(_, count)| count).sum();
    let other = counts.vectors.iter().find(|(info, count)| !of_it(info) && *count > 0);
    let fix = "garner store reindex";
    Ok(vec![match other {
        Some((info, _)) if done == 0 => Finding::warning(
            format!(
                "the embedder changed: `{name}` embeds questions, `{}` did the texts",
                info.name
            ),
            fix,
        ),
        _ if done < rows => {
            let texts = table::count(rows - done, "text");
            Finding::warning(format!("{texts} of {rows} have no vector of `{name}`"), fix)
        }
        _ => Finding::ok(format!("{} of {rows} texts have a vector of `{name}`", done.min(rows))),
    }])
}

/// How much of the exact answers a search has to find that does not compare every vector.
const FOUND: f64 = 0.99;
/// With how many stored vectors that is tried.
const SAMPLE: usize = 16;

/// The first look at many vectors finds what a look at all of them does.
pub(super) fn search(context: &Context) -> Result<Vec<Finding>, Error> {
    let Some(store) = store::existing(context)? else { return Ok(Vec::new()) };
    let Some(tried) = store.approximation(SAMPLE, context.now())? else {
        return Ok(vec![Finding::ok("every search by meaning is exact")]);
    };
    let says = format!(
        "the first look finds {} of the nearest ({} questions to `{}`)",
        tried.found, tried.queries, tried.embedder
    );
    Ok(vec![if tried.found.get() >= FOUND {
        Finding::ok(says)
    } else {
        Finding::warning(says, "garner store reindex, or recall with `--search exact`")
    }])
}
