//! Which turns the person left behind by going back and typing something else.
//!
//! `uuid`/`parentUuid` form a tree with artefacts of parallel tools, so a fork alone means
//! nothing. A branch is abandoned only where a typed prompt has a typed sibling at another time.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// One record's place in the tree, in file order.
pub(crate) struct Node<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) parent: Option<Cow<'a, str>>,
    /// The time of a typed prompt; `None` for every other record.
    pub(crate) typed_at: Option<Cow<'a, str>>,
    /// The index of the turn that the record became.
    pub(crate) turn: Option<usize>,
}

/// Returns the indexes of the turns on abandoned branches.
pub(crate) fn abandoned(nodes: &[Node<'_>]) -> HashSet<usize> {
    let roots = abandoned_roots(nodes);
    let mut left = HashSet::new();
    if roots.is_empty() {
        return left;
    }
    // A parent stands before its children in the file, so one pass carries the mark down.
    let mut marked: HashSet<&str> = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let below = node.parent.as_deref().is_some_and(|parent| marked.contains(parent));
        if below || roots.contains(&index) {
            marked.insert(&node.id);
            left.extend(node.turn);
        }
    }
    left
}

/// Returns the typed prompts that a later sibling replaced, as indexes into `nodes`.
fn abandoned_roots(nodes: &[Node<'_>]) -> HashSet<usize> {
    let mut latest: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut roots = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let (Some(parent), Some(at)) = (node.parent.as_deref(), node.typed_at.as_deref()) else {
            continue;
        };
        if let Some((earlier, then)) = latest.insert(parent, (index, at))
            && then != at
        {
            roots.insert(earlier);
        }
    }
    roots
}
