//! `garner store drill`: would the newest backup bring back what is here, and how fast?

use std::time::Instant;

use clap::Args;
use garner_kernel::Class;
use garner_loader::{DrillEvent, Loss, OpenOptions, Store};
use serde_json::json;

use super::restore::Place;
use crate::backup::{self, BackupError, Policy, Recovered, Source, Turn};
use crate::context::Context;
use crate::error::Error;
use crate::output::{self, styled};
use crate::table;

mod replay;
mod verdict;

use replay::Replayed;
use verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), Error> {
    let live = context.store()?;
    let policy = Policy::read(context)?;
    let turn = Turn::take(context)?;
    let started = Instant::now();
    let source = arguments.place.found("latest", context)?;
    let scratch = turn.scratch()?;
    let recovered = arguments
        .place
        .recovery_key(context)
        .and_then(|key| backup::unpack(&source, &*key, scratch.path()));
    let recovered = match recovered {
        Ok(recovered) => recovered,
        Err(error) => {
            // That it failed is what the doctor has to tell.
            record(&failed(&source, context), context)?;
            return Err(error);
        }
    };
    let mut restored = Store::open(scratch.path(), &OpenOptions::write())?;
    let replayed = replay::replay(&mut restored, &live, context)?;
    let seconds = started.elapsed().as_secs_f64();
    let verdict = Verdict {
        losses: replay::losses(&restored, &live, &recovered, context)?,
        continues: replay::continues(&restored, &live, &recovered)?,
        live_differs: live_differs(&restored, &live, &recovered, context)?,
        seconds,
        goals: policy.goals(),
    };
    drop(restored);
    let failures = verdict.failures(&recovered);
    record(&event(&source, &verdict, failures.is_empty(), context), context)?;
    print(&source, &recovered, &replayed, &verdict, context)?;
    match failures.into_iter().next() {
        None => Ok(()),
        Some(reason) => Err(BackupError::DrillFailed { reason }.into()),
    }
}

fn record(event: &DrillEvent, context: &Context) -> Result<(), Error> {
    context.store_to_write()?.record_drill(event)?;
    Ok(())
}

fn failed(source: &Source, context: &Context) -> DrillEvent {
    let (at, backup) = (context.now(), source.digest);
    DrillEvent { at, backup, passed: false, recovery_ms: 0, lost: Vec::new() }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time since a start, in milliseconds"
)]
fn event(source: &Source, verdict: &Verdict, passed: bool, context: &Context) -> DrillEvent {
    DrillEvent {
        at: context.now(),
        backup: source.digest,
        passed,
        recovery_ms: (verdict.seconds * 1000.0) as u64,
        lost: verdict.losses.clone(),
    }
}

/// Returns how many questions the restored and the live store answer differently, where both show
/// the same.
fn live_differs(
    restored: &Store,
    live: &Store,
    recovered: &Recovered,
    context: &Context,
) -> Result<Option<usize>, Error> {
    if restored.view()? != live.view()? {
        return Ok(None);
    }
    let now = context.now();
    let canaries = backup::asked_again(restored, &recovered.canaries, now)?;
    Ok(Some(backup::differing(live, &canaries, now)?))
}

fn print(
    source: &Source,
    recovered: &Recovered,
    replayed: &Replayed,
    verdict: &Verdict,
    context: &Context,
) -> Result<(), Error> {
    let failures = verdict.failures(recovered);
    if context.global.json {
        let class = |(loss, goal, met): (&Loss, &backup::Goal, bool)| {
            json!({
                "class": loss.class.to_string(),
                "fragments_lost": loss.fragments,
                "lost_seconds": loss.seconds,
                "lost_seconds_target": goal.lost_seconds,
                "recovery_seconds_target": goal.recovery_seconds,
                "met": met,
            })
        };
        return context.output.print_json(json!({
            "backup": source.digest.to_string(),
            "at": source.manifest.at.to_string(),
            "place": source.place(),
            "passed": failures.is_empty(),
            "checks": recovered.checks,
            "questions": recovered.questions.0,
            "answers_differ": recovered.questions.1,
            "live_answers_differ": verdict.live_differs,
            "replayed": replayed.done,
            "not_replayed": replayed.missing,
            "recovery_seconds": verdict.seconds,
            "classes": verdict.classes().map(class).collect::<Vec<_>>(),
            "failures": failures,
        }));
    }
    let mut rows = vec![
        (
            "backup",
            format!("{} of {}, from {}", source.digest.short(), source.manifest.at, source.place()),
        ),
        ("verified", format!("signature, digests, {}", recovered.checks.join(", "))),
        (
            "replayed",
            if replayed.done.is_empty() {
                "nothing newer".to_owned()
            } else {
                replayed.done.join(", ")
            },
        ),
    ];
    if !replayed.missing.is_empty() {
        rows.push(("missing", replayed.missing.join(", ")));
    }
    let (asked, differ) = recovered.questions;
    rows.push(("questions", format!("{} of {asked} answered as before", asked - differ)));
    rows.push(("recovered", format!("in {:.1} s", verdict.seconds)));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, fact)| vec![name.to_owned(), fact]).collect();
    let mut text = table::columns(&rows);
    text.push('\n');
    text.push_str(&table::columns(&verdict.table()));
    for failure in failures {
        text.push_str(&format!("{} {failure}\n", styled("FAILED", output::RED)));
    }
    context.output.print(&text)
}

/// Returns a time for people: the largest unit that says it exactly enough.
fn time(seconds: u64) -> String {
    match seconds {
        0 => "nothing".to_owned(),
        s if s < 120 => format!("{s} s"),
        s if s < 2 * 3600 => format!("{} min", s / 60),
        s if s < 2 * 86_400 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Returns the loss of a class that nothing is lost of.
const fn none(class: Class) -> Loss {
    Loss { class, fragments: 0, seconds: 0 }
}
