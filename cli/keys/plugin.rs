//! Keys that age plugins hold, such as those on a hardware token.
//!
//! A plugin is a program `age-plugin-NAME` on the `PATH`. It is started when a keyring is opened
//! or sealed, and what it has to say ("touch your key") goes to standard error.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use age::Callbacks;
use age::plugin::{IdentityPluginV1, RecipientPluginV1, ResolveError};
use age::secrecy::SecretString;
use garner_kernel::bundle::{Identity, Plugins, Recipient};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::table;

/// A key as a key file names it: the plugin knows what it stands for.
pub(crate) struct PluginKey {
    /// `AGE-PLUGIN-NAME-1…`.
    pub(super) text: Zeroizing<String>,
    /// The public half, which a comment of the file names.
    pub(super) recipient: Recipient,
}

impl PluginKey {
    /// Reads the text of a key file; `None` if it names no plugin, or no recipient of the same one.
    pub(super) fn parse(text: &str, line: &str) -> Option<Self> {
        let identity: age::plugin::Identity = line.parse().ok()?;
        let comments = text.lines().filter(|line| line.trim_start().starts_with('#'));
        let words = comments.flat_map(str::split_whitespace);
        let of_plugin = |recipient: &Recipient| {
            recipient.plugin().is_some_and(|(plugin, _)| plugin == identity.plugin())
        };
        let recipient = words.filter_map(|word| word.parse().ok()).find(of_plugin)?;
        Some(Self { text: Zeroizing::new(line.to_owned()), recipient })
    }

    /// Returns what opens keyrings.
    ///
    /// # Errors
    /// [`garner_kernel::Error::NoPlugin`] if the plugin is not installed.
    pub(super) fn identity(&self) -> Result<PluginIdentity, Error> {
        let what = || garner_kernel::Error::BrokenKey { what: "plugin identity" };
        let identity: age::plugin::Identity = self.text.parse().map_err(|_| what())?;
        let name = identity.plugin().to_owned();
        let age = IdentityPluginV1::new(&name, &[identity], Prompts { plugin: name.clone() })
            .map_err(|e| missing(&name, &e))?;
        Ok(PluginIdentity { recipient: self.recipient.to_string(), age })
    }
}

/// A key that an installed plugin holds.
pub(super) struct PluginIdentity {
    recipient: String,
    age: IdentityPluginV1<Prompts>,
}

impl Identity for PluginIdentity {
    fn name(&self) -> String {
        self.recipient.clone()
    }

    fn age(&self) -> &dyn age::Identity {
        &self.age
    }
}

/// The plugins on the `PATH`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstalledPlugins;

impl Plugins for InstalledPlugins {
    fn wrap(
        &self,
        plugin: &str,
        recipients: &[&str],
    ) -> Result<Box<dyn age::Recipient>, garner_kernel::Error> {
        let broken = |_| garner_kernel::Error::BrokenKey { what: "recipient" };
        let recipients: Vec<age::plugin::Recipient> =
            recipients.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(broken)?;
        let prompts = Prompts { plugin: plugin.to_owned() };
        let wrap = RecipientPluginV1::new(plugin, &recipients, &[], prompts);
        Ok(Box::new(wrap.map_err(|e| missing(plugin, &e))?))
    }
}

/// Checks that the plugin of a recipient is installed, before anything is written for it.
pub(crate) fn check_plugin(recipient: &Recipient) -> Result<(), Error> {
    match recipient.plugin() {
        None => Ok(()),
        Some((plugin, text)) => Ok(InstalledPlugins.wrap(plugin, &[text]).map(drop)?),
    }
}

fn missing(plugin: &str, _: &ResolveError) -> garner_kernel::Error {
    garner_kernel::Error::NoPlugin { plugin: plugin.to_owned() }
}

/// Says what a plugin has to say, and asks what it asks where there is a terminal.
#[derive(Clone)]
struct Prompts {
    plugin: String,
}

impl Prompts {
    /// Returns a line of the plugin that cannot redraw the terminal.
    fn line(&self, message: &str) -> String {
        format!("age-plugin-{}: {}", self.plugin, table::one_line(message, 400))
    }

    fn ask(&self, question: &str) -> Option<String> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        self.display_message(question);
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }
}

impl Callbacks for Prompts {
    fn display_message(&self, message: &str) {
        // Nobody reading it is no reason to stop: the key itself may still be touched.
        let _ = writeln!(std::io::stderr(), "{}", self.line(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let choice = no.map_or_else(|| format!("y: {yes}"), |no| format!("y: {yes}, n: {no}"));
        let answer = self.ask(&format!("{message} ({choice})"))?;
        Some(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.ask(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let prompt = format!("{}: ", self.line(description));
        rpassword::prompt_password(prompt).ok().map(SecretString::from)
    }
}
