//! The chain of roots: from the pinned first one to the one that counts now.

use super::limits;
use super::note::Note;
use super::root::{Right, Root, WHAT};
use super::statement::RepositoryId;
use crate::error::Error;

/// Roots whose links and signatures all hold; there is at least one.
///
/// Only [`RootChain::check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootChain {
    repository: RepositoryId,
    before: Vec<Root>,
    last: Root,
}

impl RootChain {
    /// Checks root notes from the pinned first one on (docs/format.md, "Verification", step 1).
    ///
    /// # Errors
    /// The first rule that the chain breaks; [`Error::WrongRepository`] if it starts elsewhere.
    pub fn check(pin: &RepositoryId, notes: &[Vec<u8>]) -> Result<Self, Error> {
        if notes.len() > limits::ROOTS {
            let got = notes.len() as u64;
            return Err(Error::Limit { what: "chain of roots", got, max: limits::ROOTS as u64 });
        }
        let mut roots: Vec<Root> = Vec::new();
        for bytes in notes {
            let next = check_next(pin, roots.last(), bytes)?;
            roots.push(next);
        }
        let last = roots.pop().ok_or_else(|| broken("there is none"))?;
        Ok(Self { repository: pin.clone(), before: roots, last })
    }

    /// Returns the repository.
    pub const fn repository(&self) -> &RepositoryId {
        &self.repository
    }

    /// Returns the root that counts now.
    pub const fn last(&self) -> &Root {
        &self.last
    }

    /// Returns the root with this number.
    ///
    /// # Errors
    /// [`Error::RootsMissing`] if the chain is shorter.
    pub fn at(&self, number: u64) -> Result<&Root, Error> {
        let mut all = self.before.iter().chain([&self.last]);
        let missing = Error::RootsMissing { needed: number, offered: self.last.version };
        all.find(|root| root.version == number).ok_or(missing)
    }
}

/// Checks one root note against the one before it, and returns it.
fn check_next(pin: &RepositoryId, before: Option<&Root>, bytes: &[u8]) -> Result<Root, Error> {
    let note = Note::parse(WHAT, bytes, limits::ROOT)?;
    if before.is_none() {
        let found = RepositoryId::of_root(&note.digest());
        if found != *pin {
            let (want, found) = (pin.to_string(), found.to_string());
            return Err(Error::WrongRepository { want, found });
        }
    }
    let root = Root::parse(note.text())?;
    let expected = before.map_or(1, |before| before.version + 1);
    if root.version != expected {
        return Err(Error::RootsMissing { needed: expected, offered: expected - 1 });
    }
    if root.repository.as_ref() != before.map(|_| pin) {
        let got = root.repository.map(|id| id.to_string()).unwrap_or_default();
        let want = before.map(|_| pin.to_string()).unwrap_or_default();
        return Err(Error::Mismatch { what: "repository of the root", got, want });
    }
    // A root is signed by those it names and, after the first, by those before it.
    for judge in before.into_iter().chain([&root]) {
        let (keys, threshold) = judge.holders(&Right::Root);
        note.check(WHAT, &keys, threshold)?;
    }
    Ok(root)
}

fn broken(rule: &str) -> Error {
    Error::Note { what: WHAT, rule: rule.to_owned() }
}

/// Returns the id of the repository that starts with this root note.
///
/// # Errors
/// If the note is malformed or not signed by its own root keys.
pub fn repository_of(first: &[u8]) -> Result<RepositoryId, Error> {
    let id = RepositoryId::of_root(&Note::parse(WHAT, first, limits::ROOT)?.digest());
    RootChain::check(&id, &[first.to_vec()])?;
    Ok(id)
}
