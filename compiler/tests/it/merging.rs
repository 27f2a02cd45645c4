//! Search before write: what is said again in other words gains a source, what changes a value or
//! takes something back replaces it, what was rejected stays gone.

use garner_compiler::{Known, Report};
use garner_kernel::{
    Contents, Digest, Draft, EmbedError, Embedder, EmbedderId, Entry, Status, Vector,
};

use crate::log::{Log, active, compiler, statements};

const MEMORY: &str = "/home/somebody/code/barn/CLAUDE.md";

/// Embeds by the words that carry meaning, without their endings.
struct Words;

impl Embedder for Words {
    fn id(&self) -> EmbedderId {
        EmbedderId::new(Digest::of(b"words"))
    }

    fn name(&self) -> &'static str {
        "words"
    }

    fn dimensions(&self) -> usize {
        256
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        let vector = |text: &&str| {
            let mut sums = vec![0.0; self.dimensions()];
            for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2) {
                let word = word.to_lowercase();
                let stem = word.trim_end_matches("ed").trim_end_matches(['s', 'e', 'd']);
                if !matches!(word.as_str(), "the" | "are" | "all" | "and" | "for") {
                    sums[usize::from(Digest::of(stem.as_bytes()).as_bytes()[0])] += 1.0;
                }
            }
            sums[0] += 0.01;
            Vector::normalized(sums).unwrap()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// Fails whatever it is asked.
struct Broken;

impl Embedder for Broken {
    fn id(&self) -> EmbedderId {
        EmbedderId::new(Digest::of(b"broken"))
    }

    fn name(&self) -> &'static str {
        "broken"
    }

    fn dimensions(&self) -> usize {
        1
    }

    fn embed(&self, _: &[&str]) -> Result<Vec<Vector>, EmbedError> {
        Err(EmbedError::NotInstalled { missing: "everything".to_owned() })
    }
}

fn compile(log: &Log, draft: &mut Draft, known: &Known<'_>) -> Report {
    compiler().compile_beside(&[log.session()], draft, known)
}

/// A session of its own in which lines are added to the memory file.
fn written(session: &str, lines: &[&str]) -> Log {
    let mut log = Log::default();
    log.named(session).human("build a barn");
    log.write(MEMORY, &format!("- {}\n", lines.join("\n- ")));
    log
}

#[test]
fn what_is_said_again_in_other_words_gains_a_source() {
    let rows = [
        ("Never store dates in local time.", "Never store the dates in local time!", true),
        ("Dates are stored in UTC always.", "The dates are always stored in UTC.", true),
        ("Requests time out after 30 seconds.", "Requests time out after 45 seconds.", false),
        ("Always push to the mirror first.", "Never push to the mirror first.", false),
        ("Call `open` before every import.", "Call `close` before every import.", false),
        ("Barns are painted red in spring.", "Gates are oiled by hand in autumn.", false),
    ];
    for (one, other, same) in rows {
        let known = Known { embedder: Some(&Words), ..Known::default() };
        let mut draft = Draft::default();
        compile(&written("s-1", &[one]), &mut draft, &known);
        let first = draft.clone();
        let report = compile(&written("s-2", &[other]), &mut draft, &known);
        assert_eq!(draft.entries.len(), if same { 1 } else { 2 }, "{one} / {other}");
        assert_eq!(report.outcome.sourced, u32::from(same), "{one} / {other}");
        if same {
            let (id, entry) = draft.entries.first_key_value().unwrap();
            assert_eq!(first.entries[id].fragment.statement, entry.fragment.statement);
            let sessions = entry.fragment.sources.iter().map(|s| s.session.as_str());
            assert_eq!(sessions.collect::<Vec<_>>(), ["s-1", "s-2"]);
        }
        let before = draft.clone();
        let again = compile(&written("s-2", &[other]), &mut draft, &known);
        assert_eq!((draft, again.outcome.active), (before, 0), "again adds nothing: {other}");
    }
}

#[test]
fn a_changed_value_replaces_the_old_one() {
    let mut draft = Draft::default();
    let known = Known::default();
    compile(
        &written("s-1", &["The session of the page expires after 30 minutes."]),
        &mut draft,
        &known,
    );
    compile(
        &written("s-2", &["The session of the page expires after 45 minutes."]),
        &mut draft,
        &known,
    );
    let find = |part: &str| {
        let mut all = draft.entries.values();
        all.find(|entry| entry.fragment.statement.as_str().contains(part)).unwrap()
    };
    assert_eq!(find("45").fragment.supersedes, [find("30").fragment.id]);
    assert!(find("30").fragment.supersedes.is_empty());
}

#[test]
fn weaker_words_become_a_source_of_stronger_ones_and_never_the_other_way_round() {
    let line = "Never leave the gate of the yard open";
    let weak = written("s-1", &[&format!("{line}.")]);
    let mut strong = Log::default();
    strong.named("s-2").human(&format!("<user-memory-input>{line}!</user-memory-input>"));
    for order in [[&weak, &strong], [&strong, &weak]] {
        let mut draft = Draft::default();
        for log in order {
            compile(log, &mut draft, &Known::default());
        }
        let [entry] = draft.entries.values().collect::<Vec<&Entry>>().try_into().unwrap();
        assert_eq!(entry.fragment.statement.as_str(), format!("{line}!"));
        assert_eq!((entry.fragment.trust.as_str(), entry.fragment.sources.len()), ("human", 2));
    }
}

