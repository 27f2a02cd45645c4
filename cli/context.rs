//! What a command knows of the world: clock, environment, folders, output.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use garner_embed::WordPiece;
use garner_kernel::{Embedder, Moment};
use garner_loader::{Actor, OpenOptions, Stamp, Store};
use garner_sync::Meter;

use crate::args::Global;
use crate::distil::{Llm, Price};
use crate::error::Error;
use crate::keys::Unlocked;
use crate::output::{self, Output};
use crate::places::Places;

/// The environment, read once.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// The Ollama server: `GARNER_UPSTREAM` where `OLLAMA_HOST` names a proxy before it.
    pub(crate) ollama: String,
    /// Origins of pages that may ask a proxy (`OLLAMA_ORIGINS`, as Ollama reads it).
    pub(crate) origins: Vec<String>,
    /// An inference library of the system (`ORT_DYLIB_PATH`).
    pub(crate) library: Option<PathBuf>,
    /// Where the model is kept (`GARNER_MODEL_DIR`).
    pub(crate) models: Option<PathBuf>,
    /// Which embedder to use (`GARNER_EMBEDDER`).
    pub(crate) embedder: EmbedderChoice,
    /// The model hub (`HF_ENDPOINT`, as other programs name it).
    pub(crate) hub: Option<String>,
    /// The file that holds the passphrase of keys (`GARNER_PASSPHRASE_FILE`).
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The folder of Claude Code (`CLAUDE_CONFIG_DIR`).
    pub(crate) claude: Option<PathBuf>,
    /// The login shell (`SHELL`), and the folder of zsh (`ZDOTDIR`).
    pub(crate) shell: Option<PathBuf>,
    pub(crate) zsh: Option<PathBuf>,
    /// Where programs are looked for (`PATH`).
    pub(crate) search: Option<OsString>,
    /// Whether hooks note anything (`GARNER_HOOKS`): not in sessions that serve to compile others.
    pub(crate) hooks: bool,
    /// The model that proposes what to remember.
    pub(crate) llm: LlmSettings,
    /// The editor of this person (`VISUAL`, else `EDITOR`).
    pub(crate) editor: Option<String>,
    /// Who acts (`USER`).
    pub(crate) user: String,
    /// A fixed present (`GARNER_NOW`), for tests and for looking back.
    now: Option<Moment>,
}

/// What the environment says about the model of `garner compile`.
#[derive(Debug, Clone, Default)]
pub(crate) struct LlmSettings {
    /// Whom to ask (`GARNER_LLM`).
    pub(crate) whom: Option<Llm>,
    /// The name of the model (`GARNER_LLM_MODEL`).
    pub(crate) model: Option<String>,
    /// How many tokens a run may take (`GARNER_LLM_BUDGET`).
    pub(crate) budget: Option<u64>,
    /// What a million tokens cost (`GARNER_LLM_PRICE`).
    pub(crate) price: Option<Price>,
    /// The key of Anthropic's API (`ANTHROPIC_API_KEY`).
    pub(crate) key: Option<garner_distil::Key>,
    /// Where that API is (`ANTHROPIC_BASE_URL`).
    pub(crate) base: Option<String>,
    /// The program of Claude Code (`GARNER_CLAUDE`).
    pub(crate) claude: Option<PathBuf>,
}

impl LlmSettings {
    fn capture(text: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Ok(Self {
            whom: parsed("GARNER_LLM", &text)?,
            model: text("GARNER_LLM_MODEL"),
            budget: parsed("GARNER_LLM_BUDGET", &text)?,
            price: parsed("GARNER_LLM_PRICE", &text)?,
            // What no header can carry is no key; it is not shown either.
            key: text("ANTHROPIC_API_KEY").and_then(|key| garner_distil::Key::new(&key)),
            base: text("ANTHROPIC_BASE_URL"),
            claude: text("GARNER_CLAUDE").map(PathBuf::from),
        })
    }
}

/// Returns a variable as what it has to be.
fn parsed<T: std::str::FromStr>(
    name: &'static str,
    text: impl Fn(&str) -> Option<String>,
) -> Result<Option<T>, Error> {
    let Some(value) = text(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Error::Environment { name, value })
}

/// Which embedder to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EmbedderChoice {
    /// all-MiniLM-L6-v2.
    MiniLm,
    /// A hash of the words: for trials without a model.
    Hash,
    /// A model of the Ollama server, by its name.
    Ollama(String),
    /// None: recall on keywords.
    None,
}

