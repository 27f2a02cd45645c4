//! `garner recall`: what the store knows about a question.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use clap::Args;
use garner_kernel::{Fragment, ProjectName, Scope, Text};
use garner_loader::{
    Filters, Hit, Query, Ranking, Recall, Score, Search, Signals, Store, TermUse, Weights,
};
use serde_json::json;

use crate::args::FilterArguments;
use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::past::{Past, When};
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to look for, in any words; quoted phrases must occur as they are
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// Show at most this many
    #[arg(short = 'k', long, value_name = "N", default_value_t = NonZeroUsize::MIN.saturating_add(9))]
    limit: NonZeroUsize,
    /// Show every signal behind the order
    #[arg(long)]
    explain: bool,
    /// Print the block that would be placed into a prompt
    #[arg(long, conflicts_with = "explain")]
    as_prompt: bool,
    /// How to weigh words against meaning
    #[arg(long, value_name = "HOW", default_value = "fusion")]
    ranking: RankingChoice,
    /// Which fragments to compare by meaning
    #[arg(long, value_name = "HOW", default_value = "auto")]
    search: SearchChoice,
    /// Answer from words alone, without waiting for the embedding model
    #[arg(long)]
    fast: bool,
    /// Answer as the store would have then: after an operation, or on a day
    #[arg(long, value_name = "OPERATION|DAY")]
    at: Option<Past>,
    #[command(flatten)]
    filters: FilterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RankingChoice {
    /// Weighted scores
    Fusion,
    /// Reciprocal ranks
    Rrf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SearchChoice {
    /// All where there are few, else those that a first look chooses
    Auto,
    /// All of them
    Exact,
    /// Those that a first look chooses
    Approximate,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let text = arguments.query.join(" ");
    let opened = context.store()?;
    let when = When::of(arguments.at, &opened, context)?;
    let query = Query {
        text: Text::new(text.clone()),
        vector: if arguments.fast { None } else { context.query_vector(&text)? },
        limit: arguments.limit.get(),
        filters: arguments.filters.filters(),
        now: when.now,
        at: when.view.clone(),
        ranking: match arguments.ranking {
            RankingChoice::Fusion => Ranking::Fusion,
            RankingChoice::Rrf => Ranking::Rrf,
        },
        weights: Weights::default(),
        search: match arguments.search {
            SearchChoice::Auto => Search::Auto,
            SearchChoice::Exact => Search::Exact,
            SearchChoice::Approximate => Search::Approximate,
        },
    };
    let recall = opened.recall(&query)?;
    if recall.hits.is_empty()
        && let Some(project) = &arguments.filters.project
    {
        name_projects(&opened, project, context)?;
    }
    if arguments.as_prompt {
        let injection = super::ask::inject(&text, &arguments.filters, &when, context)?;
        if context.global.json {
            let placed: Vec<_> = injection.placed.iter().map(|p| p.id.to_string()).collect();
            let tokens = injection.tokens().get();
            let value = json!({ "text": injection.text(), "placed": placed, "tokens": tokens });
            return context.output.print_json(value);
        }
        return context.output.print(&format!("{}\n", injection.text()));
    }
    if context.global.json {
        let hits: Vec<_> = recall.hits.iter().map(hit_json).collect();
        return context
            .output
            .print_json(json!({ "hits": hits, "visible": recall.signals.visible }));
    }
    let view = when.view.map_or_else(|| opened.view(), Ok)?;
    let mut text = String::new();
    for hit in &recall.hits {
        let score = styled(&format!("{:.3}", hit.signals.total.get()), output::BOLD);
        text.push_str(&format!("{score}  {}", table::fragment_lines(&hit.fragment, 4)));
        if arguments.explain {
            let policy = view.reading(&hit.channel).policy;
            let from = format!("       from `{}` at {} ({policy})\n", hit.channel, hit.version);
            text.push_str(&styled(&format!("{}{from}", explain(&hit.signals)), output::DIM));
        }
    }
    if recall.hits.is_empty() {
        text.push_str("Nothing in the store matches.\n");
    }
    if arguments.explain {
        text.push_str(&explain_query(&recall));
    }
    context.output.print(&text)
}

/// Says which projects there are, where the named one is none of them.
fn name_projects(store: &Store, named: &ProjectName, context: &Context) -> Result<(), Error> {
    let fragments = store.fragments(None, &Filters::default(), context.now())?;
    let scope = |fragment: &Fragment| match &fragment.scope {
        Scope::Project(name) => Some(name.clone()),
        Scope::User => None,
    };
    let projects: BTreeSet<ProjectName> = fragments.iter().filter_map(scope).collect();
    if !projects.contains(named) {
        let known: Vec<_> = projects.iter().map(ProjectName::as_str).collect();
        context.output.say(&format!(
            "No fragment belongs to project `{named}`; there are: {}.",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        ));
    }
    Ok(())
}

fn explain(signals: &Signals) -> String {
    let cosine = signals.cosine.map_or_else(|| "-".to_owned(), |c| format!("{:.3}", c.get()));
    let matched = words(signals).join(" ");
    let matched = if matched.is_empty() { "-" } else { &matched };
    format!(
        "       keywords {:.3}  cosine {cosine}  coverage {:.3}  relevance {:.3}  beside {:.3}  words: {matched}\n       \
         age {} d  freshness {:.3} (x{:.3})  trust x{:.3}  confidence {}% (x{:.3})  diversity {:.3}\n",
        signals.keywords.get(),
        signals.coverage.get(),
        signals.relevance.get(),
        signals.support.get(),
        signals.age_days,
        signals.freshness.get(),
        signals.freshness_prior.get(),
        signals.trust_prior.get(),
        signals.confidence.as_percent(),
        signals.confidence_prior.get(),
        signals.diversity.get(),
    )
}

/// Returns the words of the query that a fragment holds.
fn words(signals: &Signals) -> Vec<&str> {
    signals.matched.iter().map(Text::as_str).collect()
}

fn explain_query(recall: &Recall) -> String {
    let term = |term: &garner_loader::TermSignal| {
        let used = match term.used {
            TermUse::Searched => String::new(),
            other => format!(" ({})", other.as_str()),
        };
        let count = term.documents.map_or_else(|| "many".to_owned(), |count| count.to_string());
        format!("`{}` in {count}{used}", term.term.as_str())
    };
    let terms: Vec<_> = recall.signals.terms.iter().map(term).collect();
    format!(
        "\nWords: {}.\n{} looked at, {} compared by meaning, {} ranked.\n",
        if terms.is_empty() { "none".to_owned() } else { terms.join("; ") },
        table::count(recall.signals.visible, "fragment"),
        recall.signals.vectors,
        recall.signals.candidates,
    )
}

fn hit_json(hit: &Hit) -> serde_json::Value {
    let signals = &hit.signals;
    json!({
        "fragment": super::fragment::json(&hit.fragment),
        "channel": hit.channel.as_str(),
        "version": hit.version.get(),
        "score": signals.total.get(),
        "signals": {
            "keywords": signals.keywords.get(),
            "cosine": signals.cosine.map(Score::get),
            "coverage": signals.coverage.get(),
            "relevance": signals.relevance.get(),
            "beside": signals.support.get(),
            "age_days": signals.age_days,
            "freshness": signals.freshness.get(),
            "trust": signals.trust_prior.get(),
            "confidence": signals.confidence_prior.get(),
            "diversity": signals.diversity.get(),
            "matched": words(signals),
        },
    })
}