#[test]
fn an_attack_in_other_words_lends_no_source() {
    let line = "Never leave the gate of the yard open";
    let mut draft = Draft::default();
    compile(&written("s-1", &[line]), &mut draft, &Known::default());
    let hidden = format!("{line}\u{200B}");
    compile(&written("s-2", &[&hidden]), &mut draft, &Known::default());
    let kept = draft.entries.values().find(|entry| entry.status == Status::Active).unwrap();
    assert_eq!((draft.entries.len(), kept.fragment.sources.len()), (2, 1));
}

#[test]
fn the_last_word_of_a_session_counts() {
    type Announce<'a> = (&'a str, &'a dyn Fn(&mut Log));
    let later = "actually, let's not use redis for the job queue, a table in sqlite is enough";
    let announced: [Announce<'_>; 3] = [
        ("said", &|log| {
            log.human("let's go with redis for the job queue of the barn");
        }),
        ("answered", &|log| {
            log.answer("Which job queue do we use?", "Use redis for the job queue everywhere");
        }),
        ("written", &|log| {
            log.write(MEMORY, "- Always use redis for the job queue.");
        }),
    ];
    for (how, announce) in announced {
        let mut log = Log::default();
        log.human("build a barn");
        announce(&mut log);
        log.human(later);
        let (draft, _) = log.compile();
        let withdrawal = draft
            .entries
            .values()
            .find(|e| e.fragment.statement.as_str().contains("sqlite"))
            .unwrap();
        let older: Vec<&Entry> =
            draft.entries.values().filter(|e| e.fragment.id != withdrawal.fragment.id).collect();
        assert!(!older.is_empty(), "{how}");
        for older in older {
            assert!(withdrawal.fragment.supersedes.contains(&older.fragment.id), "{how}");
            assert!(older.fragment.supersedes.is_empty(), "{how}");
            assert_eq!(withdrawal.status, older.status, "{how}");
        }
        // The other way round nothing is withdrawn.
        let mut log = Log::default();
        log.human(later);
        announce(&mut log);
        let (draft, _) = log.compile();
        assert!(draft.entries.values().all(|e| e.fragment.supersedes.is_empty()), "{how}");
    }
}

#[test]
fn what_is_scrapped_is_what_was_said_right_before() {
    let mut log = Log::default();
    log.human("let's go with red tiles for the roof of the station");
    log.human("let's go with one sqlite file per station");
    log.human("no, scrap that, one database for all stations with a station column");
    let (draft, _) = log.compile();
    let find = |part: &str| {
        let mut all = draft.entries.values();
        all.find(|entry| entry.fragment.statement.as_str().contains(part)).unwrap()
    };
    assert_eq!(find("scrap").fragment.supersedes, [find("sqlite file").fragment.id]);
}

#[test]
fn what_the_channel_holds_or_rejected_is_no_news() {
    let log = written(
        "s-1",
        &["Never leave the gate of the yard open.", "Always close the barn at night."],
    );
    let mut draft = Draft::default();
    compile(&log, &mut draft, &Known::default());
    let published = draft.onto(&Contents::default()).unwrap();
    let elsewhere = |contents: &Contents, log: &Log| {
        let mut draft = Draft::default();
        let known = Known { contents: Some(contents), ..Known::default() };
        let report = compile(log, &mut draft, &known);
        (draft, report)
    };
    let (fresh, report) = elsewhere(&published, &log);
    assert_eq!((fresh.entries.len(), report.outcome.known, report.outcome.active), (0, 2, 0));
    // Another session that says one of them, in these words or in others, lends a source.
    for line in ["Always close the barn at night.", "Always close the barn at night!"] {
        let (fresh, report) = elsewhere(&published, &written("s-2", &[line]));
        assert_eq!((active(&fresh), report.outcome.sourced), (1, 1), "{line}");
        let merged = fresh.onto(&published).unwrap();
        assert_eq!(merged.fragments().len(), 2, "{line}");
        assert!(merged.fragments().any(|fragment| fragment.sources.len() == 2), "{line}");
    }
    // What was rejected does not come back, from whichever session or under whichever kind.
    let id = *draft.entries.first_key_value().unwrap().0;
    let at = draft.entries[&id].fragment.created;
    assert!(draft.reject(&id, at));
    let rejected = draft.onto(&published).unwrap();
    let (fresh, report) = elsewhere(&rejected, &log);
    assert_eq!((fresh.entries.len(), report.outcome.buried), (0, 1));
}

#[test]
fn a_broken_embedder_leaves_the_comparison_to_words_and_says_so() {
    let mut draft = Draft::default();
    let known = Known { embedder: Some(&Broken), ..Known::default() };
    let lines = ["Always close the barn at night.", "Always close the big barn at night."];
    let report = compile(&written("s-1", &lines), &mut draft, &known);
    assert!(report.unembedded.is_some());
    assert_eq!(statements(&draft, "active").len(), 2);
}
