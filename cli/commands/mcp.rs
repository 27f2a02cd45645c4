//! `garner mcp`: what a model that speaks the Model Context Protocol can ask and propose.

use std::sync::mpsc;

use clap::Args;
use garner_compiler::Redactor;
use garner_kernel::{
    ChannelName, Confidence, Digest, Draft, Entry, Explain as _, Fragment, FragmentId, Kind,
    Merged, Scope, Source, Status, Text, Trust,
};
use garner_loader::inject::{self, BlockOptions, Budget, Floor, Tokens};
use garner_loader::{Filters, Query};
use garner_serve::mcp::{self, Call, Correct, Forget, Job, KINDS, Recall, Remember};

use crate::args::FilterArguments;
use crate::commands::ask;
use crate::context::Context;
use crate::error::Error;
use crate::runtime::runtime;
use crate::table;

/// The rule that stands in the source of what a model proposed.
const PROPOSED: &str = "proposed";
/// How sure a proposal of a model is, in percent.
const SURE: u8 = 60;
/// The most tokens of an answer.
const MOST: usize = 1_000;
/// How many fragments an answer has, unless told otherwise, and at most.
const FOUND: usize = 10;
const MOST_FOUND: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Put candidates into the draft of this channel (default: the only one)
    #[arg(long, value_name = "CHANNEL")]
    draft: Option<ChannelName>,
    #[command(flatten)]
    filters: FilterArguments,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (jobs, waiting) = mpsc::channel::<Job>();
    let runtime = runtime()?;
    // The store stays on this thread; the protocol has one of its own and ends with its input.
    let speaking = std::thread::Builder::new()
        .name("garner-mcp".to_owned())
        .spawn(move || runtime.block_on(mcp::speak(jobs)))
        .map_err(Error::Runtime)?;
    for Job { call, reply } in waiting {
        let answer = answer(&call, arguments, context).map_err(|error| {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{error}{hint}")
        });
        // Whoever asked may have given up.
        let _ = reply.send(answer);
    }
    let ended = speaking.join().map_err(|_| Error::Runtime(std::io::ErrorKind::Other.into()))?;
    Ok(ended?)
}

fn answer(call: &Call, arguments: &Arguments, context: &Context) -> Result<String, Error> {
    match call {
        Call::Recall(asked) => recall(asked, arguments, context),
        Call::Remember(proposed) => remember(proposed, arguments, context),
        Call::Correct(proposed) => correct(proposed, arguments, context),
        Call::Forget(named) => forget(named, context),
        Call::Status => status(context),
    }
}

fn recall(asked: &Recall, arguments: &Arguments, context: &Context) -> Result<String, Error> {
    let store = context.store()?;
    let mut filters = arguments.filters.filters();
    if let Some(project) = &asked.project {
        filters.scopes = vec![Scope::Project(project.parse()?), Scope::User];
    }
    let now = context.now();
    let query = Query {
        vector: context.query_vector(&asked.query)?,
        limit: asked.limit.unwrap_or(FOUND).clamp(1, MOST_FOUND),
        filters,
        ..Query::new(asked.query.clone(), now)
    };
    let hits = store.recall(&query)?.hits;
    let options = BlockOptions {
        budget: Budget::of(Tokens::new(MOST)),
        nonce: ask::nonce(&asked.query),
        floor: Floor::default(),
        control: Vec::new(),
    };
    let injection = inject::block(&[], &hits, &options, &|text| context.tokens(text));
    let text = injection.text();
    Ok(if text.is_empty() { "Nothing in the store matches.".to_owned() } else { text })
}

fn remember(
    proposed: &Remember,
    arguments: &Arguments,
    context: &Context,
) -> Result<String, Error> {
    let kind = match proposed.kind.as_deref() {
        None => Kind::Fact,
        Some(word) if KINDS.contains(&word) => word.parse()?,
        Some(word) => return Ok(format!("A model cannot propose a `{word}`.")),
    };
    let scope = match &proposed.project {
        Some(name) => Scope::Project(name.parse()?),
        None => Scope::User,
    };
    propose(fragment(kind, scope, &proposed.statement, Vec::new(), context)?, arguments, context)
}

fn correct(proposed: &Correct, arguments: &Arguments, context: &Context) -> Result<String, Error> {
    let store = context.store()?;
    let wrong = store.find(&proposed.id)?;
    let known = store.fragments(None, &Filters::default(), context.now())?;
    let scope = known.iter().find(|fragment| fragment.id == wrong).map(|f| f.scope.clone());
    let scope = scope.unwrap_or(Scope::User);
    let kind = Kind::Correction;
    propose(fragment(kind, scope, &proposed.statement, vec![wrong], context)?, arguments, context)
}

/// Nothing is deleted for a model: a person is told how.
fn forget(named: &Forget, context: &Context) -> Result<String, Error> {
    let id = context.store()?.find(&named.id)?.short();
    Ok(format!(
        "Nothing was forgotten. Tell the user: `garner review --reject {id}` retires the fragment with \
         the next version, and `garner revoke {id}` takes it back from every reader."
    ))
}

fn status(context: &Context) -> Result<String, Error> {
    let store = context.store()?;
    let view = store.view()?;
    let channels: Vec<String> =
        view.active().map(|(name, version)| format!("{name}@{}", version.get())).collect();
    let count = store.fragments(None, &Filters::default(), context.now())?.len();
    let channels = if channels.is_empty() { "none".to_owned() } else { channels.join(", ") };
    Ok(format!("Channels that are read: {channels}. Known: {}.", table::count(count, "fragment")))
}

/// Puts a fragment into a draft, where it waits for a person.
fn propose(fragment: Fragment, arguments: &Arguments, context: &Context) -> Result<String, Error> {
    let channel = context.the_channel(arguments.draft.as_ref())?;
    let mut draft: Draft = context.draft(&channel)?.unwrap_or_default();
    let id = fragment.id.short();
    let merged = draft.merge(Entry { fragment, status: Status::Candidate });
    Ok(match merged {
        Merged::Buried => format!("{id} was rejected before and stays gone."),
        Merged::Known | Merged::Sourced => format!("{id} is in the draft of `{channel}` already."),
        Merged::New => {
            context.save_draft(&channel, &draft)?;
            format!(
                "{id} waits in the draft of `{channel}` until a person accepts it (`garner review`)."
            )
        }
    })
}

/// Returns what a model proposes: secrets are masked, and it is the assistant who speaks.
fn fragment(
    kind: Kind,
    scope: Scope,
    statement: &str,
    supersedes: Vec<FragmentId>,
    context: &Context,
) -> Result<Fragment, Error> {
    let redacted = Redactor::new()?.redact(statement.trim()).ok_or(Error::Unmaskable)?;
    let statement = redacted.text;
    let id = Fragment::id_of(kind, &scope, &statement);
    let source = Source {
        session: format!("{PROPOSED}-{}", id.short()).parse()?,
        file: PROPOSED.parse()?,
        record: id.short().parse()?,
        line: 1,
        digest: Digest::of(statement.as_bytes()),
        speaker: Trust::Assistant,
        rule: PROPOSED.parse()?,
    };
    Ok(Fragment {
        id,
        revision: 1,
        kind,
        scope,
        trust: Trust::Assistant,
        confidence: Confidence::percent(SURE),
        statement: Text::new(statement),
        context: None,
        created: context.now(),
        valid_to: None,
        supersedes,
        tags: Vec::new(),
        sources: vec![source],
    })
}
