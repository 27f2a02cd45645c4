//! What stands beside a golden file: what the reader knows, and what must come out.

use garner_kernel::bundle::{Anchor, Floor, Known, NoteRef};
use garner_kernel::{Digest, Version};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::committed;

const DIGEST: &str = "^[0-9a-f]{64}$";
const REPOSITORY: &str = "^[0-9a-f]{32}$";
const CHANNEL: &str = "^[a-z0-9-]{1,32}$";

/// The whole file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    /// The case in one sentence.
    #[expect(dead_code, reason = "for people")]
    about: String,
    /// The repository that the reader pinned.
    #[schemars(regex(pattern = REPOSITORY))]
    repository: String,
    /// The channel that the reader pinned, if any.
    #[schemars(regex(pattern = CHANNEL))]
    channel: Option<String>,
    /// The reader's key.
    pub(crate) identity: String,
    /// What the reader verified before.
    known: Before,
    /// What must come out.
    #[schemars(with = "Expect")]
    expect: Value,
}

/// What the reader verified before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "known")]
struct Before {
    roots: u64,
    #[serde(default)]
    #[schemars(with = "KnownNote")]
    revocations: Option<KnownNote>,
    #[serde(default)]
    #[schemars(with = "KnownHead")]
    floor: Option<KnownHead>,
    /// A head that another way vouches for.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = DIGEST))]
    vouched: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "note")]
struct KnownNote {
    number: u64,
    #[schemars(regex(pattern = DIGEST))]
    digest: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "head")]
struct KnownHead {
    #[schemars(range(min = 1))]
    version: u64,
    #[schemars(regex(pattern = DIGEST))]
    head: String,
}

/// A refusal, or what the file holds.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "expect")]
pub(crate) enum Expect {
    Refused(Refused),
    Opened(Opened),
}

/// The file is refused.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "refused")]
pub(crate) struct Refused {
    /// The code of the error.
    #[schemars(regex(pattern = "^K[0-9]{3}$"))]
    pub(crate) code: String,
}

/// The file opens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "opened")]
pub(crate) struct Opened {
    #[schemars(range(min = 1))]
    pub(crate) version: u64,
    #[schemars(regex(pattern = CHANNEL))]
    pub(crate) channel: String,
    #[schemars(regex(pattern = DIGEST))]
    pub(crate) head: String,
    pub(crate) publisher: String,
    /// How many fragments are live before the revoked ones are taken out.
    pub(crate) fragments: u64,
    #[schemars(regex(pattern = DIGEST))]
    pub(crate) tree_sha256: String,
    /// SHA-256 over the last line of each id.
    #[schemars(regex(pattern = DIGEST))]
    pub(crate) records_sha256: String,
    /// The ids of live fragments that are revoked.
    #[schemars(inner(regex(pattern = DIGEST)))]
    pub(crate) revoked: Vec<String>,
}

impl Sidecar {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        let digest = |text: &str| -> Digest { text.parse().unwrap() };
        let floor = self.known.floor.as_ref().map(|floor| Floor {
            version: Version::new(floor.version).unwrap(),
            head: digest(&floor.head),
        });
        let revocations = self.known.revocations.as_ref();
        let revocations =
            revocations.map(|note| NoteRef { number: note.number, digest: digest(&note.digest) });
        Anchor {
            repository: self.repository.parse().unwrap(),
            channel: self.channel.as_deref().map(|channel| channel.parse().unwrap()),
            known: Known {
                roots: self.known.roots,
                revocations,
                floor,
                vouched: self.known.vouched.as_deref().map(digest),
            },
        }
    }

    pub(crate) fn expect(&self) -> Expect {
        let value = self.expect.clone();
        match value.get("code") {
            Some(_) => Expect::Refused(serde_json::from_value(value).unwrap()),
            None => Expect::Opened(serde_json::from_value(value).unwrap()),
        }
    }
}

#[test]
fn the_schema_is_that_of_the_type() {
    let title = "What stands beside a golden file of the bundle format";
    let committed = garner_schemas::BUNDLE_VECTOR_SCHEMA;
    committed::check::<Sidecar>("bundle-vector.v1.json", title, committed);
}
