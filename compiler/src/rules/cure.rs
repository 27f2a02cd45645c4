//! D6: a command that was used wrongly, and the one that worked soon after.
//!
//! What the two have in common is left out, so that another session that makes the same mistake
//! elsewhere says the same. What the program printed is context only: nobody vouches for it.

use garner_kernel::{Kind, Trust};

use super::{Proposal, Reach, Strength, events};
use crate::session::{Event, Session};

/// How many words may differ, on each side, before the commands are told in full.
const FEW: usize = 4;

/// Proposes the cures of a session into which nothing came from outside.
pub(crate) fn cures(session: &Session) -> Vec<Proposal> {
    propose(session, false)
}

/// Proposes the cures that something from outside may have dictated.
pub(crate) fn tainted_cures(session: &Session) -> Vec<Proposal> {
    propose(session, true)
}

fn propose(session: &Session, tainted: bool) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for (index, turn, event) in events(session) {
        let Event::Cured { cured } = event else { continue };
        if turn.tainted != tainted {
            continue;
        }
        let (failed, worked) = (cured.failed.as_str(), cured.worked.as_str());
        let Some(statement) = statement(failed, worked) else { continue };
        proposals.push(Proposal {
            turn: index,
            evidence: None,
            kind: Kind::Fix,
            trust: Trust::Assistant,
            strength: Strength::Candidate,
            reach: Reach::Project,
            statement,
            context: Some(format!(
                "Failed: {failed}\nSaid: {}\nWorked: {worked}",
                cured.error.as_str()
            )),
            replaces: Vec::new(),
        });
    }
    proposals
}

/// Returns what two commands teach; `None` where they are the same but for spaces.
fn statement(failed: &str, worked: &str) -> Option<String> {
    let [old, new] = [failed, worked].map(|c| c.split_whitespace().collect::<Vec<_>>());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let gone = old.get(start..old.len() - end).unwrap_or_default();
    let come = new.get(start..new.len() - end).unwrap_or_default();
    let program = new.iter().take(start).find(|word| !word.contains('=')).copied();
    let few = gone.len() <= FEW && come.len() <= FEW;
    let (without, with) = (gone.join(" "), come.join(" "));
    Some(match (program, few, gone.is_empty(), come.is_empty()) {
        (_, _, true, true) => return None,
        (Some(program), true, false, false) => {
            format!("In a `{program}` command `{without}` fails and `{with}` works.")
        }
        (Some(program), true, true, false) => {
            format!("A `{program}` command that fails without `{with}` works with it.")
        }
        (Some(program), true, false, true) => {
            format!("A `{program}` command that fails with `{without}` works without it.")
        }
        _ => format!("`{}` fails and `{}` works.", old.join(" "), new.join(" ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cure_says_what_differs() {
        let rows = [
            (
                "rg --include '*.rs' foo src",
                "rg -g '*.rs' foo src",
                Some("In a `rg` command `--include` fails and `-g` works."),
            ),
            (
                "cargo tset -p x",
                "cargo test -p x",
                Some("In a `cargo` command `tset` fails and `test` works."),
            ),
            (
                "git push",
                "git push -u origin main",
                Some("A `git` command that fails without `-u origin main` works with it."),
            ),
            (
                "ls --colour src",
                "ls src",
                Some("A `ls` command that fails with `--colour` works without it."),
            ),
            ("python x.py", "python3 x.py", Some("`python x.py` fails and `python3 x.py` works.")),
            ("ls  a", "ls a", None),
        ];
        for (failed, worked, expected) in rows {
            assert_eq!(statement(failed, worked).as_deref(), expected, "{failed} -> {worked}");
        }
    }
}
