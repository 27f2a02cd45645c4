//! Events of upkeep: backups that were made, and drills that were held.

use garner_kernel::{Class, Digest, Moment};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Trouble};
use crate::store::{Store, event};

/// A backup that was made of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupEvent {
    /// When.
    pub at: Moment,
    /// The digest of its note.
    pub backup: Digest,
    /// How many bytes its parts have.
    pub bytes: u64,
}

/// A drill: a backup was restored to see whether it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillEvent {
    /// When.
    pub at: Moment,
    /// The digest of the backup's note.
    pub backup: Digest,
    /// Whether every check held and every target was met.
    pub passed: bool,
    /// How long it took until a checked store was there, in milliseconds.
    pub recovery_ms: u64,
    /// What would have been lost, class by class.
    pub lost: Vec<Loss>,
}

/// What of a class would have been lost if the store had been lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The class.
    pub class: Class,
    /// How many fragments.
    pub fragments: usize,
    /// How long before the drill the oldest of them was written, in seconds; 0 where there is none.
    pub seconds: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBackup {
    backup: String,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDrill {
    backup: String,
    passed: bool,
    recovery_ms: u64,
    lost: Vec<WireLoss>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLoss {
    class: String,
    fragments: usize,
    seconds: u64,
}

const BACKUP: &str = "backup";
const DRILL: &str = "drill";

impl Store {
    /// Appends to the event log that a backup was made, and returns the number of the event.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn record_backup(&mut self, made: &BackupEvent) -> Result<u64, Error> {
        let wire = WireBackup { backup: made.backup.to_string(), bytes: made.bytes };
        self.write(|db| event::append(db, made.at, BACKUP, json(&wire)?))
    }

    /// Appends to the event log that a drill was held, and returns the number of the event.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn record_drill(&mut self, held: &DrillEvent) -> Result<u64, Error> {
        let loss = |loss: &Loss| WireLoss {
            class: loss.class.to_string(),
            fragments: loss.fragments,
            seconds: loss.seconds,
        };
        let wire = WireDrill {
            backup: held.backup.to_string(),
            passed: held.passed,
            recovery_ms: held.recovery_ms,
            lost: held.lost.iter().map(loss).collect(),
        };
        self.write(|db| event::append(db, held.at, DRILL, json(&wire)?))
    }

    /// Returns the last backup that was made of the store; `None` if none was.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::BrokenRow`].
    pub fn last_backup(&self) -> Result<Option<BackupEvent>, Error> {
        self.read(|db| {
            let Some((at, payload)) = event::last(db, BACKUP)? else { return Ok(None) };
            let wire: WireBackup = from_json(&payload)?;
            Ok(Some(BackupEvent { at, backup: wire.backup.parse()?, bytes: wire.bytes }))
        })
    }

    /// Returns the last drill that was held; `None` if none was.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::BrokenRow`].
    pub fn last_drill(&self) -> Result<Option<DrillEvent>, Error> {
        self.read(|db| {
            let Some((at, payload)) = event::last(db, DRILL)? else { return Ok(None) };
            let wire: WireDrill = from_json(&payload)?;
            let loss = |loss: WireLoss| -> Result<Loss, Trouble> {
                let (fragments, seconds) = (loss.fragments, loss.seconds);
                Ok(Loss { class: loss.class.parse()?, fragments, seconds })
            };
            Ok(Some(DrillEvent {
                at,
                backup: wire.backup.parse()?,
                passed: wire.passed,
                recovery_ms: wire.recovery_ms,
                lost: wire.lost.into_iter().map(loss).collect::<Result<_, _>>()?,
            }))
        })
    }
}

fn json(wire: &impl Serialize) -> Result<String, Trouble> {
    serde_json::to_string(wire).map_err(|e| Trouble::row("event", e))
}

fn from_json<T: DeserializeOwned>(payload: &str) -> Result<T, Trouble> {
    serde_json::from_str(payload).map_err(|e| Trouble::row("event", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{now, store};

    #[test]
    fn the_last_of_each_sort_is_told_and_injections_are_left_alone() {
        let (_dir, mut store) = store();
        assert_eq!((store.last_backup().unwrap(), store.last_drill().unwrap()), (None, None));
        let backup = |text: &[u8]| BackupEvent { at: now(), backup: Digest::of(text), bytes: 7 };
        store.record_backup(&backup(b"one")).unwrap();
        store.record_backup(&backup(b"two")).unwrap();
        let lost = vec![Loss { class: Class::Episodic, fragments: 2, seconds: 60 }];
        let drill = DrillEvent {
            at: now(),
            backup: Digest::of(b"two"),
            passed: false,
            recovery_ms: 1200,
            lost,
        };
        assert_eq!(store.record_drill(&drill).unwrap(), 3);
        assert_eq!(store.last_backup().unwrap(), Some(backup(b"two")));
        assert_eq!(store.last_drill().unwrap(), Some(drill));
        assert_eq!(store.injections(9).unwrap(), []);
        assert!(store.verify().unwrap().is_sound());
    }
}
