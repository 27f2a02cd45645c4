//! `garner verify`: check bundles, channels, the store, and where fragments came from.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_compiler::provenance::{self, ProvenanceReport, Transcripts};
use garner_kernel::bundle::{self, Anchor, Blob, Bundle, Identity, Step};
use garner_kernel::{ChannelName, Error as KernelError, Fragment};
use garner_loader::Filters;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::kernels::KernelName;
use crate::output::{self, styled};
use crate::{files, inputs, keys, section, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to check: `store`, `draft`, a channel, or a `.kernel` file
    #[arg(default_value = "store")]
    target: String,
    /// Check fragments against these inputs, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    provenance: Vec<PathBuf>,
    /// Look at the draft of this channel
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
}

/// One check and what it found; no problems means that it holds.
struct Checked {
    name: String,
    /// What the check found, where its name alone does not say it.
    found: String,
    problems: Vec<String>,
}

impl Checked {
    fn holds(name: impl Into<String>) -> Self {
        Self { name: name.into(), found: String::new(), problems: Vec::new() }
    }

    fn step(step: &str, found: impl Into<String>) -> Self {
        Self { found: found.into(), ..Self::holds(step) }
    }

    fn broken(name: impl Into<String>, problems: Vec<String>) -> Self {
        Self { problems, ..Self::holds(name) }
    }

    /// Returns the line that is printed: name and finding in columns.
    fn line(&self) -> String {
        if self.found.is_empty() {
            return self.name.clone();
        }
        format!("{:12} {}", self.name, self.found)
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let (checks, next) = if arguments.provenance.is_empty() {
        match arguments.target.as_str() {
            "store" => (store(context)?, STORE),
            "draft" => (draft(arguments, context)?, NAMED),
            target => match target.parse()? {
                KernelName::File(path) => (file(&path, context)?, NAMED),
                KernelName::Channel(channel, _) => (channel_checks(&channel, context)?, CHANNEL),
            },
        }
    } else {
        (sources(arguments, context)?, NAMED)
    };
    show(&checks, next, context)
}

const NAMED: &str = "the lines above name what is broken";
/// What mends a store.
const STORE: &str = "`garner store restore latest` brings a backup back and keeps this store beside \
                     it; where only the text index, shown rows or vectors are broken, `garner store \
                     reindex` makes them again";
/// What mends the mirror of a channel.
const CHANNEL: &str = "`garner pull` takes what is damaged from the remote again";

fn show(checks: &[Checked], next: &'static str, context: &Context) -> Result<(), Error> {
    let problems = checks.iter().filter(|check| !check.problems.is_empty()).count();
    if context.global.json {
        let check =
            |c: &Checked| json!({ "name": c.name, "found": c.found, "problems": c.problems });
        let checks: Vec<_> = checks.iter().map(check).collect();
        context.output.print_json(json!({ "sound": problems == 0, "checks": checks }))?;
    } else {
        let mut text = String::new();
        for check in checks {
            let mark = if check.problems.is_empty() {
                styled("ok    ", output::GREEN)
            } else {
                styled("BROKEN", output::RED)
            };
            text.push_str(&format!("{mark}  {}\n", check.line()));
            for problem in &check.problems {
                text.push_str(&format!("        {problem}\n"));
            }
        }
        context.output.print(&text)?;
    }
    if problems == 0 { Ok(()) } else { Err(Error::Unsound { problems, next }) }
}

fn store(context: &Context) -> Result<Vec<Checked>, Error> {
    let report = context.store()?.verify()?;
    let check = |c: garner_loader::Check| Checked::broken(c.name, c.problems);
    Ok(report.checks.into_iter().map(check).collect())
}

fn draft(arguments: &Arguments, context: &Context) -> Result<Vec<Checked>, Error> {
    let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
    let draft = context.draft(&channel)?.ok_or(Error::NoDraft { channel })?;
    let name = format!("{} readable", table::count(draft.entries.len(), "entry"));
    Ok(vec![Checked::holds(name)])
}

/// Checks a bundle file step by step; without a key of a reader, as far as that goes.
fn file(path: &Path, context: &Context) -> Result<Vec<Checked>, Error> {
    let bundle = section::scan(path)?;
    let mut checks = vec![Checked::step("frames", "types, order, sizes, digest of the file")];
    let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
    let pinned = bundle::repository_of(first)
        .map_err(|source| Error::Bundle { path: path.to_owned(), source })?;
    let (bundle, anchor) = match context.judge_file(path) {
        Ok(judged) => judged,
        Err(Error::Untrusted { repository, channel, .. }) => {
            context.output.say(&format!(
                "No channel `{channel}` here pins repository {repository}: the file is checked \
                 against itself."
            ));
            (bundle, Anchor::pin(pinned, None))
        }
        // The steps below say which rule is broken.
        Err(Error::Bundle { .. }) => (bundle, Anchor::pin(pinned, None)),
        Err(other) => return Err(other),
    };
    steps(&bundle, &anchor, &mut checks, context)?;
    Ok(checks)
}

/// Takes the steps of the verification and adds what came of each to `checks`.
fn steps<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    checks: &mut Vec<Checked>,
    context: &Context,
) -> Result<(), Error> {
    let mut passed = Vec::new();
    let devices = devices(context)?;
    match verify(bundle, anchor, &devices, &mut |step| passed.push(step)) {
        Ok((checked, fragments)) => {
            if let Err(why) = &fragments {
                context.output.say(&format!("Nothing encrypted was read: {why}."));
            }
            let fragments = fragments.ok();
            checks.extend(
                passed
                    .iter()
                    .map(|step| Checked::step(step.as_str(), describe(*step, &checked, fragments))),
            );
        }
        Err(error) => {
            checks.extend(passed.iter().map(|step| Checked::holds(step.as_str())));
            let failed = Step::ALL.into_iter().find(|step| !passed.contains(step));
            let name = failed.map_or("records", Step::as_str);
            checks.push(Checked::broken(name, vec![error.to_string()]));
        }
    }
    Ok(())
}

