//! Which backups are kept: one for each of the last days, weeks and months that have one.

use std::collections::BTreeSet;

use clap::Args;
use garner_kernel::backup::{Listed, Listing, Manifest};
use garner_kernel::bundle::PublisherKey;
use garner_kernel::{Digest, Moment};
use garner_sync::Name;
use serde::{Deserialize, Serialize};

use super::Vault;
use super::pending::Pending;
use crate::context::Context;
use crate::error::Error;

/// How many backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keep {
    pub(crate) daily: usize,
    pub(crate) weekly: usize,
    pub(crate) monthly: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { daily: 7, weekly: 5, monthly: 12 }
    }
}

/// What somebody says on the command line of how many backups are kept.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct KeepArguments {
    /// Keep the last backup of each of so many days (default: 7)
    #[arg(long = "keep-daily", value_name = "N")]
    daily: Option<usize>,
    /// Keep the last backup of each of so many weeks (default: 5)
    #[arg(long = "keep-weekly", value_name = "N")]
    weekly: Option<usize>,
    /// Keep the last backup of each of so many months (default: 12)
    #[arg(long = "keep-monthly", value_name = "N")]
    monthly: Option<usize>,
}

impl Keep {
    /// Returns what holds where the command line says something else.
    pub(crate) fn or(self, arguments: KeepArguments) -> Self {
        Self {
            daily: arguments.daily.unwrap_or(self.daily),
            weekly: arguments.weekly.unwrap_or(self.weekly),
            monthly: arguments.monthly.unwrap_or(self.monthly),
        }
    }
}

/// Names the day, week or month of a time.
type Period = fn(Moment) -> String;

/// Which backups go and which stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pruning {
    /// Those that stay, the oldest first, and what each is kept as.
    pub(crate) kept: Vec<(Listed, Vec<&'static str>)>,
    /// Those that go, the oldest first.
    pub(crate) removed: Vec<Listed>,
}

/// Returns which of `backups`, the oldest first, stay: what `keep` says, always the newest, and
/// always `good`, the last one that a drill restored.
pub(crate) fn pruning(backups: &[Listed], keep: Keep, good: Option<Digest>) -> Pruning {
    let mut pruning = Pruning { kept: Vec::new(), removed: Vec::new() };
    let rules: [(&str, usize, Period); 3] = [
        ("daily", keep.daily, Moment::date),
        ("weekly", keep.weekly, week),
        ("monthly", keep.monthly, month),
    ];
    let mut seen = [const { BTreeSet::new() }; 3];
    for (age, backup) in backups.iter().rev().enumerate() {
        let mut reasons = Vec::new();
        if age == 0 {
            reasons.push("newest");
        }
        if good == Some(backup.digest) {
            reasons.push("drilled");
        }
        for ((word, most, period), seen) in rules.iter().zip(&mut seen) {
            if seen.len() < *most && seen.insert(period(backup.at)) {
                reasons.push(word);
            }
        }
        if reasons.is_empty() {
            pruning.removed.push(backup.clone());
        } else {
            pruning.kept.push((backup.clone(), reasons));
        }
    }
    pruning.kept.reverse();
    pruning.removed.reverse();
    pruning
}

/// Removes from a vault what shall go: first from the list, so that it names nothing that is half
/// gone, then the files, which are written down before; the next backup finishes what is stopped.
pub(crate) fn prune(
    vault: &Vault,
    pruning: &Pruning,
    key: &PublisherKey,
    context: &Context,
) -> Result<(), Error> {
    let backups: Vec<Listed> = pruning.kept.iter().map(|(backup, _)| backup.clone()).collect();
    let Some(newest) = backups.last() else { return Ok(()) };
    let mut names: Vec<Name> = Vec::new();
    let mut going = Vec::new();
    for backup in &pruning.removed {
        let note = vault.name(&backup.digest);
        // What is damaged has no parts that could be named.
        let checked = vault.read(&note)?.map(|note| Manifest::check(&note, &[vault.key()]));
        let parts = checked.and_then(Result::ok).map(|(manifest, _)| manifest.parts);
        for part in parts.unwrap_or_default() {
            going.push(part.digest);
            names.push(vault.part(&part.digest));
        }
        going.push(backup.digest);
        names.push(note);
    }
    let mut pending = Pending::start(vault, context)?;
    pending.add(&going)?;
    vault.put_listing(&Listing { at: newest.at, backups }, key)?;
    vault.remote().delete_all(&names)?;
    pending.done()
}

/// The day on which weeks of the Unix calendar start is a Thursday.
const MONDAY: i64 = 3;
const DAY: i64 = 86_400;

fn week(at: Moment) -> String {
    ((at.unix().div_euclid(DAY) + MONDAY).div_euclid(7)).to_string()
}

fn month(at: Moment) -> String {
    at.date().chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backups(times: &[&str]) -> Vec<Listed> {
        let listed = |time: &&str| Listed {
            digest: Digest::of(time.as_bytes()),
            at: time.parse().unwrap(),
            size: 1,
        };
        times.iter().map(listed).collect()
    }

    fn kept(backups: &[Listed], keep: Keep, good: Option<Digest>) -> Vec<String> {
        let pruning = pruning(backups, keep, good);
        assert_eq!(pruning.kept.len() + pruning.removed.len(), backups.len());
        pruning.kept.iter().map(|(b, why)| format!("{} {}", b.at.date(), why.join(" "))).collect()
    }

    #[test]
    fn the_last_of_each_day_week_and_month_stays() {
        let all = backups(&[
            "2026-01-05T10:00:00Z",
            "2026-01-31T10:00:00Z",
            "2026-02-10T10:00:00Z",
            "2026-03-14T10:00:00Z", // Saturday
            "2026-03-15T10:00:00Z", // Sunday
            "2026-03-16T09:00:00Z", // Monday
            "2026-03-16T21:00:00Z",
        ]);
        let keep = Keep { daily: 2, weekly: 2, monthly: 3 };
        assert_eq!(
            kept(&all, keep, None),
            [
                "2026-01-31 monthly",
                "2026-02-10 monthly",
                "2026-03-15 daily weekly",
                "2026-03-16 newest daily weekly monthly",
            ]
        );
    }

    #[test]
    fn the_newest_and_the_last_that_was_drilled_always_stay() {
        let all =
            backups(&["2026-01-05T10:00:00Z", "2026-01-06T10:00:00Z", "2026-01-07T10:00:00Z"]);
        let none = Keep { daily: 0, weekly: 0, monthly: 0 };
        assert_eq!(kept(&all, none, None), ["2026-01-07 newest"]);
        let good = Some(all[0].digest);
        assert_eq!(kept(&all, none, good), ["2026-01-05 drilled", "2026-01-07 newest"]);
        assert_eq!(kept(&[], Keep::default(), None), Vec::<String>::new());
        // What stays once stays when it is asked again: no backup goes by asking twice.
        let again: Vec<Listed> =
            pruning(&all, Keep::default(), None).kept.into_iter().map(|(b, _)| b).collect();
        assert_eq!(pruning(&again, Keep::default(), None).removed, []);
    }
}
