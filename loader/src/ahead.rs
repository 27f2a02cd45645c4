//! Work that is done ahead: while one thread writes, another makes what is written next.
//!
//! SQLite has one writer, and half of what a load costs is not SQLite's: digests, terms, halves of
//! floats.

use std::sync::mpsc;
use std::thread;

/// Fewer items than this are not worth a thread.
const FEW: usize = 256;
/// How many items are handed over at once.
const BATCH: usize = 64;
/// How many batches may wait.
const WAITING: usize = 8;

/// Calls `each` with every item and what `make` makes of it, in order, until one fails.
pub(crate) fn ahead<'i, I: Sync, T: Send, E>(
    items: &'i [I],
    make: impl Fn(&'i I) -> T + Sync,
    mut each: impl FnMut(&'i I, T) -> Result<(), E>,
) -> Result<(), E> {
    if items.len() < FEW {
        return items.iter().try_for_each(|item| each(item, make(item)));
    }
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let make = &make;
        let making = move || {
            for batch in items.chunks(BATCH) {
                // Nobody takes it once an item has failed.
                if sender.send(batch.iter().map(make).collect::<Vec<T>>()).is_err() {
                    return;
                }
            }
        };
        let name = "garner-ahead".to_owned();
        if thread::Builder::new().name(name).spawn_scoped(scope, making).is_err() {
            return items.iter().try_for_each(|item| each(item, make(item)));
        }
        for (batch, made) in items.chunks(BATCH).zip(receiver) {
            for (item, made) in batch.iter().zip(made) {
                each(item, made)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_passed_in_order_with_what_is_made_of_it() {
        for size in [0, 1, FEW - 1, FEW, FEW + 1, 5_000] {
            let items: Vec<usize> = (0..size).collect();
            let mut seen = Vec::new();
            let all = ahead(
                &items,
                |item| item * 2,
                |item, made| {
                    seen.push((*item, made));
                    Ok::<_, ()>(())
                },
            );
            assert_eq!(all, Ok(()));
            let wanted: Vec<_> = items.iter().map(|item| (*item, item * 2)).collect();
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn the_first_failure_ends_it() {
        for size in [10, 5_000] {
            let items: Vec<usize> = (0..size).collect();
            let mut calls = 0;
            let fails = |_: &usize, made: usize| {
                calls += 1;
                if made == 7 { Err(made) } else { Ok(()) }
            };
            assert_eq!(ahead(&items, |item| *item, fails), Err(7));
            assert_eq!(calls, 8);
        }
    }
}
