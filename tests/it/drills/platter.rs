//! What a disk may hold after the power went out while a command ran.
//!
//! A file that was synced is there as it was then, and so is a name whose folder was. Of everything
//! younger any part may have arrived: some pages of a file and not those before them, a page up to
//! some sector, the length of a file without its bytes, a new name without the file's bytes, the
//! bytes without the name. What a process has mapped (`-shm` files of SQLite) is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::dice::Dice;

/// The unit in which a system writes a file to a disk, in bytes.
const PAGE: usize = 4_096;
/// What a disk writes whole, in bytes.
const SECTOR: usize = 512;

/// A file or a folder by its number; 0 is the folder that holds all of them.
pub(super) type Node = usize;

/// What a command did to files, one thing after the other.
pub(super) enum Deed {
    /// Names in folders now mean another file, or none; all of them at once.
    Names(Changes),
    Write(Node, usize, Vec<u8>),
    Truncate(Node, usize),
    Sync(Node),
}

#[derive(Clone)]
pub(super) struct File {
    pub(super) is_folder: bool,
    pub(super) mode: u32,
    pub(super) bytes: Vec<u8>,
}

/// Which names in which folders mean something else now.
pub(super) type Changes = Vec<(Node, OsString, Option<Node>)>;
pub(super) type Names = BTreeMap<(Node, OsString), Node>;

/// A folder, and what a command did to it.
pub(super) struct Platter {
    pub(super) root: PathBuf,
    /// Every file that ever was, as it was before.
    pub(super) files: Vec<File>,
    pub(super) names: Names,
    pub(super) deeds: Vec<Deed>,
}

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// None of it arrived.
    Lost,
    /// Names arrived, bytes did not.
    NamesOnly,
    /// Bytes arrived, names did not.
    BytesOnly,
    /// Any names and any pages arrived, in any order.
    Any(u64),
    /// Names arrived in their order up to one of them; bytes as well, up to a part of a page.
    InOrder(u64),
}

impl Fate {
    fn seed(self) -> u64 {
        match self {
            Self::Any(seed) | Self::InOrder(seed) => seed,
            Self::Lost | Self::NamesOnly | Self::BytesOnly => 0,
        }
    }
}

/// The files of a disk: path, mode, bytes (`None` for a folder), number.
pub(super) type Tree = Vec<(PathBuf, u32, Option<Vec<u8>>, Node)>;

impl Platter {
    /// Reads a folder as it is before a command.
    pub(super) fn read(root: &Path) -> Self {
        let root = root.canonicalize().unwrap();
        let mut platter =
            Self { root: root.clone(), files: vec![], names: Names::new(), deeds: vec![] };
        platter.add(&root);
        platter
    }

