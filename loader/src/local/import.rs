//! Taking in fragments that were exported: each becomes a version of the channel `local`, all of
//! them in one transaction.

use garner_kernel::Fragment;

use super::{is_seen, remember};
use crate::error::Error;
use crate::stamp::Stamp;
use crate::store::Store;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many fragments are new here, and seen.
    pub added: usize,
    /// How many recall saw already, from whichever channel.
    pub known: usize,
    /// How many are new here, and not seen: something here replaces or rejects them, or they have
    /// expired.
    pub hidden: usize,
    /// The first and the last operation, if there was any.
    pub operations: Option<(u64, u64)>,
}

impl Store {
    /// Adds fragments to the channel `local` as they are, with their sources; what recall sees
    /// already is passed over. Their vectors are made by [`Store::embed_missing`].
    ///
    /// A fragment keeps its revision unless the store has that one already.
    ///
    /// # Errors
    /// [`Error::NoRecord`] when a record cannot hold a fragment, and those of writing, such as
    /// [`Error::Locked`]; nothing is changed then.
    pub fn import(&mut self, fragments: &[Fragment], stamp: &Stamp) -> Result<Imported, Error> {
        self.write(|db| {
            let mut imported = Imported::default();
            for fragment in fragments {
                if is_seen(db, fragment.id, stamp.at)? {
                    imported.known += 1;
                    continue;
                }
                let number = remember(db, fragment.clone(), stamp)?.result.operation;
                let first = imported.operations.map_or(number, |(first, _)| first);
                imported.operations = Some((first, number));
                if is_seen(db, fragment.id, stamp.at)? {
                    imported.added += 1;
                } else {
                    imported.hidden += 1;
                }
            }
            Ok(imported)
        })
    }
}

#[cfg(test)]
mod tests {
    use garner_kernel::{
        Change, Confidence, Digest, Kind, Moment, Scope, Source, Text, Trust, record,
    };
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;
    use crate::endurance::told;
    use crate::test_support::{contents, fact, kernel, load, now, stamp, store};
    use crate::{Filters, Store};

    /// Returns what an export writes.
    fn exported(store: &Store) -> String {
        let fragments = store.fragments(None, &Filters::default(), now()).unwrap();
        let line = |fragment: Fragment| record::line(&Change::Put(Box::new(fragment))) + "\n";
        fragments.into_iter().map(line).collect()
    }

    fn read(text: &str) -> Vec<Fragment> {
        let fragment = |line: &str| match record::parse(line).unwrap() {
            Change::Put(fragment) => *fragment,
            Change::Del(tombstone) => panic!("{tombstone:?}"),
        };
        text.lines().map(fragment).collect()
    }

    prop_compose! {
        fn source()(
            session in "[a-zA-Z0-9._-]{1,12}",
            file in "[^\\p{Cc}/\\\\]{1,12}",
            line in 1_u64..9999,
            speaker in prop::sample::select(vec![Trust::Human, Trust::Tool, Trust::Operator]),
        ) -> Option<Source> {
            Some(Source {
                session: session.parse().ok()?,
                file: file.parse().ok()?,
                record: "r-1".parse().ok()?,
                line: line.try_into().ok()?,
                digest: Digest::of(session.as_bytes()),
                speaker,
                rule: "d2-answer".parse().ok()?,
            })
        }
    }

    prop_compose! {
        /// A fragment in any script, with lists of any length; `None` where a record cannot hold it.
        fn fragment()(
            kind in prop::sample::select(vec![Kind::Rule, Kind::Fact, Kind::Handoff, Kind::Fix]),
            statement in "(\\PC|\n|\t){1,80}",
            context in prop::option::of("\\PC{1,40}"),
            project in prop::option::of("[^\\p{Cc}\\s/\\\\:]{1,12}"),
            tags in prop::collection::btree_set("[a-z0-9._-]{1,10}", 0..6),
            sources in prop::collection::vec(source(), 1..5),
            older in prop::collection::btree_set("[a-z]{4}", 0..4),
            revision in 1_u32..9,
            (created, ends) in (0_i64..1_700_000_000, prop::option::of(1_i64..99_999_999)),
        ) -> Option<Fragment> {
            let scope = match project {
                Some(name) => Scope::Project(name.parse().ok()?),
                None => Scope::User,
            };
            let mut supersedes: Vec<_> =
                older.iter().map(|text| Fragment::id_of(kind, &scope, text)).collect();
            supersedes.sort_unstable();
            let fragment = Fragment {
                id: Fragment::id_of(kind, &scope, &statement),
                revision,
                kind,
                scope,
                trust: Trust::Tool,
                confidence: Confidence::percent(u8::try_from(created % 101).ok()?),
                statement: Text::new(statement),
                context: context.map(Text::new),
                created: Moment::from_unix(created),
                valid_to: ends.map(|after| Moment::from_unix(now().unix() + after)),
                supersedes,
                tags: tags.iter().map(|tag| tag.parse().ok()).collect::<Option<_>>()?,
                sources: sources.into_iter().collect::<Option<_>>()?,
            };
            let line = record::line(&Change::Put(Box::new(fragment.clone())));
            record::parse(&line).is_ok().then_some(fragment)
        }
    }

    /// Returns how many stores are made: `GARNER_DRILL=1` makes a thousand.
    fn stores() -> u32 {
        if told("GARNER_DRILL").is_some() { 1000 } else { 60 }
    }

    proptest! {
        #![proptest_config(Config { cases: stores(), max_shrink_iters: 200, ..Config::default() })]

        #[test]
        fn what_is_exported_and_imported_is_the_same_to_the_byte(
            fragments in prop::collection::vec(fragment(), 1..6),
        ) {
            let mut fragments: Vec<Fragment> = fragments.into_iter().flatten().collect();
            fragments.sort_by_key(|fragment| fragment.id);
            fragments.dedup_by_key(|fragment| fragment.id);
            let (_dir, mut first) = store();
            let all: Vec<&Fragment> = fragments.iter().collect();
            load(&mut first, &kernel("team", 3, contents(&all)));
            let text = exported(&first);
            prop_assert_eq!(text.lines().count(), fragments.len());
            let (_dir, mut second) = store();
            let imported = second.import(&read(&text), &stamp()).unwrap();
            prop_assert_eq!(imported.added, fragments.len());
            prop_assert_eq!(exported(&second), text);
            // A second time, nothing is new.
            let again = second.import(&fragments, &stamp()).unwrap();
            prop_assert_eq!((again.known, again.operations), (fragments.len(), None));
        }
    }

    #[test]
    fn an_import_is_one_transaction_and_leaves_a_sound_store() {
        let (_dir, mut store) = store();
        let mut newer = fact("The port is 81.");
        newer.supersedes = vec![fact("The port is 80.").id];
        let broken = Fragment { statement: Text::new("\u{200B}"), ..fact("The port is 82.") };
        let refused = store.import(&[newer.clone(), broken], &stamp());
        assert!(matches!(refused, Err(Error::NoRecord { .. })), "{refused:?}");
        assert_eq!(store.operations(9).unwrap(), []);
        let imported = store.import(&[newer, fact("The port is 80.")], &stamp()).unwrap();
        let expected = Imported { added: 1, hidden: 1, operations: Some((1, 2)), known: 0 };
        assert_eq!(imported, expected);
        assert!(store.verify().unwrap().is_sound());
    }
}
