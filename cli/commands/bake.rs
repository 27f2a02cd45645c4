//! `garner bake`: a model of its own whose system text holds the rules of a channel.

use clap::Args;
use garner_kernel::ChannelName;
use garner_loader::Filters;
use garner_loader::inject::{
    self, BlockOptions, Budget, Floor, Injection, Nonce, Tokens, without_blocks,
};
use garner_serve::{ModelFacts, NewModel, Ollama};
use serde_json::json;

use crate::commands::ask;
use crate::context::Context;
use crate::error::Error;
use crate::plan::{Consent, Plan};
use crate::runtime::runtime;
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The channel
    channel: ChannelName,
    /// The model that it is made of
    #[arg(long, value_name = "MODEL")]
    from: String,
    /// The name of the new model
    #[arg(long = "as", value_name = "MODEL")]
    name: String,
    /// Let a model of a third party read the rules
    #[arg(long)]
    cloud: bool,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let runtime = runtime()?;
    let ollama = Ollama::new(&context.environment.ollama)?;
    let facts = runtime.block_on(ollama.show(&arguments.from))?;
    if facts.remote && !arguments.cloud {
        return Err(Error::ThirdParty { model: arguments.from.clone() });
    }
    let baked = Baked::of(arguments, &facts, context)?;
    let there = runtime.block_on(existing(&ollama, &arguments.name))?;
    let plan = baked.plan(arguments, there);
    if arguments.consent.is_dry_run() {
        return plan.print(context);
    }
    // What somebody else made is not replaced without a word.
    if there == There::Foreign && !plan.agreed(arguments.consent, context)? {
        return Ok(());
    }
    let model = NewModel { model: &arguments.name, from: &arguments.from, system: &baked.system };
    let spinner = context.output.spinner();
    let made = runtime.block_on(ollama.create(&model, &mut |status| {
        spinner.set_message(status.to_owned());
    }));
    spinner.finish_and_clear();
    made?;
    baked.report(arguments, context)
}

/// What there is under the name of the new model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    /// A model that was baked.
    Baked,
    /// Any other model.
    Foreign,
}

async fn existing(ollama: &Ollama, name: &str) -> Result<There, Error> {
    match ollama.show(name).await {
        Err(garner_serve::Error::NoModel { .. }) => Ok(There::Nothing),
        Err(error) => Err(error.into()),
        Ok(facts) => {
            let system = facts.system.unwrap_or_default();
            let is_ours = without_blocks(&system) != system;
            Ok(if is_ours { There::Baked } else { There::Foreign })
        }
    }
}

/// The system text of the new model, and what is in it.
struct Baked {
    system: String,
    core: Injection,
    kernel: String,
}

impl Baked {
    fn of(arguments: &Arguments, facts: &ModelFacts, context: &Context) -> Result<Self, Error> {
        let channel = &arguments.channel;
        let store = context.store()?;
        let view = store.view()?;
        let read = view.active().find(|(name, _)| *name == channel);
        let Some((_, version)) = read else {
            return Err(Error::UnknownChannel { channel: channel.clone() });
        };
        let filters = Filters { channels: vec![channel.clone()], ..Filters::default() };
        let core = store.core(None, &filters, context.now())?;
        let core = block(&core, facts, context);
        if core.placed.is_empty() {
            return Err(Error::NoCore { channel: channel.clone() });
        }
        let own = facts.system.as_deref().map(without_blocks).unwrap_or_default();
        let parts = [own.as_str(), core.core.text()];
        let there: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let kernel = format!("{channel}@{}", version.get());
        Ok(Self { system: there.join("\n\n"), core, kernel })
    }

    fn plan(&self, arguments: &Arguments, there: There) -> Plan {
        let Arguments { from, name, .. } = arguments;
        let replaces = there != There::Nothing;
        let facts = json!({
            "model": name,
            "from": from,
            "kernel": self.kernel,
            "tokens": self.core.core.tokens().get(),
            "replaces": replaces,
            "system": self.system,
        });
        let mut plan = Plan::new(format!("make model `{name}` of `{from}`"), facts);
        plan.row("rules", self.count());
        if replaces {
            plan.row("replaces", format!("the model `{name}` that is there"));
        }
        plan.body(format!("\n{}\n", self.system));
        plan
    }

    /// Says how many rules there are, and how many found no room.
    fn count(&self) -> String {
        let (placed, left) = (self.core.placed.len(), self.core.left_out.len());
        let room =
            if left == 0 { String::new() } else { format!(", {left} left out for want of room") };
        format!("{} of {} in {} tokens{room}", placed, self.kernel, self.core.core.tokens())
    }

    fn report(&self, arguments: &Arguments, context: &Context) -> Result<(), Error> {
        let name = &arguments.name;
        if context.global.json {
            let placed: Vec<String> = self.core.placed.iter().map(|p| p.id.to_string()).collect();
            return context.output.print_json(json!({
                "model": name,
                "from": arguments.from,
                "kernel": self.kernel,
                "fragments": placed,
                "tokens": self.core.core.tokens().get(),
                "left_out": self.core.left_out.len(),
            }));
        }
        let rules = table::count(self.core.placed.len(), "fragment");
        context.output.print(&format!(
            "Made `{name}` of `{}` with {rules} ({}).\n`ollama run {name}` uses it, `ollama rm {name}` \
             takes it back; bake again when the channel changes.\n",
            arguments.from,
            self.count()
        ))
    }
}

/// Returns the core as far as it fits into the context of the model.
fn block(core: &[garner_kernel::Fragment], facts: &ModelFacts, context: &Context) -> Injection {
    let size = facts.context.unwrap_or(ask::DEFAULT_CONTEXT);
    let size = facts.trained.map_or(size, |most| size.min(most)) as usize;
    let budget = Budget::for_context(Tokens::new(size), Tokens::new(0), Some(Tokens::new(0)));
    let nonce: Nonce = ask::nonce("");
    let control = facts.control.clone();
    let options = BlockOptions { budget, nonce, floor: Floor::default(), control };
    inject::block(core, &[], &options, &|text| context.tokens(text))
}
