//! Conflicts: several fragments that replace the same one, as people look at them.

use garner_kernel::{Contents, Fragment, FragmentId, Rivals};
use serde_json::json;

use crate::commands::fragment;
use crate::error::Error;
use crate::output::{self, styled};
use crate::table;

/// Fragments that contradict each other, with what they replace.
#[derive(Debug)]
pub(crate) struct Conflict {
    older: FragmentId,
    replaced: Option<Fragment>,
    newer: Vec<Fragment>,
}

impl Conflict {
    /// Returns rivals with their texts.
    pub(crate) fn of(rivals: &Rivals, contents: &Contents) -> Self {
        let newer = rivals.newer.iter().filter_map(|id| contents.fragment(id).cloned());
        let replaced = contents.fragment(&rivals.older).cloned();
        Self { older: rivals.older, replaced, newer: newer.collect() }
    }

    /// Returns the fragments that contradict each other.
    pub(crate) fn ids(&self) -> Vec<FragmentId> {
        self.newer.iter().map(|fragment| fragment.id).collect()
    }

    /// Returns the conflict as people read it.
    pub(crate) fn lines(&self) -> String {
        let replaced = match &self.replaced {
            Some(fragment) => table::one_line(fragment.statement.as_str(), 60),
            None => "a fragment that is gone".to_owned(),
        };
        let head = format!("conflict: what replaces {} ({replaced})?", self.older.short());
        let newer = self.newer.iter().map(|fragment| {
            table::beside(&format!("  ? {}  ", fragment.id.short()), fragment.statement.as_str(), 4)
        });
        format!("{}\n{}", styled(&head, output::YELLOW), newer.collect::<String>())
    }

    /// Returns the conflict as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "older": self.older.to_string(),
            "replaced": self.replaced.as_ref().map(fragment::json),
            "newer": self.newer.iter().map(fragment::json).collect::<Vec<_>>(),
        })
    }
}

/// Returns the one fragment of any conflict whose id starts with `prefix`, and its conflict.
pub(crate) fn find<'a>(
    conflicts: &'a [Conflict],
    prefix: &str,
) -> Result<(&'a Conflict, &'a Fragment), Error> {
    let of = |conflict: &'a Conflict| conflict.newer.iter().map(move |f| (conflict, f));
    let found: Vec<_> = conflicts
        .iter()
        .flat_map(of)
        .filter(|(_, fragment)| fragment.id.to_string().starts_with(prefix))
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        _ => Err(Error::ConflictPrefix { prefix: prefix.to_owned(), matches: found.len() }),
    }
}
