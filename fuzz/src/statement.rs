//! The body of `statement`: the texts that are signed.

use garner_kernel::bundle::{Head, Latest, Manifest, Right, Root, VersionTag};
use garner_kernel::{Error, Version, probe};

/// What a text states; displays nowhere, and stands for itself in the order of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `garner.root.v1`.
    Root,
    /// `garner.head.v1`.
    Head,
    /// `garner.latest.v1`.
    Latest,
    /// `garner.rev.v1`.
    Revocations,
    /// `garner.manifest.v1`.
    Manifest,
    /// `garner.tag.v1`.
    Tag,
}

impl Kind {
    /// Every kind, in the order of the first bytes.
    pub const ALL: [Self; 6] =
        [Self::Root, Self::Head, Self::Latest, Self::Revocations, Self::Manifest, Self::Tag];

    /// Reads a text of this kind and writes it again.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn written(self, text: &str) -> Result<String, Error> {
        match self {
            Self::Root => Root::parse(text).map(|root| root_text(&root)),
            Self::Head => Head::parse(text).map(|head| head.to_text()),
            Self::Latest => Latest::parse(text).map(|latest| latest.to_text()),
            Self::Revocations => probe::revocations(text),
            Self::Manifest => Manifest::parse(text).map(|manifest| manifest_text(&manifest)),
            Self::Tag => VersionTag::parse(text).map(|tag| tag.to_text()),
        }
    }
}

/// Reads a text of the kind that the first byte picks: what is accepted is written as the same
/// text.
///
/// # Panics
/// If a text has two spellings.
pub fn statement(input: &[u8]) {
    let Some((kind, text)) = input.split_first() else { return };
    let Some(kind) = Kind::ALL.get(usize::from(*kind) % Kind::ALL.len()) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(written) = kind.written(text) {
        assert_eq!(written, text, "a {kind:?} has two spellings");
    }
}

fn root_text(root: &Root) -> String {
    for right in root.roles.keys().chain(&[Right::Root, Right::Publish]) {
        let (keys, threshold) = root.holders(right);
        assert!(!root.roles.contains_key(right) || keys.len() >= threshold);
    }
    probe::text(&root.sign(&[])).to_owned()
}

fn manifest_text(manifest: &Manifest) -> String {
    let versions = manifest.objects.iter().map(|object| object.to).chain([1]);
    let ordered = versions.filter_map(Version::new).filter(|v| manifest.check_order(*v).is_ok());
    // The index stands under one version, so that a list is in order for no other.
    assert!(ordered.collect::<std::collections::BTreeSet<_>>().len() <= 1);
    if manifest.check_limits().is_ok() {
        let total: u128 = manifest.objects.iter().map(|object| u128::from(object.raw_size)).sum();
        assert!(total <= 4 << 30, "the sum of the sizes wrapped around");
    }
    manifest.to_text()
}
