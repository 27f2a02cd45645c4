//! `garner ask`: a question to an Ollama model, with what the store knows.

use clap::Args;
use garner_kernel::Text;
use garner_loader::inject::{self, BlockOptions, Budget, Floor, Injection, Message, Nonce, Tokens};
use garner_loader::{InjectionEvent, Query};
use garner_serve::{ModelFacts, Ollama};
use serde_json::json;

use crate::args::FilterArguments;
use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::past::When;
use crate::table;

/// The context size of a model that says nothing else, in tokens.
pub(crate) const DEFAULT_CONTEXT: u32 = 4096;
/// How many fragments are considered for a prompt.
const CONSIDERED: usize = 30;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The model, as Ollama names it
    model: String,
    /// The question
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,
    /// Print the exact prompt, and ask nobody
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Say which fragments were placed, and what was left out and why
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    filters: FilterArguments,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let question = arguments.question.join(" ");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let ollama = Ollama::new(&context.environment.ollama)?;
    let facts = match runtime.block_on(ollama.show(&arguments.model)) {
        Ok(facts) => facts,
        Err(error) if arguments.dry_run => unknown(&error, context),
        Err(error) => return Err(error.into()),
    };
    let injection = if facts.remote {
        context.output.warn("this model runs at a third party: nothing is injected");
        empty(context)
    } else {
        injection(&question, &facts, &arguments.filters, &When::now(context), context)?
    };
    let messages = inject::place(facts.system.as_deref(), &injection, &question);
    if arguments.dry_run {
        print_prompt(&messages, context)?;
    } else {
        let answer = |text: &str| {
            // A broken pipe shows when the answer is finished.
            let _ = context.output.print(text);
        };
        runtime.block_on(ollama.chat(&arguments.model, &messages, &mut { answer }))?;
        context.output.print("\n")?;
        record(&injection, &arguments.model, &messages, context);
    }
    if arguments.explain {
        context.output.say(&explain(&injection));
    }
    Ok(())
}

/// Returns what a server says of a model, or nothing with a word about it.
pub(crate) fn facts(model: &str, context: &Context) -> Result<ModelFacts, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let ollama = Ollama::new(&context.environment.ollama)?;
    Ok(runtime.block_on(ollama.show(model)).unwrap_or_else(|error| unknown(&error, context)))
}

fn unknown(error: &garner_serve::Error, context: &Context) -> ModelFacts {
    let without = "the prompt is shown without the model's own system text";
    context.output.say(&format!("{error}: {without}."));
    ModelFacts::default()
}

/// Returns what would be injected for a question into a context of the default size; for no question
/// only the core.
pub(crate) fn inject(
    question: &str,
    filters: &FilterArguments,
    when: &When,
    context: &Context,
) -> Result<Injection, Error> {
    injection(question, &ModelFacts::default(), filters, when, context)
}

fn injection(
    question: &str,
    facts: &ModelFacts,
    filters: &FilterArguments,
    when: &When,
    context: &Context,
) -> Result<Injection, Error> {
    let store = match context.store() {
        Err(Error::Loader(error @ garner_loader::Error::NoStore { .. })) => {
            context.output.warn(&format!("nothing is injected: {error}"));
            return Ok(empty(context));
        }
        store => store?,
    };
    let filters = filters.filters();
    let When { view, now } = when;
    let mut hits = Vec::new();
    if !question.trim().is_empty() {
        let query = Query {
            vector: context.query_vector(question)?,
            limit: CONSIDERED,
            filters: filters.clone(),
            text: Text::new(question),
            at: view.clone(),
            ..Query::new("", *now)
        };
        hits = store.recall(&query)?.hits;
    }
    let core = store.core(view.as_ref(), &filters, *now)?;
    let system = facts.system.as_deref().unwrap_or_default();
    let request = Tokens::new(context.tokens(system) + context.tokens(question));
    let size = Tokens::new(facts.context.unwrap_or(DEFAULT_CONTEXT) as usize);
    let budget = Budget::for_context(size, request, None);
    let control = facts.control.clone();
    let options = BlockOptions { budget, nonce: nonce(question), floor: Floor::default(), control };
    Ok(inject::block(&core, &hits, &options, &|text| context.tokens(text)))
}

fn empty(context: &Context) -> Injection {
    let (nonce, floor, control) = (nonce(""), Floor::default(), Vec::new());
    let options = BlockOptions { budget: Budget::NOTHING, nonce, floor, control };
    inject::block(&[], &[], &options, &|text| context.tokens(text))
}

/// Returns a nonce that nobody who wrote a fragment could know.
pub(crate) fn nonce(question: &str) -> Nonce {
    // Every process draws new hash keys from the operating system: they serve as its secret.
    let secret =
        std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), question);
    Nonce::derive(&secret.to_le_bytes(), question.as_bytes())
}

fn print_prompt(messages: &[Message], context: &Context) -> Result<(), Error> {
    if context.global.json {
        let message =
            |m: &Message| json!({ "role": m.role.as_str(), "content": m.content.as_str() });
        let messages: Vec<_> = messages.iter().map(message).collect();
        return context.output.print_json(json!({ "messages": messages }));
    }
    let mut text = String::new();
    for message in messages {
        let role = styled(&format!("--- {} ---", message.role.as_str()), output::DIM);
        text.push_str(&format!("{role}\n{}\n", message.content.as_str()));
    }
    context.output.print(&text)
}

/// Remembers what a model was told; a store that cannot be written does not spoil the answer.
fn record(injection: &Injection, model: &str, messages: &[Message], context: &Context) {
    if injection.placed.is_empty() {
        return;
    }
    let prompt: String = messages.iter().map(|m| m.content.as_str()).collect();
    let event = InjectionEvent::of(injection, model, &prompt, context.now());
    let written =
        context.store_to_write().and_then(|mut store| Ok(store.record_injection(&event)?));
    if let Err(error) = written {
        context.output.warn(&format!("the injection was not recorded: {error}"));
    }
}

fn explain(injection: &Injection) -> String {
    let mut text = format!(
        "Placed {} in {} tokens, left out {}.",
        table::count(injection.placed.len(), "fragment"),
        injection.tokens(),
        injection.left_out.len()
    );
    for placed in &injection.placed {
        let score = placed.score.map_or_else(|| "core".to_owned(), |s| format!("{:.3}", s.get()));
        text.push_str(&format!("\n  placed    {}  {score}", placed.id.short()));
    }
    for left in &injection.left_out {
        text.push_str(&format!("\n  left out  {}  {}", left.id.short(), left.reason.as_str()));
    }
    text
}
