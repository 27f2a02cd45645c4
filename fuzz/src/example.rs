//! One repository with three versions, whose files and keys never change.
//!
//! `examples/write.rs` wrote the files once; encryption takes randomness, so that they cannot be
//! written a second time. The keys are public by being here and guard nothing.

#![expect(clippy::expect_used, reason = "the files stand beside this one, and tests open them")]

use std::sync::LazyLock;

use garner_kernel::bundle::{
    Anchor, Bundle, DeviceKey, Keyring, PublisherKey, RootChain, VersionTag, open, open_parent,
};
use garner_kernel::{Fragment, Kernel};

/// The files of the repository, read and opened.
#[derive(Debug)]
pub struct Example {
    /// The bytes of the bundle of version 1: one root, no revocations, a base and an index.
    pub minimal: &'static [u8],
    /// The bytes of the bundle of version 3: two roots, three heads, revocations, two deltas.
    pub full: &'static [u8],
    /// Versions 1, 2 and 3.
    pub bundles: [Bundle; 3],
    /// The latest notes of versions 2 and 3.
    pub latest: [&'static [u8]; 2],
    /// A tag of version 3.
    pub tag: Vec<u8>,
    /// Revocations that are newer than those in the bundles.
    pub later_revocations: &'static [u8],
    /// The chain of both roots.
    pub roots: RootChain,
    /// What a reader pins.
    pub anchor: Anchor,
    /// The key that reads everything.
    pub device: DeviceKey,
    /// The keyring of all versions.
    pub keyring: Keyring,
    /// Version 3.
    pub kernel: Kernel,
    /// What any version holds.
    pub fragments: Vec<Fragment>,
}

/// Returns the repository.
pub fn example() -> &'static Example {
    static EXAMPLE: LazyLock<Example> = LazyLock::new(Example::read);
    &EXAMPLE
}

/// The channel of the repository.
pub const CHANNEL: &str = "notes";

/// Returns the device key.
///
/// # Panics
/// Never: the key stands beside this file.
pub fn device() -> DeviceKey {
    include_str!("../example/device.key").parse().expect("a device key")
}

/// Returns the key of a name and a seed byte.
///
/// # Panics
/// If the name breaks the rules of key names.
pub fn key(name: &str, seed: u8) -> PublisherKey {
    PublisherKey::from_seed(name.parse().expect("a key name"), &[seed; 32])
}

/// Returns the keys that both roots trust: `ada` publishes, `warden` revokes, the others sign
/// roots, both of them each.
pub fn trusted() -> [PublisherKey; 4] {
    [key("ada", 1), key("root-one", 2), key("root-two", 3), key("warden", 4)]
}

/// Returns keys that no root trusts; the first goes by the name of one that they do.
pub fn strangers() -> [PublisherKey; 2] {
    [key("ada", 9), key("eve", 9)]
}

impl Example {
    fn read() -> Self {
        let files: [&[u8]; 3] = [
            include_bytes!("../example/first.kernel"),
            include_bytes!("../example/second.kernel"),
            include_bytes!("../example/third.kernel"),
        ];
        let bundles = files.map(|bytes| Bundle::parse(bytes).expect("a bundle"));
        let [minimal, _, full] = files;
        let [first, _, third] = &bundles;
        let pin = garner_kernel::bundle::repository_of(first.roots.first().expect("a root"));
        let pin = pin.expect("a first root");
        let anchor = Anchor::pin(pin, Some(CHANNEL.parse().expect("a channel")));
        let device = device();
        let kernel = open(third, &anchor, &[&device]).expect("version 3 opens").into_inner();
        let held = bundles.iter().map(|bundle| {
            open_parent(bundle, &anchor, &[&device]).expect("every version opens").0.contents
        });
        let roots = RootChain::check(&anchor.repository, &third.roots).expect("two roots");
        let fragments = held.flat_map(|held| held.fragments().cloned().collect::<Vec<_>>());
        Self {
            minimal,
            fragments: fragments.collect(),
            full,
            latest: [
                include_bytes!("../example/latest-2.note"),
                include_bytes!("../example/latest-3.note"),
            ],
            later_revocations: include_bytes!("../example/revocations-2.note"),
            tag: tag(&roots, &kernel),
            roots,
            keyring: Keyring::open(&third.keyring, &[&device]).expect("a keyring"),
            bundles,
            anchor,
            device,
            kernel,
        }
    }

    /// Returns every note of the repository.
    pub fn notes(&self) -> Vec<&[u8]> {
        let of = |bundle| {
            let Bundle { roots, revocations, heads, manifest, .. }: &Bundle = bundle;
            let notes = roots.iter().chain(revocations).chain(heads).chain([manifest]);
            notes.map(Vec::as_slice)
        };
        let bundles = self.bundles.iter().flat_map(of);
        let others = [self.later_revocations, self.tag.as_slice()];
        bundles.chain(self.latest).chain(others).collect()
    }
}

/// Returns a tag of a version; unlike what is encrypted, it is the same whenever it is made.
fn tag(roots: &RootChain, kernel: &Kernel) -> Vec<u8> {
    let tag = VersionTag {
        repository: roots.repository().clone(),
        channel: kernel.channel.clone(),
        name: "third".parse().expect("a name"),
        version: kernel.lineage.version,
        head: kernel.head,
        root: roots.last().version,
        created: kernel.created,
    };
    let [ada, ..] = trusted();
    tag.sign(&ada).to_bytes()
}