    fn add(&mut self, path: &Path) -> Node {
        let node = self.files.len();
        let mode = fs::metadata(path).unwrap().permissions().mode();
        let is_folder = path.is_dir();
        let bytes = if is_folder { vec![] } else { fs::read(path).unwrap() };
        self.files.push(File { is_folder, mode, bytes });
        if is_folder {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let child = self.add(&entry.path());
                self.names.insert((node, entry.file_name()), child);
            }
        }
        node
    }

    /// Returns how many things the command did.
    pub(super) fn deeds(&self) -> usize {
        self.deeds.len()
    }

    /// Returns the files as they are where no power goes out.
    pub(super) fn whole(&self) -> Tree {
        self.tree(self.deeds.len(), None)
    }

    /// Returns the files as they may be where it goes out before the deed `end`.
    pub(super) fn after(&self, end: usize, fate: Fate) -> Tree {
        self.tree(end, Some(fate))
    }

    fn tree(&self, end: usize, fate: Option<Fate>) -> Tree {
        let names = self.names_after(end, fate);
        let mut tree = Tree::new();
        let mut folders = vec![(0, PathBuf::new())];
        let mut seen = BTreeSet::new();
        while let Some((folder, path)) = folders.pop() {
            // A folder that was moved may be seen at both places, but not in itself.
            if !seen.insert(folder) {
                continue;
            }
            let children = names.range((folder, OsString::new())..(folder + 1, OsString::new()));
            for ((_, name), node) in children {
                let (path, file) = (path.join(name), &self.files[*node]);
                let bytes = (!file.is_folder).then(|| self.bytes(*node, end, fate));
                if file.is_folder {
                    folders.push((*node, path.clone()));
                }
                tree.push((path, file.mode, bytes, *node));
            }
        }
        tree.sort();
        tree
    }

    /// Returns whether a deed before `end` on one of `nodes` was synced before `end`.
    fn is_synced(&self, deed: usize, end: usize, nodes: &[Node]) -> bool {
        let synced = |later: &Deed| matches!(later, Deed::Sync(node) if nodes.contains(node));
        self.deeds[deed..end].iter().any(synced)
    }

    /// Returns what changed names before the deed `end`, and whether that was synced.
    fn changes(&self, end: usize) -> impl Iterator<Item = (usize, &Changes, bool)> {
        self.deeds[..end].iter().enumerate().filter_map(move |(at, deed)| {
            let Deed::Names(changes) = deed else { return None };
            let folders: Vec<Node> = changes.iter().map(|(folder, ..)| *folder).collect();
            Some((at, changes, self.is_synced(at, end, &folders)))
        })
    }

    fn names_after(&self, end: usize, fate: Option<Fate>) -> Names {
        let mut names = self.names.clone();
        let mut dice = Dice(fate.map_or(0, Fate::seed));
        // In a journal everything is synced before what is.
        let journaled = self.changes(end).filter(|(.., synced)| *synced).map(|(at, ..)| at + 1);
        let until = journaled.last().unwrap_or(0).max(dice.below(end + 1));
        for (at, changes, synced) in self.changes(end) {
            let arrived = match fate {
                None | Some(Fate::NamesOnly) => true,
                Some(Fate::Lost | Fate::BytesOnly) => false,
                Some(Fate::Any(_)) => dice.below(2) == 0,
                Some(Fate::InOrder(_)) => at < until,
            };
            if arrived || synced {
                apply(&mut names, changes);
            }
        }
        names
    }

    /// Returns what a file holds.
    pub(super) fn bytes(&self, node: Node, end: usize, fate: Option<Fate>) -> Vec<u8> {
        let mut bytes = self.files[node].bytes.clone();
        let mut dice = Dice(fate.map_or(0, Fate::seed) ^ ((node as u64) << 32));
        let until = dice.below(end + 1);
        for (at, deed) in self.deeds[..end].iter().enumerate() {
            let (Deed::Write(of, ..) | Deed::Truncate(of, _)) = deed else { continue };
            if *of != node {
                continue;
            }
            if self.is_synced(at, end, &[node]) {
                apply_bytes(&mut bytes, deed);
                continue;
            }
            match (fate, deed) {
                (None | Some(Fate::BytesOnly), _) => apply_bytes(&mut bytes, deed),
                (Some(Fate::Any(_)), Deed::Write(_, start, written)) => {
                    some_pages(&mut bytes, *start, written, &mut dice);
                }
                (Some(Fate::Any(_)), _) if dice.below(2) == 0 => apply_bytes(&mut bytes, deed),
                (Some(Fate::InOrder(_)), _) if at < until => apply_bytes(&mut bytes, deed),
                (Some(Fate::InOrder(_)), Deed::Write(_, start, written)) if at == until => {
                    let sectors = dice.below(written.len().div_ceil(SECTOR) + 1);
                    write(&mut bytes, *start, &written[..written.len().min(sectors * SECTOR)]);
                }
                _ => {}
            }
        }
        bytes
    }
}

/// Writes any of the pages; sometimes the file is as long as if all of them had arrived.
fn some_pages(bytes: &mut Vec<u8>, start: usize, written: &[u8], dice: &mut Dice) {
    if dice.below(2) == 0 && bytes.len() < start + written.len() {
        bytes.resize(start + written.len(), 0);
    }
    let mut from = 0;
    while from < written.len() {
        let to = written.len().min(from + PAGE - (start + from) % PAGE);
        if dice.below(2) == 0 {
            write(bytes, start + from, &written[from..to]);
        }
        from = to;
    }
}

fn write(bytes: &mut Vec<u8>, start: usize, written: &[u8]) {
    if written.is_empty() {
        return;
    }
    if bytes.len() < start + written.len() {
        bytes.resize(start + written.len(), 0);
    }
    bytes[start..start + written.len()].copy_from_slice(written);
}

fn apply_bytes(bytes: &mut Vec<u8>, deed: &Deed) {
    match deed {
        Deed::Write(_, start, written) => write(bytes, *start, written),
        Deed::Truncate(_, length) => bytes.resize(*length, 0),
        Deed::Names(_) | Deed::Sync(_) => {}
    }
}

/// Gives names another meaning.
pub(super) fn apply(names: &mut Names, changes: &Changes) {
    for (folder, name, node) in changes {
        match node {
            Some(node) => names.insert((*folder, name.clone()), *node),
            None => names.remove(&(*folder, name.clone())),
        };
    }
}
