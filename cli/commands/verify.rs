//! `garner verify`: check bundles, channels, the store, and where fragments came from.

use std::path::{Path, PathBuf};

use clap::Args;
use garner_compiler::provenance::{self, ProvenanceReport, Transcripts};
use garner_kernel::bundle::{self, Anchor, Bundle};
use garner_kernel::{ChannelName, Fragment};
use garner_loader::Filters;
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::kernels::{At, KernelName};
use crate::output::{self, styled};
use crate::{files, table};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to check: `store`, `draft`, a channel, or a `.kernel` file
    #[arg(default_value = "store")]
    target: String,
    /// Check fragments against these transcripts, or folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    provenance: Vec<PathBuf>,
    /// Look at the draft of this channel
    #[arg(short, long, value_name = "NAME")]
    channel: Option<ChannelName>,
}

/// One check and what it found; no problems means that it holds.
struct Checked {
    name: String,
    problems: Vec<String>,
}

impl Checked {
    fn holds(name: impl Into<String>) -> Self {
        Self { name: name.into(), problems: Vec::new() }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let checks = if arguments.provenance.is_empty() {
        match arguments.target.as_str() {
            "store" => store(context)?,
            "draft" => draft(arguments, context)?,
            target => match target.parse()? {
                KernelName::File(path) => file(&path, context)?,
                KernelName::Channel(channel, _) => channel_checks(&channel, context)?,
            },
        }
    } else {
        sources(arguments, context)?
    };
    show(&checks, context)
}

fn show(checks: &[Checked], context: &Context) -> Result<(), Error> {
    let problems = checks.iter().filter(|check| !check.problems.is_empty()).count();
    if context.global.json {
        let check = |c: &Checked| json!({ "name": c.name, "problems": c.problems });
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
            text.push_str(&format!("{mark}  {}\n", check.name));
            for problem in &check.problems {
                text.push_str(&format!("        {problem}\n"));
            }
        }
        context.output.print(&text)?;
    }
    if problems == 0 { Ok(()) } else { Err(Error::Problems { problems }) }
}

fn store(context: &Context) -> Result<Vec<Checked>, Error> {
    let report = context.store()?.verify()?;
    let check = |c: garner_loader::Check| Checked { name: c.name.into(), problems: c.problems };
    Ok(report.checks.into_iter().map(check).collect())
}

fn draft(arguments: &Arguments, context: &Context) -> Result<Vec<Checked>, Error> {
    let channel = super::compile::channel(arguments.channel.as_ref(), context)?;
    let draft = context.draft(&channel)?.ok_or(Error::NoDraft { channel })?;
    let name = format!("{} readable", table::count(draft.entries.len(), "entry"));
    Ok(vec![Checked::holds(name)])
}

/// Checks a bundle file, with and without keys.
fn file(path: &Path, context: &Context) -> Result<Vec<Checked>, Error> {
    let refused = |source| Error::Bundle { path: path.to_owned(), source };
    let bundle = Bundle::parse(&files::read(path)?).map_err(refused)?;
    let mut checks = vec![Checked::holds("frames and digest of the file")];
    let first = bundle.roots.first().map_or(&[][..], Vec::as_slice);
    let repository = bundle::repository_of(first).map_err(refused)?;
    let anchor = Anchor { repository: repository.clone(), channel: None, floor: None };
    let checked = bundle::check(&bundle, &anchor).map_err(refused)?;
    let head = checked.head();
    checks.push(Checked::holds(format!("root of repository {repository}")));
    checks.push(Checked::holds(format!(
        "head {} of `{}`, signed by {}",
        head.version,
        head.channel,
        checked.manifest().publisher
    )));
    let objects = table::count(bundle.objects.len(), "object");
    checks.push(Checked::holds(format!("sizes and digests of manifest, keyring and {objects}")));
    match context.open_kernel(&KernelName::File(path.to_owned())) {
        Ok(kernel) => {
            let fragments = kernel.get().contents.fragments().len();
            let fragments = table::count(fragments, "fragment");
            checks.push(Checked::holds(format!("contents: {fragments}")));
        }
        Err(error @ (Error::NoKey { .. } | Error::Untrusted { .. })) => {
            context.output.say(&format!("The contents were not opened: {error}."));
        }
        Err(error) => return Err(error),
    }
    Ok(checks)
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
    for release in &releases {
        let name = KernelName::Channel(channel.clone(), At::Number(release.version));
        checks.push(match context.open_kernel(&name) {
            Ok(kernel) => {
                let fragments = kernel.get().contents.fragments().len();
                let fragments = table::count(fragments, "fragment");
                Checked::holds(format!("{}: {fragments}", release.version))
            }
            Err(error) => {
                Checked { name: release.version.to_string(), problems: vec![error.to_string()] }
            }
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
    let transcripts = files::transcripts(&arguments.provenance)?;
    let mut bytes = Vec::new();
    for transcript in &transcripts {
        bytes.push((files::name(&transcript.path)?, files::read(&transcript.path)?));
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
    Checked {
        name: format!(
            "provenance of {} from {}",
            table::count(report.fragments, "fragment"),
            table::count(report.sources, "source")
        ),
        problems: report.faults.iter().map(problem).collect(),
    }
}
