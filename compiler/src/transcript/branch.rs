//! Which turns the person left behind by going back and typing something else.
//!
//! `uuid`/`parentUuid` form a tree with artefacts of parallel tools, so a fork alone means
//! nothing. A branch is abandoned only where a typed prompt has a typed sibling at another time.

use std::collections::{HashMap, HashSet};

/// One record's place in the tree; ids are keys, and 0 stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) parent: u64,
    pub(crate) line: u32,
    /// The key of the time of a typed prompt; 0 for every other record.
    pub(crate) typed_at: u64,
    /// The index of the turn that the record became.
    pub(crate) turn: Option<u32>,
}

/// Returns the indexes of the turns on abandoned branches; `nodes` are in the order of the file.
pub(crate) fn abandoned(nodes: &[Node]) -> HashSet<u32> {
    let roots = abandoned_roots(nodes);
    let mut left = HashSet::new();
    if roots.is_empty() {
        return left;
    }
    // A parent stands before its children in the file, so one pass carries the mark down.
    let mut marked: HashSet<u64> = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        if marked.contains(&node.parent) || roots.contains(&index) {
            marked.insert(node.id);
            left.extend(node.turn);
        }
    }
    left
}

/// Returns the typed prompts that a later sibling replaced, as indexes into `nodes`.
fn abandoned_roots(nodes: &[Node]) -> HashSet<usize> {
    let mut latest: HashMap<u64, (usize, u64)> = HashMap::new();
    let mut roots = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        if node.parent == 0 || node.typed_at == 0 {
            continue;
        }
        if let Some((earlier, then)) = latest.insert(node.parent, (index, node.typed_at))
            && then != node.typed_at
        {
            roots.insert(earlier);
        }
    }
    roots
}