impl Environment {
    /// Returns the present.
    pub(crate) fn now(&self) -> Moment {
        self.now.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
        })
    }

    /// Reads the environment.
    pub(crate) fn capture() -> Result<Self, Error> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let malformed = |name, value: &str| Error::Environment { name, value: value.to_owned() };
        let embedder = match text("GARNER_EMBEDDER").as_deref() {
            None | Some("minilm") => EmbedderChoice::MiniLm,
            Some("hash") => EmbedderChoice::Hash,
            Some("none") => EmbedderChoice::None,
            Some(other) => match other.strip_prefix("ollama:").filter(|model| !model.is_empty()) {
                Some(model) => EmbedderChoice::Ollama(model.to_owned()),
                None => return Err(malformed("GARNER_EMBEDDER", other)),
            },
        };
        let now = match text("GARNER_NOW") {
            None => None,
            Some(value) => Some(value.parse().map_err(|_| malformed("GARNER_NOW", &value))?),
        };
        Ok(Self {
            ollama: text("GARNER_UPSTREAM")
                .or_else(|| text("OLLAMA_HOST"))
                .unwrap_or_else(|| "127.0.0.1:11434".to_owned()),
            origins: text("OLLAMA_ORIGINS")
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            library: path("ORT_DYLIB_PATH"),
            models: path("GARNER_MODEL_DIR"),
            embedder,
            hub: text("HF_ENDPOINT"),
            passphrase_file: path("GARNER_PASSPHRASE_FILE"),
            claude: path("CLAUDE_CONFIG_DIR"),
            shell: path("SHELL"),
            zsh: path("ZDOTDIR"),
            search: std::env::var_os("PATH"),
            llm: LlmSettings::capture(text)?,
            editor: text("VISUAL").or_else(|| text("EDITOR")),
            hooks: text("GARNER_HOOKS").as_deref() != Some("none"),
            user: text("USER").or_else(|| text("USERNAME")).unwrap_or_else(|| "user".to_owned()),
            now,
        })
    }
}

/// Everything that a command needs besides its arguments.
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) global: Global,
    pub(crate) places: Places,
    pub(crate) output: Rc<Output>,
    pub(crate) embedder: OnceCell<Option<Rc<dyn Embedder>>>,
    pub(crate) word_piece: OnceCell<Option<Rc<WordPiece>>>,
    pub(crate) unlocked: Unlocked,
    /// What the remotes of this command moved.
    pub(crate) meter: Arc<Meter>,
}

impl Context {
    /// Prepares a command.
    pub(crate) fn new(environment: Environment, global: Global) -> Result<Self, Error> {
        start_log(&global);
        let places = Places::of_user(global.store.as_deref(), &environment)?;
        Ok(Self::of(environment, global, places))
    }

    /// Returns a context of these parts.
    pub(crate) fn of(environment: Environment, global: Global, places: Places) -> Self {
        let output = Rc::new(Output::standard(&global));
        let (embedder, word_piece) = (OnceCell::new(), OnceCell::new());
        let (unlocked, meter) = (Unlocked::default(), Arc::default());
        Self { environment, global, places, output, embedder, word_piece, unlocked, meter }
    }

    /// Returns a context whose files are all under `folder`, but for the model.
    pub(crate) fn under(&self, folder: &Path) -> Self {
        Self {
            environment: self.environment.clone(),
            global: self.global.clone(),
            places: self.places.under(folder),
            output: Rc::clone(&self.output),
            embedder: self.embedder.clone(),
            word_piece: self.word_piece.clone(),
            unlocked: Unlocked::default(),
            meter: Arc::clone(&self.meter),
        }
    }

    /// Returns the present.
    pub(crate) fn now(&self) -> Moment {
        self.environment.now()
    }

    /// Returns when and by whom the store is changed.
    pub(crate) fn stamp(&self) -> Result<Stamp, Error> {
        let who: Actor = self.environment.user.parse()?;
        Ok(Stamp { at: self.now(), who })
    }

    /// Opens the store to read it.
    pub(crate) fn store(&self) -> Result<Store, Error> {
        let open = || Store::open(&self.places.data, &OpenOptions::read());
        match open() {
            // Only who may write can upgrade it; after that it is read like any other.
            Err(garner_loader::Error::OlderStore { .. }) => {
                drop(self.store_to_write()?);
                Ok(open()?)
            }
            opened => Ok(opened?),
        }
    }

    /// Opens the store to change it; makes it if it is not there.
    pub(crate) fn store_to_write(&self) -> Result<Store, Error> {
        Ok(Store::open(&self.places.data, &OpenOptions::write())?)
    }
}

/// Sends what the libraries trace to standard error.
fn start_log(global: &Global) {
    let level = match global.verbose {
        0 => return,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let filter =
        tracing_subscriber::EnvFilter::new(format!("garner={level}")).add_directive(level.into());
    let stderr = anstream::AutoStream::new(std::io::stderr(), output::choice(global.color));
    let ansi = stderr.current_choice() != anstream::ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(std::io::stderr);
    // A second context of the same process keeps the first one's log.
    let _ = subscriber.try_init();
}
