//! `garner publish --ephemeral`: a proposal from a machine that keeps no secret.
//!
//! A key is made for this one file, signs it, and is gone. The file is a repository of its own,
//! which no reader trusts; a publisher who can open it may take what it holds into a channel.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_kernel::bundle::{
    self, Anchor, Holders, KeyGrant, Keyring, PublicKey, PublisherKey, Reader, Reason, Recipient,
    Right, Root, Seal, Sealed,
};
use garner_kernel::{ChannelName, Contents, Draft, Moment};
use serde_json::json;

use super::Arguments;
use crate::context::Context;
use crate::error::Error;
use crate::keys::{self, InstalledPlugins};
use crate::plan::Plan;
use crate::trust::TrustError;
use crate::{files, publication, table};

/// What the key of a proposal is called.
const KEY_NAME: &str = "ephemeral";

/// Who can open a proposal.
#[derive(Debug, Args)]
pub(crate) struct Recipients {
    /// Let this device key open the proposal (repeatable)
    #[arg(long, value_name = "RECIPIENT", requires = "ephemeral")]
    to: Vec<Recipient>,
    /// Let the device keys in this file open the proposal: `age1… LABEL` on each line
    #[arg(long, value_name = "FILE", requires = "ephemeral")]
    recipients: Option<PathBuf>,
}

impl Recipients {
    /// Returns the readers, each once.
    fn readers(&self) -> Result<Vec<Reader>, Error> {
        let named = self.to.iter().zip(1..);
        let mut readers: Vec<Reader> = named
            .map(|(to, n)| Reader { name: format!("reader {n}"), recipient: to.clone() })
            .collect();
        if let Some(path) = &self.recipients {
            for reader in read(path)? {
                readers.retain(|known| known.recipient != reader.recipient);
                readers.push(reader);
            }
        }
        if readers.is_empty() {
            return Err(TrustError::NoRecipients.into());
        }
        readers.iter().try_for_each(|reader| keys::check_plugin(&reader.recipient))?;
        Ok(readers)
    }
}

/// Reads a file with a recipient and its label on each line.
fn read(path: &Path) -> Result<Vec<Reader>, Error> {
    let bytes = files::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut readers = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (recipient, label) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let recipient = recipient
            .parse()
            .map_err(|_| TrustError::RecipientLine { path: path.to_owned(), number })?;
        let label = label.trim();
        let name = if label.is_empty() { format!("reader {number}") } else { label.to_owned() };
        readers.push(Reader { name, recipient });
    }
    Ok(readers)
}

pub(super) fn run(arguments: &Arguments, out: &Path, context: &Context) -> Result<(), Error> {
    let channel = channel(arguments.channel.as_ref(), context)?;
    let draft = context.draft(&channel)?;
    let mut draft = draft.ok_or_else(|| Error::NoDraft { channel: channel.clone() })?;
    // What was rejected here is for this draft alone: a proposal takes nothing away.
    draft.tombstones.clear();
    let contents = draft.onto(&Contents::default())?;
    if contents.is_empty() {
        return Err(TrustError::NothingActive { channel }.into());
    }
    let readers = arguments.recipients.readers()?;
    files::check_writable(out)?;
    let fragments = contents.fragments().len();
    if arguments.consent.is_dry_run() {
        let title = format!("propose {} for `{channel}`", table::count(fragments, "fragment"));
        let recipients = readers.iter().map(|reader| reader.recipient.to_string());
        let mut plan = Plan::new(
            title,
            json!({
                "channel": channel.as_str(),
                "fragments": fragments,
                "readers": recipients.collect::<Vec<_>>(),
                "file": out,
            }),
        );
        for reader in &readers {
            plan.row("reader", format!("{} {}", reader.recipient, reader.name));
        }
        plan.row("file", out.display().to_string());
        return plan.print(context);
    }
    let (sealed, public) = seal(&channel, &draft, &contents, readers.clone(), context)?;
    let bytes = sealed.bundle.to_bytes();
    garner_sync::write_over(out, &bytes)?;
    if context.global.json {
        return context.output.print_json(json!({
            "channel": channel.as_str(),
            "proposed": sealed.head.to_string(),
            "signer": public.to_string(),
            "fragments": fragments,
            "bundle_bytes": bytes.len(),
            "file": out,
        }));
    }
    context.output.print(&format!(
        "Proposed {} for `{channel}`, sealed for {}, signed once by {}+{}.\n",
        table::count(fragments, "fragment"),
        table::count(readers.len(), "reader"),
        public.name(),
        public.id(),
    ))?;
    context.output.say(&format!(
        "A publisher of `{channel}` takes it in: `garner publish --promote {}`.",
        out.display()
    ));
    Ok(())
}

/// Returns the named channel, or the only one that has a draft.
fn channel(named: Option<&ChannelName>, context: &Context) -> Result<ChannelName, Error> {
    if let Some(channel) = named {
        return Ok(channel.clone());
    }
    let known = context.drafted_channels()?;
    match known.as_slice() {
        [only] => Ok(only.clone()),
        _ => context.the_channel(None),
    }
}

/// Seals the first and only version of a repository whose key is not kept.
fn seal(
    channel: &ChannelName,
    draft: &Draft,
    contents: &Contents,
    readers: Vec<Reader>,
    context: &Context,
) -> Result<(Sealed, PublicKey), Error> {
    let (now, key) = (context.now(), PublisherKey::generate(KEY_NAME.parse()?)?);
    let note = root(&key, channel, contents, now).sign(&[&key]).to_bytes();
    let repository = bundle::repository_of(&note)?;
    let keyring = Keyring::new(repository.clone(), readers);
    let file = keyring.seal_with(&InstalledPlugins)?;
    let sealed = bundle::seal(
        contents,
        &Seal {
            repository: repository.clone(),
            roots: vec![note],
            root: 1,
            revocations: None,
            reason: Reason::Publish,
            channel: channel.clone(),
            parent: None,
            afresh: false,
            keyring: (&keyring, file),
            publisher: &key,
            now,
            tool: publication::TOOL.to_owned(),
            scan: publication::scan(draft.active())?,
        },
    )?;
    bundle::check(&sealed.bundle, &Anchor::pin(repository, Some(channel.clone())))?;
    Ok((sealed, key.public()))
}

/// Returns a root that lets the key sign this one version.
fn root(key: &PublisherKey, channel: &ChannelName, contents: &Contents, now: Moment) -> Root {
    let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
    let mut grant = KeyGrant::until(key.public(), now);
    grant.channels = vec![channel.clone()];
    grant.max_fragments = Some(contents.fragments().len() as u64);
    Root {
        repository: None,
        version: 1,
        expires: now,
        keys: vec![grant],
        roles: [(Right::Root, holders.clone()), (Right::Publish, holders)].into(),
    }
}
