//! Forgetting what was injected long ago: what is left of the event log still hangs together.
//!
//! A checkpoint says how far the log was forgotten and which hash its chain had there; it is an event
//! like any other, in the chain itself.

use garner_kernel::{Digest, Moment};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Trouble};
use crate::store::fragment_row::digest_from;
use crate::store::{Store, event};

/// The kind of a checkpoint in the event log.
const KIND: &str = "checkpoint";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    through: u64,
    hash: String,
    injections: u64,
}

/// How far the event log was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last event that may be missing.
    pub(crate) through: u64,
    /// Its hash.
    pub(crate) hash: Digest,
}

impl Store {
    /// Returns how many injections [`forget_injections`](Self::forget_injections) would forget.
    ///
    /// # Errors
    /// Those of reading, such as [`Error::Corrupt`].
    pub fn forgettable_injections(&self, before: Moment) -> Result<u64, Error> {
        self.read(|db| Ok(old(db, before)?.map_or(0, |(_, count)| count)))
    }

    /// Forgets the injections that were before a time, up to the first event that was not; leaves a
    /// checkpoint where it forgot any, and returns how many. Backups and drills are remembered.
    ///
    /// # Errors
    /// Those of writing, such as [`Error::Locked`] and [`Error::DiskFull`].
    pub fn forget_injections(&mut self, before: Moment, now: Moment) -> Result<u64, Error> {
        self.write(|db| {
            let Some((through, injections)) = old(db, before)? else { return Ok(0) };
            let hash = db.query_row("SELECT hash FROM event WHERE n = ?1", [through], |row| {
                row.get::<_, Vec<u8>>(0)
            })?;
            let hash = digest_from("event", &hash)?.to_string();
            let wire = serde_json::to_string(&Wire { through, hash, injections });
            event::append(db, now, KIND, wire.map_err(|e| Trouble::row("event", e))?)?;
            db.execute(
                "DELETE FROM event WHERE n <= ?1 AND kind = ?2",
                params![through, event::INJECTION],
            )?;
            Ok(injections)
        })
    }
}

/// Returns the last event before all that are not old, and how many injections there are up to it;
/// `None` if there are none.
fn old(db: &Connection, before: Moment) -> Result<Option<(u64, u64)>, Trouble> {
    let through: u64 = db.query_row(
        "SELECT ifnull((SELECT min(n) - 1 FROM event WHERE at >= ?1), \
         (SELECT ifnull(max(n), 0) FROM event))",
        [before.unix()],
        |row| row.get(0),
    )?;
    let count: u64 = db.query_row(
        "SELECT count(*) FROM event WHERE n <= ?1 AND kind = ?2",
        params![through, event::INJECTION],
        |row| row.get(0),
    )?;
    Ok((count > 0).then_some((through, count)))
}

/// Returns the last checkpoint.
pub(crate) fn checkpoint(db: &Connection) -> Result<Option<Checkpoint>, Trouble> {
    let sql = "SELECT payload FROM event WHERE kind = ?1 ORDER BY n DESC LIMIT 1";
    let payload: Option<String> =
        db.prepare_cached(sql)?.query_row([KIND], |row| row.get(0)).optional()?;
    let Some(payload) = payload else { return Ok(None) };
    let wire: Wire = serde_json::from_str(&payload).map_err(|e| Trouble::row("event", e))?;
    Ok(Some(Checkpoint { through: wire.through, hash: wire.hash.parse()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::milestone::BackupEvent;
    use crate::test_support::{DAY, NOW, store};
    use crate::{InjectionEvent, inject::Tokens};

    fn day(day: i64) -> Moment {
        Moment::from_unix(NOW + day * DAY)
    }

    fn injected(store: &mut Store, at: Moment) {
        let event = InjectionEvent {
            at,
            model: "llama3.2".to_owned(),
            prompt: Digest::of(b"prompt"),
            placed: Vec::new(),
            tokens: Tokens::new(9),
            left_out: Vec::new(),
        };
        store.record_injection(&event).unwrap();
    }

    fn problems(store: &Store) -> Vec<String> {
        store.verify().unwrap().checks.into_iter().flat_map(|check| check.problems).collect()
    }

    #[test]
    fn old_injections_are_forgotten_and_the_chain_still_holds() {
        let (_dir, mut store) = store();
        for at in 0..6 {
            injected(&mut store, day(at));
        }
        let backup = BackupEvent { at: day(6), backup: Digest::of(b"backup"), bytes: 7 };
        store.record_backup(&backup).unwrap();
        for at in 7..10 {
            injected(&mut store, day(at));
        }
        assert_eq!(store.forgettable_injections(day(8)).unwrap(), 7);
        assert_eq!(store.forget_injections(day(8), day(400)).unwrap(), 7);
        let left: Vec<u64> = store.injections(99).unwrap().iter().map(|e| e.number).collect();
        assert_eq!(left, [10, 9]);
        assert_eq!(store.last_backup().unwrap(), Some(backup));
        assert_eq!(problems(&store), Vec::<String>::new());
        assert_eq!(store.forget_injections(day(8), day(401)).unwrap(), 0);
        // Again, over the first checkpoint.
        injected(&mut store, day(402));
        assert_eq!(store.forget_injections(day(402), day(403)).unwrap(), 2);
        assert_eq!(store.injections(99).unwrap().len(), 1);
        assert_eq!(problems(&store), Vec::<String>::new());
        // All of them: the checkpoint is what is left.
        assert_eq!(store.forget_injections(day(900), day(900)).unwrap(), 1);
        assert_eq!(problems(&store), Vec::<String>::new());
        injected(&mut store, day(901));
        assert_eq!(problems(&store), Vec::<String>::new());
    }

    #[test]
    fn what_goes_missing_after_a_checkpoint_is_found() {
        let (_dir, mut store) = store();
        for at in 0..6 {
            injected(&mut store, day(at));
        }
        store.forget_injections(day(3), day(7)).unwrap();
        let delete = |n: u64| store.connection().execute("DELETE FROM event WHERE n = ?1", [n]);
        delete(5).unwrap();
        assert_eq!(problems(&store), ["event 6: a link is missing before it"]);
        delete(4).unwrap();
        assert_eq!(problems(&store), ["event 6: a link is missing before it"]);
        let change = "UPDATE event SET payload = json_set(payload, '$.through', 5) WHERE n = 7";
        store.connection().execute(change, []).unwrap();
        assert!(problems(&store).iter().any(|problem| problem.starts_with("event 7")));
    }
}
