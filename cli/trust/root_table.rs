//! Roots as people read them: which keys there are, what each may do, and until when.

use garner_kernel::Moment;
use garner_kernel::bundle::{KeyGrant, Root};
use serde_json::{Value, json};

/// Returns when a root ends: itself, or the first of its keys that is in use.
pub(crate) fn end_of(root: &Root) -> Moment {
    let used = root.keys.iter().filter(|grant| grant.revoked_at.is_none());
    used.map(|grant| grant.not_after).fold(root.expires, Moment::min)
}

/// Returns the words of the roles that a key has.
fn roles(root: &Root, grant: &KeyGrant) -> Vec<String> {
    let name = grant.key.name();
    let holds = root.roles.iter().filter(|(_, holders)| holders.keys.contains(name));
    let word = |holders: &garner_kernel::bundle::Holders, role: &str| match holders.threshold {
        1 => role.to_owned(),
        threshold => format!("{role} ({threshold} of {})", holders.keys.len()),
    };
    holds.map(|(right, holders)| word(holders, right.as_str())).collect()
}

/// Returns a root as rows: when it expires, and each key with its roles and bounds.
pub(crate) fn rows(root: &Root) -> Vec<Vec<String>> {
    let head = format!("{}, to be renewed by {}", root.version, root.expires.date());
    let mut rows = vec![vec!["root".to_owned(), head]];
    for grant in &root.keys {
        let mut facts = vec![format!("until {}", grant.not_after.date())];
        let channels: Vec<_> = grant.channels.iter().map(ToString::to_string).collect();
        if !channels.is_empty() {
            facts.push(format!("channels {}", channels.join(" ")));
        }
        facts.extend(grant.max_fragments.map(|most| format!("at most {most} fragments")));
        facts.extend(grant.revoked_at.map(|at| format!("revoked from {at} on")));
        let roles = roles(root, grant);
        let roles = if roles.is_empty() { "nothing".to_owned() } else { roles.join(", ") };
        let (name, id) = (grant.key.name(), grant.key.id());
        rows.push(vec!["key".to_owned(), format!("{name}+{id}: {roles}; {}", facts.join("; "))]);
    }
    rows
}

/// Returns a root as JSON.
pub(crate) fn json(root: &Root) -> Value {
    let key = |grant: &KeyGrant| {
        json!({
            "name": grant.key.name().to_string(),
            "public": grant.key.to_string(),
            "roles": roles(root, grant),
            "not_after": grant.not_after.to_string(),
            "revoked_at": grant.revoked_at.map(|at| at.to_string()),
            "channels": grant.channels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "max_fragments": grant.max_fragments,
        })
    };
    json!({
        "version": root.version,
        "expires": root.expires.to_string(),
        "keys": root.keys.iter().map(key).collect::<Vec<_>>(),
    })
}
