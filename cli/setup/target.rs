//! What is set up where: a person's Claude Code, a repository, or the profiles of shells.

use std::path::{Path, PathBuf};

use garner_kernel::Digest;

use super::block;
use super::disk::{self, Found};
use super::error::SetupError;
use super::payload::{self, Program};
use super::shell::{Addresses, Profiles, Shell};
use super::splice::{self, Hook, Misfit};
use crate::error::Error;

/// What is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A plugin in the folder of skills; nothing that is there is edited.
    Plugin,
    /// Hooks in `settings.json`, for versions that do not look for plugins among skills.
    Settings,
    /// A repository for cloud sessions, with those who can open what they propose.
    Repository {
        /// Public keys and names.
        readers: Vec<(String, String)>,
    },
    /// Lines in the profiles of shells.
    Shells {
        /// Which shells.
        shells: Vec<Shell>,
        /// Where their profiles are.
        profiles: Profiles,
        /// What they are told.
        addresses: Addresses,
    },
}

/// A folder that is set up.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The folder of Claude Code, or of the repository.
    pub(crate) folder: PathBuf,
    /// Where records of setups are kept.
    pub(crate) journals: PathBuf,
    /// The folder of the person, which is there whatever is set up.
    pub(crate) home: PathBuf,
}

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// Whether it is a file of somebody else that only holds something of ours.
    pub(super) spliced: bool,
}

impl Target {
    /// Returns the record of what was set up in this folder.
    pub(crate) fn journal(&self) -> PathBuf {
        // The folder may not be there yet, and has one name however a link leads to it.
        let real = self.folder.ancestors().find_map(|ancestor| {
            let rest = self.folder.strip_prefix(ancestor).ok()?;
            let real = std::fs::canonicalize(ancestor).ok()?;
            Some(real.components().chain(rest.components()).collect::<PathBuf>())
        });
        let real = real.unwrap_or_else(|| self.folder.clone());
        let id = Digest::of(real.as_os_str().as_encoded_bytes());
        self.journals.join(format!("{}.json", id.short()))
    }

    /// Returns the files as they should be; `program` is how hooks start Garner.
    pub(super) fn wanted(&self, shape: &Shape, program: &Program) -> Result<Vec<Wanted>, Error> {
        let ours = |path: &str, text: String| Wanted {
            path: self.folder.join(path),
            bytes: text.into_bytes(),
            spliced: false,
        };
        Ok(match shape {
            Shape::Plugin => vec![
                ours("skills/garner/.claude-plugin/plugin.json", payload::plugin()),
                ours("skills/garner/hooks/hooks.json", payload::plugin_hooks(program)),
                ours("skills/garner/.mcp.json", payload::plugin_servers(program)),
                ours("skills/garner/skills/recall/SKILL.md", payload::skill("recall")),
                ours("rules/garner.md", payload::rules("")),
            ],
            Shape::Settings => vec![
                ours("skills/garner/SKILL.md", payload::skill("garner")),
                ours("rules/garner.md", payload::rules("")),
                self.settings("settings.json", &payload::settings_hooks(program))?,
            ],
            Shape::Repository { readers } => vec![
                ours(".garner/recipients", payload::recipients(readers)),
                ours(".claude/rules/garner.md", payload::cloud_rules()),
                self.settings(".claude/settings.json", &payload::repository_hooks())?,
            ],
            Shape::Shells { shells, profiles, addresses } => {
                let told = |shell: &Shell| profile(*shell, profiles, addresses);
                shells.iter().map(told).collect::<Result<_, _>>()?
            }
        })
    }

    /// Returns a settings file with our hooks in it.
    fn settings(&self, path: &str, hooks: &[Hook]) -> Result<Wanted, Error> {
        let path = disk::followed(&self.folder.join(path))?;
        let text = text(&path)?;
        let with = splice::put(&text, hooks).map_err(|misfit| {
            let path = path.clone();
            match misfit {
                Misfit::Syntax(line) => SetupError::Syntax { path, line },
                Misfit::Shape(part, expected) => SetupError::Shape { path, part, expected },
            }
        })?;
        Ok(Wanted { path, bytes: with.into_bytes(), spliced: true })
    }
}

/// Returns the profile of a shell with our lines in it.
fn profile(shell: Shell, profiles: &Profiles, addresses: &Addresses) -> Result<Wanted, Error> {
    let (path, lines) = (shell.profile(profiles), shell.lines(addresses));
    if shell.is_own_file() {
        return Ok(Wanted { path, bytes: lines.into_bytes(), spliced: false });
    }
    let path = disk::followed(&path)?;
    let with = block::put(&text(&path)?, &lines);
    Ok(Wanted { path, bytes: with.into_bytes(), spliced: true })
}

/// Returns the text of a file; an empty one where there is none.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    match disk::look(path)? {
        Found::Nothing => Ok(String::new()),
        Found::Other(what) => Err(SetupError::NotAFile { path: path.to_owned(), what }.into()),
        Found::File(content) => String::from_utf8(content.bytes)
            .map_err(|_| SetupError::NotText { path: path.to_owned() }.into()),
    }
}
