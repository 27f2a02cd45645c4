//! Asking a model about what was read: plan, forecast, answers, and what is kept of them.

use std::fmt;

use garner_compiler::distil::{Budget, Distilled, Forecast, Nonce, Pace, Plan, Proposals, Run};
use garner_compiler::{Compiler, KnownSession};
use garner_kernel::ChannelName;
use serde_json::{Value, json};

use super::answered::Answered;
use super::model::{self, Model};
use super::{BUDGET, Llm, ModelArguments, ModelError, Price, words};
use crate::context::Context;
use crate::error::Error;
use crate::inputs::News;

/// How much is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Nothing: what it would take is told.
    Forecast,
    /// What was not asked before.
    New,
    /// Everything.
    Again,
}

/// A model that is ready to be asked.
pub(crate) struct Consult<'c> {
    llm: Llm,
    model: Model,
    budget: u64,
    price: Option<Price>,
    answered: Answered,
    bar: indicatif::ProgressBar,
    context: &'c Context,
}

/// What a model brought, and what has to be kept of it when the draft is written.
#[derive(Default)]
pub(crate) struct Consulted {
    /// What is compiled.
    pub(crate) proposals: Proposals,
    /// What is told beside the report of the compilation.
    pub(crate) text: String,
    json: Option<Value>,
    outcome: Option<Distilled>,
}

impl fmt::Debug for Consulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consulted")
            .field("proposals", &self.proposals.len())
            .finish_non_exhaustive()
    }
}

impl<'c> Consult<'c> {
    /// Prepares the model that flags or environment name; `None` where neither names one.
    pub(crate) fn prepare(
        arguments: &ModelArguments,
        channel: &ChannelName,
        context: &'c Context,
    ) -> Result<Option<Self>, Error> {
        let settings = &context.environment.llm;
        let llm = arguments.llm.or(settings.whom).filter(|llm| *llm != Llm::None);
        let Some(llm) = llm else {
            return if arguments.llm_batch { Err(ModelError::NoBatch.into()) } else { Ok(None) };
        };
        let bar = context.output.bar("Asking a model", 0);
        let batches = context.places.windows().join("batches").join(format!("{channel}.json"));
        let model = model::prepare((llm, arguments), (batches, bar.clone()), context)?;
        Ok(Some(Self {
            llm,
            model,
            budget: arguments.llm_budget.or(settings.budget).unwrap_or(BUDGET),
            price: arguments.llm_price.or(settings.price),
            answered: Answered::of(channel, context),
            bar,
            context,
        }))
    }

    /// Asks about what was read.
    pub(crate) fn ask(
        &self,
        compiler: &Compiler,
        news: &News,
        extent: Extent,
    ) -> Result<Consulted, Error> {
        let distiller = self.model.distiller();
        let known: Vec<&KnownSession> = news.known.iter().collect();
        let mut plan = compiler.plan(&news.sessions, &known, distiller.room().window);
        if extent != Extent::Again {
            let ids = plan.windows().iter().map(garner_compiler::distil::Window::id);
            let before = self.answered.among(ids)?;
            plan = plan.without(&before);
        }
        let budget = Budget { tokens: self.budget };
        let forecast = Forecast::of(&plan, distiller.room(), budget);
        let names = (self.llm.as_str(), distiller.model());
        let told = words::forecast(names, &plan, &forecast, (self.budget, self.price));
        if extent == Extent::Forecast {
            let json = self.json(&forecast, &plan, None);
            return Ok(Consulted { text: told, json: Some(json), ..Consulted::default() });
        }
        self.context.output.say(told.trim_end());
        if plan.windows().is_empty() {
            let json = self.json(&forecast, &plan, None);
            return Ok(Consulted { json: Some(json), ..Consulted::default() });
        }
        let mut outcome = self.run(&plan, budget)?;
        let json = self.json(&forecast, &plan, Some(&outcome));
        let text = words::tally(distiller.model(), &outcome.tally, self.price);
        let proposals = std::mem::take(&mut outcome.proposals);
        Ok(Consulted { proposals, text, json: Some(json), outcome: Some(outcome) })
    }

    fn run(&self, plan: &Plan, budget: Budget) -> Result<Distilled, Error> {
        let distiller = self.model.distiller();
        model::look(self.llm, distiller.model(), self.context)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| {
            let source = std::io::Error::other(e.to_string());
            Error::io("read", "the random source of the system", source)
        })?;
        if distiller.pace() == Pace::AllAtOnce {
            self.context.output.say(
                "Sending a batch; it may take up to a day. If this command is interrupted, run it \
                 again to collect what is ready.",
            );
        }
        self.bar.set_length(plan.windows().len() as u64);
        let bar = self.bar.clone();
        let mut progress = move |asked: usize| bar.set_position(asked as u64);
        let nonce = Nonce::from_bytes(random);
        let outcome = Run { distiller, budget, nonce, progress: &mut progress }.distil(plan);
        self.bar.finish_and_clear();
        Ok(outcome)
    }

    /// Notes what was answered. Called when the draft is written, under its lock.
    pub(crate) fn keep(&self, consulted: &Consulted) -> Result<(), Error> {
        let Some(outcome) = &consulted.outcome else { return Ok(()) };
        self.answered.add(&outcome.answered)?;
        // What stopped the run may be the batch itself: it is collected the next time.
        if outcome.stopped.is_none() {
            self.model.collected()?;
        }
        Ok(())
    }

    fn json(&self, forecast: &Forecast, plan: &Plan, outcome: Option<&Distilled>) -> Value {
        let run = outcome.map(|outcome| {
            let mut tally = outcome.tally.to_json();
            let cost = self.price.map(|price| price.of(outcome.tally.usage));
            if let Some(tally) = tally.as_object_mut() {
                tally.insert("cost".to_owned(), cost.into());
            }
            tally
        });
        json!({
            "llm": self.llm.as_str(),
            "model": self.model.distiller().model(),
            "budget": self.budget,
            "price": self.price.map(|price| price.to_string()),
            "answered before": plan.answered(),
            "kept here": plan.unsendable(),
            "forecast": {
                "windows": forecast.windows,
                "bytes": forecast.bytes,
                "input tokens": forecast.input,
                "output tokens": forecast.output,
                "covered": forecast.covered,
            },
            "run": run,
        })
    }
}

impl Consulted {
    /// Returns the numbers, where a model was to be asked.
    pub(crate) const fn to_json(&self) -> Option<&Value> {
        self.json.as_ref()
    }

    /// Returns why the model was not asked about everything, other than for its budget.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Some(Distilled { tally, stopped: Some(source), .. }) = self.outcome else {
            return Ok(());
        };
        let asked = tally.asked.saturating_sub(1);
        Err(ModelError::Stopped { asked, windows: tally.windows, source }.into())
    }
}
