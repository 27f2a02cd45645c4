//! `garner doctor`: what could go wrong on this machine, and the command that mends it.
//!
//! Each check is a function that returns what it found; a new one is a line in [`CHECKS`].

mod backups;
mod channels;
mod expiry;
mod hooks;
mod meaning;
mod ollama;
mod store;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::drill;
use crate::error::Error;
use crate::keys::{self, KeyRole, Protection};
use crate::output::{self, styled};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Look for this model at the Ollama server as well
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Nothing to do.
    Ok,
    /// Works today.
    Warning,
    /// Does not work, or protects nothing.
    Broken,
}

/// What a check found.
#[derive(Debug)]
struct Finding {
    level: Level,
    says: String,
    fix: Option<String>,
}

impl Finding {
    fn ok(says: impl Into<String>) -> Self {
        Self { level: Level::Ok, says: says.into(), fix: None }
    }

    fn warning(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warning, says: says.into(), fix: Some(fix.into()) }
    }

    fn broken(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Broken, says: says.into(), fix: Some(fix.into()) }
    }

    /// Names a fix where there is none yet.
    fn or_fix(self, fix: &str) -> Self {
        Self { fix: self.fix.or_else(|| Some(fix.to_owned())), ..self }
    }
}

type Check = fn(&Context) -> Result<Vec<Finding>, Error>;

/// Every check with its name, in the order in which they are told.
const CHECKS: &[(&str, Check)] = &[
    ("store", store::integrity),
    ("lock", store::lock),
    ("disk", store::disk),
    ("publishers", channels::publishers),
    ("versions", channels::versions),
    ("remote", channels::remotes),
    ("drafts", store::drafts),
    ("keys", keys_present),
    ("key files", key_files),
    ("recovery", recovery_reads),
    ("drill", drills),
    ("backup", backups::backups),
    ("key expiry", expiry::keys),
    ("root", expiry::roots),
    ("latest", expiry::latest),
    ("clock", expiry::clock),
    ("model", meaning::model),
    ("vectors", meaning::vectors),
    ("search", meaning::search),
    ("hooks", hooks::hooks),
    ("proxy", ollama::proxy),
];

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let mut findings: Vec<(&str, Finding)> = Vec::new();
    let mut add = |name, found: Result<Vec<Finding>, Error>| {
        // What a check cannot read is itself a finding; the others go on.
        for finding in found.unwrap_or_else(|error| vec![of_error(&error)]) {
            // Several checks may stumble over the same file.
            let told = |(_, earlier): &(&str, Finding)| earlier.says == finding.says;
            if finding.level == Level::Ok || !findings.iter().any(told) {
                findings.push((name, finding));
            }
        }
    };
    for (name, check) in CHECKS {
        add(name, check(context));
    }
    add("ollama", ollama::server(arguments.model.as_deref(), context));
    print(&findings, context)?;
    match findings.iter().filter(|(_, finding)| finding.level == Level::Broken).count() {
        0 => Ok(()),
        problems => Err(Error::Problems { problems }),
    }
}

/// Returns what an error says, with what caused it.
fn of_error(error: &Error) -> Finding {
    use garner_kernel::Explain as _;
    let mut says = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        says.push_str(&format!(": {source}"));
        cause = source.source();
    }
    Finding { level: Level::Broken, says, fix: error.hint() }
}

fn print(findings: &[(&str, Finding)], context: &Context) -> Result<(), Error> {
    let count = |level| findings.iter().filter(|(_, finding)| finding.level == level).count();
    let word = |level| match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Broken => "broken",
    };
    if context.global.json {
        let item = |(check, finding): &(&str, Finding)| {
            json!({
                "check": check,
                "level": word(finding.level),
                "says": finding.says,
                "fix": finding.fix,
            })
        };
        return context.output.print_json(json!({
            "checks": findings.iter().map(item).collect::<Vec<_>>(),
            "warnings": count(Level::Warning),
            "broken": count(Level::Broken),
        }));
    }
    let mut text = String::new();
    for (check, finding) in findings {
        let style = match finding.level {
            Level::Ok => output::GREEN,
            Level::Warning => output::YELLOW,
            Level::Broken => output::RED,
        };
        let level = styled(&format!("{:7}", word(finding.level)), style);
        text.push_str(&format!("{level}  {check:10}  {}\n", finding.says));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("{:21}-> {fix}\n", ""));
        }
    }
    context.output.print(&text)
}

