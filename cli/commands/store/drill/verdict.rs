//! Whether what a drill measured is good enough.

use garner_kernel::Class;
use garner_loader::Loss;

use super::time;
use crate::backup::{Goal, Recovered};
use crate::table;

/// What was measured, and what was to be met.
pub(super) struct Verdict {
    /// What would have been lost, class by class.
    pub(super) losses: Vec<Loss>,
    /// Whether the live log goes on where that of the backup ends.
    pub(super) continues: bool,
    /// How many questions both stores answer differently; `None` where they show different things.
    pub(super) live_differs: Option<usize>,
    /// How long it took until a checked store was there.
    pub(super) seconds: f64,
    pub(super) goals: [(Class, Goal); 3],
}

impl Verdict {
    /// Returns each class with its loss, its target, and whether it was met.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&Loss, &Goal, bool)> {
        self.goals.iter().filter_map(|(class, goal)| {
            let loss = self.losses.iter().find(|loss| loss.class == *class)?;
            Some((loss, goal, self.keeps(loss, goal) && self.is_fast(goal)))
        })
    }

    #[expect(clippy::unused_self, reason = "stands beside its twin")]
    const fn keeps(&self, loss: &Loss, goal: &Goal) -> bool {
        // Where nothing may be lost, a fragment of this second is too much as well.
        loss.fragments == 0 || (loss.seconds <= goal.lost_seconds && goal.lost_seconds > 0)
    }

    #[expect(clippy::cast_precision_loss, reason = "a target in seconds")]
    fn is_fast(&self, goal: &Goal) -> bool {
        self.seconds <= goal.recovery_seconds as f64
    }

    /// Returns what does not hold, one line each; the worst first.
    pub(super) fn failures(&self, recovered: &Recovered) -> Vec<String> {
        let mut failures = Vec::new();
        let (asked, differ) = recovered.questions;
        // Another version of the program may rank in another way.
        if differ > 0 && recovered.same_tool {
            failures.push(format!("{differ} of {asked} questions are answered in another way"));
        }
        if !self.continues {
            failures
                .push("the log of this store does not go on where the backup's ends".to_owned());
        }
        if let Some(differ) = self.live_differs.filter(|differ| *differ > 0) {
            failures.push(format!("this store answers {differ} questions in another way"));
        }
        for (loss, goal, _) in self.classes() {
            if !self.keeps(loss, goal) {
                failures.push(format!(
                    "of class {}, {} would be lost, {} old; the target is {}",
                    loss.class,
                    table::count(loss.fragments, "fragment"),
                    age(loss.seconds),
                    time(goal.lost_seconds),
                ));
            }
            if !self.is_fast(goal) {
                failures.push(format!(
                    "{} is back after {:.0} s; the target is {}",
                    loss.class,
                    self.seconds,
                    time(goal.recovery_seconds),
                ));
            }
        }
        failures
    }

    /// Returns the rows of the table for people.
    pub(super) fn table(&self) -> Vec<Vec<String>> {
        let head = ["class", "would be lost", "target", "back after", "target", ""];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (loss, goal, met) in self.classes() {
            let lost = match loss.fragments {
                0 => "nothing".to_owned(),
                n => format!("{}, {} old", table::count(n, "fragment"), age(loss.seconds)),
            };
            rows.push(vec![
                loss.class.to_string(),
                lost,
                time(goal.lost_seconds),
                format!("{:.1} s", self.seconds),
                time(goal.recovery_seconds),
                if met { "met" } else { "MISSED" }.to_owned(),
            ]);
        }
        rows
    }
}

fn age(seconds: u64) -> String {
    if seconds == 0 { "0 s".to_owned() } else { time(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(fragments: usize, old: u64, seconds: f64, allowed: u64) -> Vec<bool> {
        let loss = Loss { class: Class::Semantic, fragments, seconds: old };
        let goal = Goal { lost_seconds: allowed, recovery_seconds: 900 };
        let goals = [Class::Semantic, Class::Episodic, Class::Procedural].map(|c| (c, goal));
        let verdict =
            Verdict { losses: vec![loss], continues: true, live_differs: None, seconds, goals };
        verdict.classes().map(|(_, _, met)| met).collect()
    }

    #[test]
    fn targets_are_met_up_to_and_with_their_value() {
        for (fragments, lost, seconds, allowed, met) in [
            (0, 0, 1.0, 3600, true),
            (1, 3600, 1.0, 3600, true),
            (1, 3601, 1.0, 3600, false),
            (1, 0, 1.0, 0, false),
            (0, 0, 900.0, 0, true),
            (0, 0, 900.1, 0, false),
        ] {
            assert_eq!(verdict(fragments, lost, seconds, allowed), [met], "{fragments} {lost}");
        }
    }
}
