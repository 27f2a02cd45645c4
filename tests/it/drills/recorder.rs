//! From the calls of a command to what it did to the files of a folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::platter::{Changes, Deed, File, Names, Node, Platter, apply};
use super::trace::Call;

/// Takes note of what a command does.
pub(super) struct Recorder {
    platter: Platter,
    names: Names,
    /// The files that are open, and where each stands.
    open: BTreeMap<u32, (Node, usize)>,
}

/// A folder, and a name in it; no name for the folder that holds everything.
type Place = (Node, Option<OsString>);

impl Recorder {
    /// Starts with what is in a folder.
    pub(super) fn start(folder: &Path) -> Self {
        let platter = Platter::read(folder);
        Self { names: platter.names.clone(), platter, open: BTreeMap::new() }
    }

    /// Returns the folder and all that was done to it.
    pub(super) fn finish(mut self, calls: Vec<Call>) -> Platter {
        for call in calls {
            self.take(call);
        }
        self.platter
    }

    fn take(&mut self, call: Call) {
        match call {
            Call::Open { path, file, creates, truncates, mode } => {
                self.open.remove(&file);
                let node = match self.node(&path) {
                    None if creates => self.make(&path, mode, false),
                    node => node,
                };
                let Some(node) = node else { return };
                if truncates {
                    self.platter.deeds.push(Deed::Truncate(node, 0));
                }
                self.open.insert(file, (node, 0));
            }
            Call::Write { file, at, bytes } => self.write(file, at, bytes),
            Call::Seek { file, to } => {
                if let Some((_, stands)) = self.open.get_mut(&file) {
                    *stands = usize::try_from(to).unwrap();
                }
            }
            Call::Copy { from, to, bytes } => {
                let Some((source, start)) = self.open.get_mut(&from) else { return };
                let whole = self.platter.bytes(*source, self.platter.deeds.len(), None);
                let end = *start + usize::try_from(bytes).unwrap();
                let part = whole[*start..end].to_vec();
                *start = end;
                self.write(to, None, part);
            }
            Call::Truncate { file, length } => {
                let length = usize::try_from(length).unwrap();
                self.do_to(file, |node| Deed::Truncate(node, length));
            }
            Call::Sync { file } => self.do_to(file, Deed::Sync),
            Call::MakeDir { path, mode } => drop(self.make(&path, mode, true)),
            Call::Chmod { path, mode } => {
                if let Some(node) = self.node(&path) {
                    self.platter.files[node].mode = mode;
                }
            }
            Call::Link { from, to } => {
                let node = self.node(&from);
                self.name(&[(&to, node)]);
            }
            Call::Rename { from, to } => {
                let node = self.node(&from);
                self.name(&[(&to, node), (&from, None)]);
            }
            Call::Unlink { path } => self.name(&[(&path, None)]),
        }
    }

    fn do_to(&mut self, file: u32, deed: impl FnOnce(Node) -> Deed) {
        if let Some((node, _)) = self.open.get(&file) {
            self.platter.deeds.push(deed(*node));
        }
    }

    fn write(&mut self, file: u32, at: Option<u64>, bytes: Vec<u8>) {
        let Some((node, stands)) = self.open.get_mut(&file) else { return };
        let start = at.map_or(*stands, |at| usize::try_from(at).unwrap());
        if at.is_none() {
            *stands = start + bytes.len();
        }
        self.platter.deeds.push(Deed::Write(*node, start, bytes));
    }

    /// Makes a file or a folder; `None` if it is not below the one that is watched.
    fn make(&mut self, path: &Path, mode: u32, is_folder: bool) -> Option<Node> {
        self.place(path)?;
        let node = self.platter.files.len();
        self.platter.files.push(File { is_folder, mode: mode & 0o755, bytes: vec![] });
        self.name(&[(path, Some(node))]);
        Some(node)
    }

    /// Gives paths another meaning, all of them at once.
    fn name(&mut self, meanings: &[(&Path, Option<Node>)]) {
        let changes: Changes = meanings
            .iter()
            .filter_map(|(path, node)| match self.place(path)? {
                (folder, Some(name)) => Some((folder, name, *node)),
                (_, None) => None,
            })
            .collect();
        if !changes.is_empty() {
            apply(&mut self.names, &changes);
            self.platter.deeds.push(Deed::Names(changes));
        }
    }

    fn place(&self, path: &Path) -> Option<Place> {
        // The command runs in this folder, and may say where from there.
        let path = self.platter.root.join(path);
        let relative = path.strip_prefix(&self.platter.root).ok()?;
        let mut parts: Vec<OsString> =
            relative.iter().filter(|part| *part != ".").map(ToOwned::to_owned).collect();
        let last = parts.pop();
        let step = |folder, name| self.names.get(&(folder, name)).copied();
        parts.into_iter().try_fold(0, step).map(|folder| (folder, last))
    }

    fn node(&self, path: &Path) -> Option<Node> {
        match self.place(path)? {
            (folder, None) => Some(folder),
            (folder, Some(name)) => self.names.get(&(folder, name)).copied(),
        }
    }
}
