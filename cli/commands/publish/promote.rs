//! `garner publish --promote`: a publisher countersigns what a file proposes.

use std::path::Path;

use garner_kernel::bundle::{self, Anchor, Identity, PublicKey, Reason, RootChain};

use garner_kernel::{ChannelName, Contents, Draft, Entry, Fragment, Kernel, Status, diff};
use garner_sync::{ChannelSettings, Published};
use serde_json::json;

use super::{Arguments, newest, report};
use crate::commands::diff::{Form, counts, items, summary, text};
use crate::context::Context;
use crate::error::Error;
use crate::plan::Plan;
use crate::publication::{self, Change, Next};
use crate::trust::TrustError;
use crate::{files, keys, section, table};

/// What a file proposes, and whose key signed it.
struct Proposal {
    kernel: Kernel,
    signer: PublicKey,
    repository: String,
}

pub(super) fn run(file: &Path, arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let proposal = open(file, context)?;
    let channel = arguments.channel.as_ref().unwrap_or(&proposal.kernel.channel).clone();
    let settings = context.settings(&channel)?;
    context.remote(&settings)?;
    if let Some(path) = &arguments.out {
        files::check_writable(path)?;
    }
    let before = newest(&channel, &settings, context)?;
    let (draft, buried) = draft_of(&proposal, &channel, &before, context)?;
    // Before anybody is asked: what holds secrets is not to be agreed to.
    let findings = publication::scan(draft.active())?.findings;
    if findings > 0 {
        return Err(TrustError::SecretsProposed { path: file.to_owned(), findings }.into());
    }
    let differences = diff(&before, &draft.onto(&before)?);
    if differences.is_empty() {
        return nothing(file, &channel, &buried, context);
    }
    let mut plan = plan(file, &proposal, &channel, &buried);
    plan.fact("counts", counts(&differences));
    plan.fact("differences", items(&differences));
    plan.body(text(&differences, &Form::Full, context.output.look()));
    if !plan.agreed(arguments.consent, context)? {
        return Ok(());
    }
    tracing::info!(changes = %summary(&differences), "promoting");
    publish(&draft, &proposal, &settings, arguments, context)
}

/// Opens a file with the keys of this machine, judged by nothing but its own root.
fn open(path: &Path, context: &Context) -> Result<Proposal, Error> {
    let refused = |source| Error::Bundle { path: path.to_owned(), source };
    let bundle = section::scan(path)?;
    let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
    let repository = bundle::repository_of(first).map_err(refused)?;
    let roots = RootChain::check(&repository, &bundle.roots).map_err(refused)?;
    let devices = keys::devices(context)?;
    let devices: Vec<&dyn Identity> = devices.iter().map(|key| &**key).collect();
    let anchor = Anchor::pin(repository.clone(), None);
    let kernel = bundle::open(&bundle, &anchor, &devices).map_err(refused)?.into_inner();
    let name = kernel.publisher.parse()?;
    let unknown = || garner_kernel::Error::BrokenKey { what: "publisher key" };
    let grant = roots.last().grant(&name).ok_or_else(|| refused(unknown()))?;
    let signer = grant.key.clone();
    Ok(Proposal { kernel, signer, repository: repository.to_string() })
}

/// Returns the proposed fragments as a draft, and those that were rejected before and stay out.
fn draft_of(
    proposal: &Proposal,
    channel: &ChannelName,
    before: &Contents,
    context: &Context,
) -> Result<(Draft, Vec<Fragment>), Error> {
    let ours = context.draft(channel)?.unwrap_or_default();
    let (mut draft, mut buried) = (Draft::default(), Vec::new());
    for fragment in proposal.kernel.contents.fragments() {
        let rejected = ours.tombstones.contains_key(&fragment.id);
        if rejected || before.tombstone(&fragment.id).is_some() {
            buried.push(fragment.clone());
            continue;
        }
        draft.merge(Entry { fragment: fragment.clone(), status: Status::Active });
    }
    Ok((draft, buried))
}

fn plan(file: &Path, proposal: &Proposal, channel: &ChannelName, buried: &[Fragment]) -> Plan {
    let kernel = &proposal.kernel;
    let (signer, ids) = (&proposal.signer, buried.iter().map(|fragment| fragment.id.to_string()));
    let mut plan = Plan::new(
        format!("publish what `{}` proposes for `{channel}`", file.display()),
        json!({
            "channel": channel.as_str(),
            "file": file,
            "head": kernel.head.to_string(),
            "signer": signer.to_string(),
            "signed_at": kernel.created.to_string(),
            "repository": proposal.repository,
            "stays_out": ids.collect::<Vec<_>>(),
        }),
    );
    let by = format!("{}+{}, at {}", signer.name(), signer.id(), kernel.created);
    plan.row("signed by", by);
    plan.row("repository", format!("{}, which nobody here trusts", proposal.repository));
    plan.row("proposes", table::count(kernel.contents.fragments().len(), "fragment"));
    for fragment in buried {
        let statement = table::one_line(fragment.statement.as_str(), 60);
        plan.row("stays out", format!("{}  rejected before: {statement}", fragment.id.short()));
    }
    plan.note("Your key signs that you looked at it: whoever made the file could write anything.");
    plan
}

fn publish(
    draft: &Draft,
    proposal: &Proposal,
    settings: &ChannelSettings,
    arguments: &Arguments,
    context: &Context,
) -> Result<(), Error> {
    let key = keys::publisher(context)?;
    let reason = Reason::Promote(proposal.kernel.head);
    let next = Next { change: Change::Draft(draft), key: &key, reason };
    let channel = &settings.trust.repository.channel;
    match context.publish_next(settings, &next)? {
        Published::New(sealed) => {
            context.write_bundle(channel, sealed.version, arguments.out.as_deref())?;
            report(channel, &sealed, settings, context)
        }
        Published::Unchanged(version) => {
            let text = format!("Nothing to promote: {version} of `{channel}` says all of it.\n");
            context.output.print(&text)
        }
    }
}

fn nothing(
    file: &Path,
    channel: &ChannelName,
    buried: &[Fragment],
    context: &Context,
) -> Result<(), Error> {
    if context.global.json {
        let value = json!({ "channel": channel.as_str(), "published": null });
        return context.output.print_json(value);
    }
    let rejected = match buried.len() {
        0 => String::new(),
        count => format!(" but for {} rejected before", table::count(count, "fragment")),
    };
    context.output.print(&format!(
        "Nothing to promote: `{channel}` says all that `{}` proposes{rejected}.\n",
        file.display()
    ))
}
