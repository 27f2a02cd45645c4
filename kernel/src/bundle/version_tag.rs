//! Tags: signed notes that give a version a name, for good.

use super::keys::{PublicKey, PublisherKey};
use super::limits;
use super::note::Note;
use super::root::{Right, Root};
use super::root_chain::RootChain;
use super::statement::{RepositoryId, after_type, integer};
use crate::contents::Version;
use crate::digest::Digest;
use crate::error::Error;
use crate::moment::Moment;
use crate::words::{ChannelName, KeyName, TagName};

/// The note that gives a version of a channel a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTag {
    /// The repository.
    pub repository: RepositoryId,
    /// The channel.
    pub channel: ChannelName,
    /// The name.
    pub name: TagName,
    /// The version.
    pub version: Version,
    /// The digest of its head.
    pub head: Digest,
    /// The version of the root that was current.
    pub root: u64,
    /// When it was made.
    pub created: Moment,
}

const KIND: &str = "garner.tag.v";
const WHAT: &str = "tag";

impl VersionTag {
    /// Signs the note.
    pub fn sign(&self, key: &PublisherKey) -> Note {
        Note::sign(self.to_text(), &[key])
    }

    /// Checks a note that stands under `name` (docs/format.md, "Tag") and returns it.
    ///
    /// Whether its head is that of the version is for the caller to judge, who has the history.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(bytes: &[u8], roots: &RootChain, name: &TagName) -> Result<Self, Error> {
        let note = Note::parse(WHAT, bytes, limits::HEAD)?;
        let tag = Self::parse(note.text())?;
        let mismatch = |what, got: String, want: String| Err(Error::Mismatch { what, got, want });
        if tag.repository != *roots.repository() {
            let want = roots.repository().to_string();
            return mismatch("repository of the tag", tag.repository.to_string(), want);
        }
        if tag.name != *name {
            return mismatch("name of the tag", tag.name.to_string(), name.to_string());
        }
        let judge = roots.at(tag.root)?;
        let (keys, threshold) = judge.holders(&Right::Publish);
        let names = note.check(WHAT, &keys, threshold)?;
        tag.check_bounds(&names, judge)?;
        let signed = |key: &PublicKey| {
            keys.iter().any(|k| names.contains(k.name()) && k.as_bytes() == key.as_bytes())
        };
        // Keys are told by their bytes: a new name does not clear one that was revoked.
        let mut grants = roots.last().keys.iter().filter(|grant| signed(&grant.key));
        grants.try_for_each(|grant| grant.check_revoked(tag.created))?;
        Ok(tag)
    }

    fn check_bounds(&self, names: &[KeyName], judge: &Root) -> Result<(), Error> {
        let mut grants = names.iter().filter_map(|name| judge.grant(name));
        grants.try_for_each(|grant| grant.check(self.created, &self.channel))
    }

    /// Returns the text to sign.
    pub fn to_text(&self) -> String {
        format!(
            "{KIND}1\nrepo {}\nchannel {}\ntag {}\nseq {}\nhead {}\nroot {}\ncreated {}\n",
            self.repository,
            self.channel,
            self.name,
            self.version.get(),
            self.head,
            self.root,
            self.created,
        )
    }

    /// Reads the signed text.
    ///
    /// # Errors
    /// [`Error::Note`] unless it is spelled exactly as [`Self::to_text`] would.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let broken = || Error::Note { what: WHAT, rule: "it is malformed".to_owned() };
        let tag = Self::fields(after_type(WHAT, KIND, text)?).ok_or_else(broken)?;
        if tag.root > 0 && tag.to_text() == text { Ok(tag) } else { Err(broken()) }
    }

    fn fields(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        Some(Self {
            repository: field("repo")?.parse().ok()?,
            channel: field("channel")?.parse().ok()?,
            name: field("tag")?.parse().ok()?,
            version: Version::new(integer(field("seq")?)?)?,
            head: field("head")?.parse().ok()?,
            root: integer(field("root")?)?,
            created: field("created")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{Holders, KeyGrant};

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    fn key(seed: u8) -> PublisherKey {
        PublisherKey::from_seed(format!("key-{seed}").parse().unwrap(), &[seed; 32])
    }

    fn root(keys: &[&PublisherKey], publish: &PublisherKey) -> Root {
        let holders =
            |key: &PublisherKey| Holders { keys: vec![key.public().name().clone()], threshold: 1 };
        let until = moment("2030-01-01T00:00:00Z");
        Root {
            repository: None,
            version: 1,
            expires: until,
            keys: keys.iter().map(|key| KeyGrant::until(key.public(), until)).collect(),
            roles: [(Right::Root, holders(&key(1))), (Right::Publish, holders(publish))].into(),
        }
    }

    fn chain() -> (RootChain, Vec<Vec<u8>>) {
        let first = root(&[&key(1), &key(2)], &key(2)).sign(&[&key(1)]).to_bytes();
        let id = crate::bundle::repository_of(&first).unwrap();
        (RootChain::check(&id, std::slice::from_ref(&first)).unwrap(), vec![first])
    }

    fn tag(roots: &RootChain) -> VersionTag {
        VersionTag {
            repository: roots.repository().clone(),
            channel: "notes".parse().unwrap(),
            name: "before-rewrite".parse().unwrap(),
            version: Version::new(3).unwrap(),
            head: Digest::of(b"head"),
            root: 1,
            created: moment("2026-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn a_tag_has_one_spelling() {
        let text = "garner.tag.v1\nrepo 0123456789abcdef0123456789abcdef\nchannel notes\n\
            tag before-rewrite\nseq 3\n\
            head e072f87b85740aafb53a15a2dac4ab85964dd40b81c56d544f7abfb19edea494\n\
            root 1\ncreated 2026-01-01T00:00:00Z\n";
        assert_eq!(VersionTag::parse(text).unwrap().to_text(), text);
        for (from, to) in [
            ("tag.v1", "tag.v2"),
            ("tag.v1", "head.v1"),
            ("tag before-rewrite", "tag 12"),
            ("tag before-rewrite", "tag latest"),
            ("tag before-rewrite", "tag ../x"),
            ("seq 3", "seq 03"),
            ("root 1", "root 0"),
            ("created 2026-01-01T00:00:00Z", "created 2026-01-01T01:00:00+01:00"),
            ("created", "issued"),
        ] {
            assert!(VersionTag::parse(&text.replace(from, to)).is_err(), "{to}");
        }
        assert!(VersionTag::parse(&format!("{text}\n")).is_err());
    }

    #[test]
    fn the_example_of_the_format_page_is_what_we_sign() {
        let page = include_str!("../../../docs/format.md");
        let block = |block: &&str| block.starts_with("\ngarner.tag.v1\nrepo");
        let note = page.split("```").find(block).unwrap().trim_start();
        let text = note.split_once("\n\n").unwrap().0;
        let key = PublisherKey::from_seed("ada-publisher".parse().unwrap(), &[2; 32]);
        let tag = VersionTag::parse(&format!("{text}\n")).unwrap();
        assert_eq!(tag.sign(&key).to_bytes(), note.as_bytes());
    }

    #[test]
    fn a_tag_is_signed_by_who_may_publish() {
        let (roots, _) = chain();
        let tag = tag(&roots);
        let check = |tag: &VersionTag, key: &PublisherKey| {
            let name = "before-rewrite".parse().unwrap();
            VersionTag::check(&tag.sign(key).to_bytes(), &roots, &name).map_err(|e| e.code())
        };
        assert_eq!(check(&tag, &key(2)), Ok(tag.clone()));
        let refused = |change: &dyn Fn(&mut VersionTag), key: &PublisherKey| {
            let mut tag = tag.clone();
            change(&mut tag);
            check(&tag, key).unwrap_err().unwrap_or_default()
        };
        assert_eq!(refused(&|_| (), &key(1)), "K202");
        assert_eq!(refused(&|_| (), &key(3)), "K202");
        assert_eq!(refused(&|tag| tag.name = "other".parse().unwrap(), &key(2)), "K213");
        assert_eq!(refused(&|tag| tag.root = 2, &key(2)), "K304");
        let late = |tag: &mut VersionTag| tag.created = moment("2031-01-01T00:00:00Z");
        assert_eq!(refused(&late, &key(2)), "K205");
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(refused(&|tag| tag.repository = id.parse().unwrap(), &key(2)), "K213");
    }

    #[test]
    fn a_tag_outlives_its_key_unless_that_was_revoked_before() {
        let (first, mut notes) = chain();
        let tag = tag(&first);
        let bytes = tag.sign(&key(2)).to_bytes();
        let mut next = root(&[&key(1), &key(2), &key(3)], &key(3));
        (next.repository, next.version) = (Some(first.repository().clone()), 2);
        let judged = |next: &Root, notes: &mut Vec<Vec<u8>>| {
            notes.truncate(1);
            notes.push(next.sign(&[&key(1)]).to_bytes());
            let roots = RootChain::check(first.repository(), notes).unwrap();
            VersionTag::check(&bytes, &roots, &tag.name).map_err(|e| e.code().unwrap_or_default())
        };
        assert_eq!(judged(&next, &mut notes), Ok(tag.clone()));
        next.keys[1].revoked_at = Some(moment("2026-06-01T00:00:00Z"));
        assert_eq!(judged(&next, &mut notes), Ok(tag.clone()));
        next.keys[1].revoked_at = Some(moment("2025-06-01T00:00:00Z"));
        assert_eq!(judged(&next, &mut notes), Err("K205".to_owned()));
    }
}
