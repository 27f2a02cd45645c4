//! The corpus of junk, through the whole compiler: what is said in every session is refused, and
//! what stands beside it is kept.

use std::collections::BTreeMap;

use crate::corpus::{Half, Line, lines};
use crate::log::{Log, active};

/// A session in which a line is said in its place.
pub(crate) fn session(line: &Line) -> Log {
    let mut log = Log::default();
    log.human("build a barn");
    match line.place.as_str() {
        "memory" => {
            let before = "# Barn\n\n## How we work here\n\n- The gate is closed at night.\n";
            let added = format!("{before}- {}\n", line.text);
            log.write("/home/somebody/code/barn/CLAUDE.md", before);
            log.edit("/home/somebody/code/barn/CLAUDE.md", before, &added);
        }
        "summary" => {
            log.compact(&format!("   - {}", line.text));
        }
        "answer" => {
            let (question, answer) = line.text.split_once(" => ").unwrap();
            log.answer(question, answer);
        }
        other => panic!("no place `{other}`"),
    }
    log
}

/// Returns how many active fragments a session has beside the line.
pub(crate) fn others(line: &Line) -> usize {
    usize::from(line.place == "memory")
}

#[test]
fn junk_is_refused_and_what_stands_beside_it_is_kept() {
    let mut all = 0;
    for half in Half::BOTH {
        let (mut junk, mut wanted) = ((0, Vec::new()), (0, Vec::new()));
        for line in lines(half) {
            let (draft, _) = session(&line).compile();
            let kept = active(&draft) > others(&line);
            let (tally, wrong) = match line.class.as_str() {
                "wanted" => (&mut wanted, !kept),
                _ => (&mut junk, kept),
            };
            tally.0 += 1;
            if wrong {
                tally.1.push(format!("{} in {}: {}", line.class, line.place, line.text));
            }
        }
        all += junk.0;
        assert!(
            junk.1.len() * 20 <= junk.0,
            "{half:?}: {} of {} {:#?}",
            junk.1.len(),
            junk.0,
            junk.1
        );
        assert!(wanted.1.len() * 20 <= wanted.0, "{half:?}: {:#?}", wanted.1);
    }
    assert!(all >= 300, "{all} lines of junk");
}

#[test]
fn a_person_may_be_described_in_words_that_they_said() {
    let line = "The user prefers tabs over spaces in every language.";
    for (said, expected) in
        [("build a barn", 0), ("i prefer tabs over spaces in every language", 1)]
    {
        let mut log = Log::default();
        log.human(said).write("/home/somebody/code/barn/CLAUDE.md", &format!("- {line}"));
        let (draft, report) = log.compile();
        assert_eq!(active(&draft), expected, "{said}");
        let counted: BTreeMap<_, _> = report.junk.into_iter().collect();
        assert_eq!(!counted.contains_key("describes a person"), expected == 1, "{said}");
    }
}