/// Returns the keys that open keyrings here; none where this machine has none.
fn devices(context: &Context) -> Result<Vec<Box<dyn Identity>>, Error> {
    match keys::devices(context) {
        Err(Error::NoKey { .. }) => Ok(Vec::new()),
        devices => devices,
    }
}

/// Verifies a bundle, and returns how many fragments it holds, or why nothing encrypted was read.
fn verify<B: Blob>(
    bundle: &Bundle<B>,
    anchor: &Anchor,
    devices: &[Box<dyn Identity>],
    passed: &mut dyn FnMut(Step),
) -> Result<(bundle::Checked, Result<u64, KernelError>), KernelError> {
    let devices: Vec<&dyn Identity> = devices.iter().map(|key| &**key).collect();
    match bundle::verify(bundle, anchor, &devices, passed) {
        // What needs no key was checked before the keyring was tried.
        Err(why @ KernelError::CannotDecrypt { .. }) => {
            Ok((bundle::check(bundle, anchor)?, Err(why)))
        }
        found => found.map(|summary| (summary.checked, Ok(summary.fragments))),
    }
}

/// Says what a step found.
fn describe(step: Step, checked: &bundle::Checked, fragments: Option<u64>) -> String {
    let (head, manifest) = (checked.head(), checked.manifest());
    match step {
        Step::Roots => {
            let roots = table::count(checked.root().version, "root");
            format!("{roots} of repository {}", head.repository)
        }
        Step::Heads => {
            let signers: Vec<_> =
                checked.signed_head().signers.iter().map(ToString::to_string).collect();
            let (version, channel) = (head.version, &head.channel);
            format!("{version} of `{channel}`, signed by {}", signers.join(", "))
        }
        Step::Revocations => match checked.revocations() {
            None => "none".to_owned(),
            Some(revocations) => table::count(revocations.entries.len(), "fragment"),
        },
        Step::Manifest => format!("made by {} at {}", manifest.tool, manifest.created),
        Step::Files => {
            let bytes: u64 = manifest.objects.iter().map(|object| object.file.size).sum();
            let objects = table::count(manifest.objects.len(), "object");
            format!("sizes and digests of keyring and {objects}, {bytes} bytes")
        }
        Step::Keyring => format!("opens epoch {}", manifest.epoch),
        Step::Index => "binds the objects to this publication".to_owned(),
        Step::Records => table::count(fragments.unwrap_or(0), "fragment"),
    }
}

/// Checks every version of a channel that was pulled.
fn channel_checks(channel: &ChannelName, context: &Context) -> Result<Vec<Checked>, Error> {
    let settings = context.settings(channel)?;
    let releases = context.releases(&settings)?;
    let mut checks = vec![Checked::holds(format!(
        "chain of {} from repository {}",
        table::count(releases.len(), "head"),
        settings.trust.repository.id
    ))];
    let devices = devices(context)?;
    for release in &releases {
        let verified = context.fetch(channel, release.version).and_then(|fetched| {
            Ok(verify(&fetched.bundle, &fetched.anchor, &devices, &mut |_| {})?)
        });
        checks.push(match verified {
            Ok((_, Ok(fragments))) => {
                let fragments = table::count(fragments, "fragment");
                Checked::holds(format!("{}: {fragments}", release.version))
            }
            // Others read it: a device that joined later, or left, is not among them.
            Ok((_, Err(why))) => {
                Checked::holds(format!("{}: signed and whole, not read: {why}", release.version))
            }
            Err(Error::Sync(garner_sync::Error::NotKept { .. })) => {
                Checked::holds(format!("{}: linked; its files were collected", release.version))
            }
            Err(error) => Checked::broken(release.version.to_string(), vec![error.to_string()]),
        });
    }
    Ok(checks)
}

/// Checks fragments against the transcripts they came from.
fn sources(arguments: &Arguments, context: &Context) -> Result<Vec<Checked>, Error> {
    let fragments: Vec<Fragment> = match arguments.target.as_str() {
        "store" => context.store()?.fragments(None, &Filters::default(), context.now())?,
        "draft" => {
            let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
            let draft = context.draft(&channel)?.ok_or(Error::NoDraft { channel })?;
            draft.entries.into_values().map(|entry| entry.fragment).collect()
        }
        target => context.contents(&target.parse()?)?.fragments().cloned().collect(),
    };
    // What was typed here came from no line of a transcript.
    let typed = |fragment: &Fragment| {
        fragment.sources.iter().all(|source| source.rule.as_str() == super::fragment::TYPED)
    };
    let fragments: Vec<Fragment> = fragments.into_iter().filter(|f| !typed(f)).collect();
    let mut bytes = Vec::new();
    for found in inputs::find(&arguments.provenance)?.found {
        bytes.push((files::name(&found.whole())?, inputs::bytes_of(&found)?));
    }
    let slices: Vec<_> =
        bytes.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())).collect();
    let report = provenance::check(&fragments, &Transcripts::index(&slices));
    Ok(vec![provenance_check(&report)])
}

fn provenance_check(report: &ProvenanceReport) -> Checked {
    let problem = |fault: &provenance::SourceFault| {
        format!(
            "{}  {} line {}: {}",
            fault.fragment.short(),
            fault.source.file,
            fault.source.line,
            fault.kind.as_str()
        )
    };
    let name = format!(
        "provenance of {} from {}",
        table::count(report.fragments, "fragment"),
        table::count(report.sources, "source")
    );
    Checked::broken(name, report.faults.iter().map(problem).collect())
}
