//! What shells are told, so that clients of Ollama talk to a proxy.

use std::path::{Path, PathBuf};

/// A shell whose profile can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// `~/.bashrc`
    Bash,
    /// `~/.zshrc`, in the folder that ZDOTDIR names
    Zsh,
    /// A file of its own among those of fish
    Fish,
}

/// Where the profiles of a person are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profiles {
    /// The home folder.
    pub(crate) home: PathBuf,
    /// The folder of zsh (`ZDOTDIR`), where it is another one.
    pub(crate) zsh: Option<PathBuf>,
    /// The folder of configurations.
    pub(crate) config: PathBuf,
}

/// Whom clients ask, and who answers behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The URL of the proxy.
    pub(crate) proxy: String,
    /// The Ollama server, as its own variable names it.
    pub(crate) server: String,
}

impl Shell {
    /// Every shell.
    pub(crate) const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// Returns the name of its program.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// Returns the file that it reads when it starts.
    pub(crate) fn profile(self, profiles: &Profiles) -> PathBuf {
        match self {
            Self::Bash => profiles.home.join(".bashrc"),
            Self::Zsh => profiles.zsh.as_deref().unwrap_or(&profiles.home).join(".zshrc"),
            Self::Fish => profiles.config.join("fish/conf.d/garner.fish"),
        }
    }

    /// Returns whether a file says that somebody uses this shell.
    pub(crate) fn is_used(self, profiles: &Profiles, login: Option<&Path>) -> bool {
        let is_login = login.and_then(Path::file_name).is_some_and(|name| name == self.as_str());
        is_login
            || match self {
                // A link that leads nowhere is told of, not passed over.
                Self::Bash | Self::Zsh => self.profile(profiles).symlink_metadata().is_ok(),
                Self::Fish => profiles.config.join("fish").is_dir(),
            }
    }

    /// Returns whether the whole profile is ours.
    pub(super) const fn is_own_file(self) -> bool {
        matches!(self, Self::Fish)
    }

    /// Returns our lines of its profile. The server reads the same variable to know where to listen,
    /// so that starting it needs the address of the server, not that of the proxy.
    pub(super) fn lines(self, Addresses { proxy, server }: &Addresses) -> String {
        let say = "# Clients of Ollama talk to `garner serve`; `garner setup ollama --undo` takes this back.\n";
        match self {
            Self::Bash | Self::Zsh => format!(
                "{say}export GARNER_UPSTREAM='{server}'\nexport OLLAMA_HOST='{proxy}'\n\
                 function ollama {{\n  case \"${{1-}}\" in\n    \
                 serve|start) OLLAMA_HOST=\"$GARNER_UPSTREAM\" command ollama \"$@\" ;;\n    \
                 *) command ollama \"$@\" ;;\n  esac\n}}\n"
            ),
            Self::Fish => format!(
                "{say}set -gx GARNER_UPSTREAM '{server}'\nset -gx OLLAMA_HOST '{proxy}'\n\
                 function ollama --wraps=ollama\n  if contains -- \"$argv[1]\" serve start\n    \
                 OLLAMA_HOST=\"$GARNER_UPSTREAM\" command ollama $argv\n  else\n    \
                 command ollama $argv\n  end\nend\n"
            ),
        }
    }
}

/// Returns the address of the proxy that a profile names.
pub(crate) fn named_proxy(profile: &str) -> Option<String> {
    let line = profile.lines().find(|line| line.contains(" OLLAMA_HOST") && line.contains('\''))?;
    line.split('\'').nth(1).map(str::to_owned)
}
