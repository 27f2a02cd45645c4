//! Which model is asked: from flags and environment to a distiller that is ready.

use std::path::PathBuf;
use std::time::Duration;

use garner_compiler::distil::Distiller;
use garner_distil::{
    Anthropic, Batch, BatchProgress, ClaudeCli, Connection, Ollama, Patience, Program,
};
use indicatif::ProgressBar;

use super::{Llm, ModelArguments, ModelError};
use crate::context::Context;
use crate::error::Error;
use crate::runtime::runtime;

/// How long `claude` may take for one window.
const DEADLINE: Duration = Duration::from_mins(10);

/// A distiller, and what has to be done when its answers are kept.
pub(super) enum Model {
    Direct(Box<dyn Distiller>),
    Batch(Box<Batch>),
}

impl Model {
    pub(super) fn distiller(&self) -> &dyn Distiller {
        match self {
            Self::Direct(distiller) => distiller.as_ref(),
            Self::Batch(batch) => batch.as_ref(),
        }
    }

    /// Forgets what was under way: its answers are kept.
    pub(super) fn collected(&self) -> Result<(), ModelError> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Batch(batch) => Ok(batch.collected()?),
        }
    }
}

/// Prepares the model; nothing is sent to it yet. `batch` is the file of batches under way, and the
/// bar shows how far one is.
pub(super) fn prepare(
    (llm, arguments): (Llm, &ModelArguments),
    (batch, bar): (PathBuf, ProgressBar),
    context: &Context,
) -> Result<Model, Error> {
    let environment = &context.environment;
    let name = arguments.llm_model.clone().or_else(|| environment.llm.model.clone());
    if arguments.llm_batch && llm != Llm::Anthropic {
        return Err(ModelError::NoBatch.into());
    }
    let needed = || name.clone().ok_or(ModelError::NoName { llm: llm.as_str() });
    let offline = |place: &str| {
        let (llm, place) = (llm.as_str(), place.to_owned());
        context.global.offline.then_some(ModelError::Offline { llm, place })
    };
    let direct = |distiller| Ok(Model::Direct(distiller));
    match llm {
        Llm::Anthropic | Llm::None => {
            let base = environment.llm.base.clone().unwrap_or_else(|| Anthropic::BASE.to_owned());
            if let Some(error) = offline(&base) {
                return Err(error.into());
            }
            let key = environment.llm.key.clone().ok_or(ModelError::NoKey)?;
            let connection = Connection { base, key, model: needed()? };
            let anthropic = Anthropic::new(connection, Patience::default());
            let anthropic = anthropic.map_err(ModelError::from)?;
            if !arguments.llm_batch {
                return direct(Box::new(anthropic));
            }
            let progress = Box::new(move |progress: BatchProgress| {
                bar.set_length(progress.all);
                bar.set_position(progress.done);
            });
            Ok(Model::Batch(Box::new(Batch::new(anthropic, batch, progress))))
        }
        Llm::ClaudeCli => {
            if let Some(error) = offline("Anthropic") {
                return Err(error.into());
            }
            let path = environment.llm.claude.clone().unwrap_or_else(|| "claude".into());
            let program = Program { path, model: name, deadline: DEADLINE };
            direct(Box::new(ClaudeCli::new(program)))
        }
        Llm::Ollama => {
            let ollama = Ollama::new(&environment.ollama, &needed()?, Patience::default());
            let ollama = ollama.map_err(ModelError::from)?;
            if let Some(error) = offline(ollama.server()).filter(|_| !ollama.is_local()) {
                return Err(error.into());
            }
            direct(Box::new(ollama))
        }
    }
}

/// Asks an Ollama server whether it has the model, and whether the model is on that machine.
pub(super) fn look(llm: Llm, model: &str, context: &Context) -> Result<(), Error> {
    if llm != Llm::Ollama {
        return Ok(());
    }
    let ollama = garner_serve::Ollama::new(&context.environment.ollama)?;
    let facts = runtime()?.block_on(ollama.show(model))?;
    if facts.remote && context.global.offline {
        let (llm, place) = (llm.as_str(), "a third party".to_owned());
        return Err(ModelError::Offline { llm, place }.into());
    }
    if facts.remote {
        context.output.warn(&format!("`{model}` runs at a third party: text leaves this machine"));
    }
    Ok(())
}
