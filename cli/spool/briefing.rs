//! The briefing: what a session is told at its start, made beforehand so that nobody waits for it.
//!
//! One block for each project, of at most 8,000 characters: dated facts, marked as ours, so that
//! they are never learned again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use garner_kernel::{ChannelName, Digest, Fragment, FragmentId, Kind, ProjectName, Scope};
use garner_loader::inject::{self, BlockOptions, Budget, Floor, Nonce, Tokens};

use crate::context::Context;
use crate::error::Error;
use crate::places::Places;

/// The most that a session is told, in characters.
pub(crate) const MOST: usize = 8_000;
/// How many fragments of the store are looked at.
const LOOKED_AT: usize = 2_000;

/// What is told first; what is left out fills no session's memory.
const ORDER: [Kind; 8] = [
    Kind::Handoff,
    Kind::Rule,
    Kind::Correction,
    Kind::Decision,
    Kind::Preference,
    Kind::Procedure,
    Kind::Fix,
    Kind::Fact,
];

/// Writes the briefings anew, from the draft of the channel and from the store.
pub(crate) fn prepare(channel: &ChannelName, context: &Context) -> Result<(), Error> {
    let fragments = fragments(channel, context)?;
    let projects: BTreeSet<Option<&ProjectName>> =
        fragments.iter().map(|fragment| project_of(&fragment.scope)).chain([None]).collect();
    let folder = folder(&context.places);
    let mut written = BTreeSet::new();
    for project in projects {
        let text = block(&fragments, project);
        if text.is_empty() {
            continue;
        }
        let path = path(&folder, project);
        // A new block has a new mark, so it is compared without.
        let same = fs::read_to_string(&path).is_ok_and(|old| inner(&old) == inner(&text));
        if !same {
            garner_sync::write_over(&path, text.as_bytes())?;
        }
        written.insert(path);
    }
    let names: Vec<String> = crate::drafts::names_in(&folder, ".txt")?;
    for path in names.iter().map(|name| folder.join(format!("{name}.txt"))) {
        if !written.contains(&path) {
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    Ok(())
}

/// Returns the briefing of the project that a folder belongs to; `None` where there is none.
///
/// Reads one small file, and opens no store.
pub(crate) fn read(places: &Places, cwd: Option<&str>) -> Option<String> {
    let folder = folder(places);
    let of_project = cwd.and_then(|cwd| {
        let cwd = Path::new(cwd);
        // Sessions may start below the folder of their project, but not above its repository.
        let root = cwd.ancestors().find(|ancestor| ancestor.join(".git").exists()).unwrap_or(cwd);
        let within = cwd.ancestors().take_while(|ancestor| ancestor.starts_with(root));
        within
            .filter_map(|ancestor| garner_compiler::project_of(ancestor.to_str()?))
            .find_map(|project| text(&path(&folder, Some(&project))))
    });
    of_project.or_else(|| text(&path(&folder, None)))
}

fn text(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok()?.len();
    // Four bytes are the longest character.
    let text = fs::read_to_string(path).ok().filter(|_| length <= 4 * MOST as u64)?;
    (text.chars().count() <= MOST && !text.is_empty()).then_some(text)
}

fn folder(places: &Places) -> PathBuf {
    super::folder(places).join("briefings")
}

fn path(folder: &Path, project: Option<&ProjectName>) -> PathBuf {
    let name = project.map_or_else(
        || "user".to_owned(),
        |project| format!("project-{}", Digest::of(project.as_str().as_bytes()).short()),
    );
    folder.join(format!("{name}.txt"))
}

const fn project_of(scope: &Scope) -> Option<&ProjectName> {
    match scope {
        Scope::User => None,
        Scope::Project(project) => Some(project),
    }
}

/// Returns what is known: the active fragments of the draft, and the newest that recall sees.
fn fragments(channel: &ChannelName, context: &Context) -> Result<Vec<Fragment>, Error> {
    let mut known: BTreeMap<FragmentId, Fragment> = BTreeMap::new();
    let draft = context.draft(channel)?.unwrap_or_default();
    match context.store() {
        Ok(store) => {
            let newest = store.newest(LOOKED_AT, context.now())?;
            known.extend(
                newest.into_iter().map(|fragment| (fragment.id, Arc::unwrap_or_clone(fragment))),
            );
        }
        Err(Error::Loader(garner_loader::Error::NoStore { .. })) => {}
        Err(error) => return Err(error),
    }
    known.extend(draft.active().map(|fragment| (fragment.id, fragment.clone())));
    let replaced: BTreeSet<FragmentId> =
        known.values().flat_map(|fragment| fragment.supersedes.clone()).collect();
    let gone = |id: &FragmentId| replaced.contains(id) || draft.tombstones.contains_key(id);
    Ok(known.into_values().filter(|fragment| !gone(&fragment.id)).collect())
}

/// Returns the block for a project: its own fragments, and those of the person.
fn block(fragments: &[Fragment], project: Option<&ProjectName>) -> String {
    let rank = |fragment: &Fragment| ORDER.iter().position(|kind| *kind == fragment.kind);
    let mut told: Vec<(usize, &Fragment)> = fragments
        .iter()
        .filter(|f| f.scope == Scope::User || project_of(&f.scope) == project)
        .filter_map(|fragment| Some((rank(fragment)?, fragment)))
        .collect();
    told.sort_by_key(|(rank, f)| (*rank, std::cmp::Reverse((f.trust, f.created)), f.id));
    let told: Vec<Fragment> = told.into_iter().map(|(_, fragment)| fragment.clone()).collect();
    // The core of a budget is two fifths of it; here a character counts as a token.
    let budget = Budget::of(Tokens::new(MOST * 5 / 2));
    let (nonce, floor, control) = (nonce(), Floor::default(), Vec::new());
    let options = BlockOptions { budget, nonce, floor, control };
    inject::block(&told, &[], &options, &|text| text.chars().count()).text()
}

/// Returns a mark that nobody who wrote a fragment could know.
fn nonce() -> Nonce {
    // Every process draws new hash keys from the operating system: they serve as its secret.
    let keys = std::collections::hash_map::RandomState::new();
    let secret = std::hash::BuildHasher::hash_one(&keys, "briefing");
    Nonce::derive(&secret.to_le_bytes(), b"briefing")
}

/// Returns a block without its first and last line.
fn inner(block: &str) -> Vec<&str> {
    let lines: Vec<&str> = block.lines().collect();
    lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default().to_vec()
}
