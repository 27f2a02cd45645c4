//! Where files live.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use garner_kernel::ChannelName;
use garner_kernel::bundle::RepositoryId;

use crate::context::Environment;
use crate::error::Error;

/// The folders of one user, as the XDG base directory specification has them.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Store and drafts.
    pub(crate) data: PathBuf,
    /// Keys.
    pub(crate) config: PathBuf,
    /// Channels and last-seen versions.
    pub(crate) state: PathBuf,
    /// Mirrors of channels.
    pub(crate) cache: PathBuf,
    /// The embedding model and its library.
    pub(crate) models: PathBuf,
    /// The folder of Claude Code.
    pub(crate) claude: PathBuf,
    /// The home folder.
    pub(crate) home: PathBuf,
}

impl Places {
    /// Returns the folders that the environment names.
    pub(crate) fn of_user(store: Option<&Path>, environment: &Environment) -> Result<Self, Error> {
        let base = etcetera::choose_base_strategy().map_err(|_| Error::NoHome)?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        let cache = base.cache_dir().join("garner");
        let data = store.map_or_else(|| base.data_dir().join("garner"), Path::to_owned);
        let models = environment.models.clone().unwrap_or_else(|| cache.join("models"));
        let home = base.home_dir().to_owned();
        let claude = environment.claude.clone().unwrap_or_else(|| home.join(".claude"));
        let (config, state) = (base.config_dir().join("garner"), state.join("garner"));
        Ok(Self { data, config, state, cache, models, claude, home })
    }

    /// Returns folders under `folder`, as if the XDG variables named them, with the models of
    /// `self`.
    pub(crate) fn under(&self, folder: &Path) -> Self {
        Self {
            data: folder.join("data").join("garner"),
            config: folder.join("config").join("garner"),
            state: folder.join("state").join("garner"),
            cache: folder.join("cache").join("garner"),
            models: self.models.clone(),
            claude: folder.join("claude"),
            home: folder.to_owned(),
        }
    }

    /// Returns the folder of the keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.config.join("keys")
    }

    /// Returns the folder of the drafts.
    pub(crate) fn drafts(&self) -> PathBuf {
        self.data.join("drafts")
    }

    /// Returns the folder of the channels' settings.
    pub(crate) fn channels(&self) -> PathBuf {
        self.state.join("channels")
    }

    /// Returns the folder of what is remembered of inputs that were compiled.
    pub(crate) fn inputs(&self) -> PathBuf {
        self.state.join("inputs")
    }

    /// Returns the folder of what is remembered of windows that a model answered.
    pub(crate) fn windows(&self) -> PathBuf {
        self.state.join("windows")
    }

    /// Returns the folder of the records of what was set up for other programs.
    pub(crate) fn setups(&self) -> PathBuf {
        self.state.join("setup")
    }

    /// Returns the settings file of a channel.
    pub(crate) fn channel(&self, channel: &ChannelName) -> PathBuf {
        self.channels().join(format!("{channel}.json"))
    }

    /// Returns the folder that mirrors a repository.
    pub(crate) fn mirror(&self, repository: &RepositoryId) -> PathBuf {
        self.cache.join("mirror").join(repository.to_string())
    }
}
