//! Every case of the golden files: what must open, and what must be refused with which code.
//!
//! All statements are signed by the right keys unless the case is about that: whoever holds a key
//! of a publisher must not be able to do more with it than publish.

mod container;
mod heads;
mod manifests;
mod objects;
mod records;
mod roots;
mod valid;

use garner_kernel::bundle::PublisherKey;
use garner_kernel::{Digest, Fragment, Kind};

use crate::forge::{BOUNDS, Forge, fragment, grant, key, replace, root, root_key, stranger};

/// One golden file.
pub(crate) struct Case {
    /// Names the file after `valid_` or `fail_`.
    pub(crate) name: &'static str,
    /// What the case is about, in one sentence.
    pub(crate) about: &'static str,
    /// The code of the refusal; `None` if it opens.
    pub(crate) code: Option<&'static str>,
    pub(crate) forge: Forge,
}

/// Returns every case.
pub(crate) fn all() -> Vec<Case> {
    let statements = [roots::roots(), heads::heads(), heads::chains(), heads::revocations()];
    let files = [container::container(), manifests::manifests(), manifests::keyrings()];
    let inside = [objects::objects(), objects::frames(), objects::indexes(), records::records()];
    let refused = statements.into_iter().chain(files).chain(inside);
    [valid::valid()].into_iter().chain(refused).flatten().collect()
}

fn case(
    name: &'static str,
    code: impl Into<Option<&'static str>>,
    about: &'static str,
    change: impl FnOnce(&mut Forge),
) -> Case {
    let mut forge = Forge::default();
    change(&mut forge);
    Case { name, about, code: code.into(), forge }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn rule(text: &str) -> Fragment {
    fragment(Kind::Rule, text)
}

/// Makes the last root let somebody else publish as well.
fn with_key(forge: &mut Forge, key: &PublisherKey, bounds: &str) {
    let root = forge.roots.last_mut().unwrap();
    let name = key.public().name().to_string();
    root.json = root
        .json
        .replace("\"keys\":{\"ada", &format!("\"keys\":{{{},\"ada", grant(key, bounds)))
        .replace("\"publish\":{\"keys\":[", &format!("\"publish\":{{\"keys\":[\"{name}\","));
}

/// A second publisher, whose name comes first.
fn abe() -> PublisherKey {
    key("abe", 4)
}

fn edit_root(from: &'static str, to: &'static str) -> impl FnOnce(&mut Forge) {
    move |forge| {
        let json = &mut forge.roots[0].json;
        assert!(json.contains(from), "`{from}` is not in {json}");
        *json = json.replace(from, to);
    }
}

fn drop_publisher(forge: &mut Forge) {
    forge.roots.push(root(2));
    let keys = format!("{},{}", grant(&stranger(), BOUNDS), grant(&root_key(), BOUNDS));
    let json = &mut forge.roots[1].json;
    let (start, end) = (json.find("\"keys\":{").unwrap() + 8, json.find("},\"roles\"").unwrap());
    json.replace_range(start..end, &keys.replace("\"eve\"", "\"ada-next\""));
    *json = json.replace("ada-publisher", "ada-next");
    forge.head = replace("root 2", "root 1");
}

fn revocations_text() -> String {
    let id = rule("Sync the folder after a rename.").id;
    format!(
        "garner.rev.v1\n{{\"repo\":\"{{repo}}\",\"version\":1,\"entries\":[{{\"fragment\":\"{id}\",\
         \"class\":\"purge\",\"reason\":\"secret\",\"since\":\"2026-02-01T00:00:00Z\"}}]}}\n"
    )
}