/// The keys that a machine needs for what it does are there.
fn keys_present(context: &Context) -> Result<Vec<Finding>, Error> {
    let publishes = !drill::published(context)?.is_empty();
    let mut findings = Vec::new();
    for role in KeyRole::ALL {
        let (what, path) = (role.what(), role.path(&context.places));
        let missing = format!("there is no {what} at `{}`", path.display());
        findings.push(match role {
            _ if path.exists() => continue,
            _ if role.is_elsewhere(&context.places) => {
                Finding::ok(format!("the {what} is kept elsewhere"))
            }
            KeyRole::Publisher | KeyRole::Root if !publishes => continue,
            KeyRole::Receipt => continue,
            KeyRole::Device | KeyRole::Publisher => Finding::broken(missing, "garner setup"),
            KeyRole::Root => Finding::ok(missing),
            KeyRole::Recovery => Finding::warning(missing, "garner setup"),
        });
    }
    if findings.is_empty() {
        findings.push(Finding::ok("every key is there"));
    }
    Ok(findings)
}

/// Nobody else can read a key file, and each holds a key.
fn key_files(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let mut protected = 0;
    for role in KeyRole::ALL.into_iter().chain([KeyRole::Receipt]) {
        match role.public(&context.places) {
            Ok(_) | Err(Error::NoKey { .. }) => {}
            Err(error) => findings.push(of_error(&error)),
        }
        let protection = role.protection(&context.places)?;
        protected += usize::from(protection == Some(Protection::Passphrase));
    }
    for path in keys::leftovers(&context.places)? {
        findings.push(Finding::warning(
            format!(
                "`{}` was left by a command that was stopped, and may hold a key",
                path.display()
            ),
            format!("rm {}", path.display()),
        ));
    }
    for role in KeyRole::ALL.into_iter().filter(|role| role.signs()) {
        if role.successor_public(&context.places)?.is_some() {
            let says = format!("a rotation of the {} was stopped before its end", role.what());
            findings.push(Finding::warning(says, format!("garner key rotate {}", role.as_str())));
        }
    }
    if findings.is_empty() {
        let says = format!("only you can read them; {protected} under a passphrase");
        findings.push(Finding::ok(says));
    }
    Ok(findings)
}

/// The recovery key is among the readers of every channel that is published here.
fn recovery_reads(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let recovery = match KeyRole::Recovery.public(&context.places) {
        Err(Error::NoKey { .. }) => return Ok(findings),
        found => found?,
    };
    for (channel, settings) in drill::published(context)? {
        let reads = settings.readers.iter().any(|r| r.recipient.to_string() == recovery);
        findings.push(if reads {
            Finding::ok(format!("the recovery key is a reader of `{channel}`"))
        } else {
            Finding::broken(
                format!("the recovery key is no reader of `{channel}`"),
                format!("garner channel grant {channel} {recovery} --as recovery"),
            )
        });
    }
    Ok(findings)
}

/// The recovery key was tried on every channel, not too long ago.
fn drills(context: &Context) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (channel, settings) in drill::published(context)? {
        if settings.trust.known.floor.is_none() {
            continue;
        }
        let drill = drill::last(&settings, context)?;
        findings.push(match (drill::warning(&channel, &settings, context)?, drill) {
            (None, Some(drill)) => {
                let (version, date) = (drill.version, drill.at.date());
                Finding::ok(format!("the recovery key opened {version} of `{channel}` on {date}"))
            }
            (Some(says), _) => Finding::warning(says, format!("garner key drill {channel}")),
            (None, None) => continue,
        });
    }
    Ok(findings)
}
