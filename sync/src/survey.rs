//! Surveys: everything that a remote says about a channel in public, verified.

use std::borrow::Cow;

use garner_kernel::bundle::{
    Anchor, Bundle, Freshness, Head, History, Latest, Manifest, Note, NoteRef, Reason,
    RevocationClass, Revocations, Revoked, RootChain, SignedHead, limits,
};
use garner_kernel::{Digest, KeyName, Moment, Version};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::{self, Changed, Remote};
use crate::repository::{Polled, Trust};

/// The roots, revocations and heads of a channel, verified and as they were found.
#[derive(Debug, Clone)]
pub struct Survey {
    roots: RootChain,
    root_notes: Vec<Vec<u8>>,
    revocations: Vec<Vec<u8>>,
    newest_revocations: Option<(Revocations, NoteRef)>,
    history: History,
    /// As they were found; a remote that answers differently the next time gains nothing.
    head_notes: Vec<Vec<u8>>,
}

/// One version of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The version.
    pub version: Version,
    /// The digest of its head note.
    pub head: Digest,
    /// The digest of the head before it.
    pub previous: Option<Digest>,
    /// When it was published.
    pub created: Moment,
    /// Why.
    pub reason: Reason,
    /// Whose keys signed it.
    pub signers: Vec<KeyName>,
    /// Why it may not be opened, if a key that signed it was revoked before.
    pub revoked: Option<String>,
}

/// A version with all its files, and the anchor that judges it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The files; nothing of them is trusted before they are opened.
    pub bundle: Bundle,
    /// What to open them with.
    pub anchor: Anchor,
}

/// Reads and verifies what a remote says about a channel (docs/format.md, "Verification", steps
/// 1, 3 and 4).
///
/// # Errors
/// The first rule that the remote breaks.
pub fn survey(remote: &impl Remote, trust: &Trust) -> Result<Survey, Error> {
    let survey = linked(remote, trust)?;
    survey.authorize(trust)?;
    Ok(survey)
}

/// Reads and verifies like [`survey`], for whoever publishes: a newest head whose signer was
/// revoked before is a link, so that a version can be built on what was good before it.
pub(crate) fn survey_to_build_on(remote: &impl Remote, trust: &Trust) -> Result<Survey, Error> {
    let survey = linked(remote, trust)?;
    let revoked = |newest: &SignedHead| newest.check_revoked(&survey.roots).is_err();
    if !survey.history.newest().is_some_and(revoked) {
        survey.authorize(trust)?;
    }
    Ok(survey)
}

/// Reads roots, heads and revocations and checks them but for step 3.2: who may sign the newest.
pub(crate) fn linked(remote: &impl Remote, trust: &Trust) -> Result<Survey, Error> {
    let root_notes = roots(remote)?;
    // 1. Roots.
    let roots = RootChain::check(&trust.repository.id, &root_notes)?;
    let (offered, needed) = (roots.last().version, trust.known.roots);
    if offered < needed {
        return Err(garner_kernel::Error::RootsMissing { needed, offered }.into());
    }
    // 3. Heads, from the first on.
    let (history, head_notes) = heads(remote, trust, &roots)?;
    // 4. Revocations.
    let (revocations, newest_revocations) = revocations(remote, &roots)?;
    Ok(Survey { roots, root_notes, revocations, newest_revocations, history, head_notes })
}

impl Survey {
    /// Checks that keys of today signed the newest head.
    fn authorize(&self, trust: &Trust) -> Result<(), Error> {
        self.history.authorize(&self.roots).map_err(|source| {
            let newest = self.history.newest().map_or(Version::FIRST, |newest| newest.head.version);
            refused(&Name::head(&trust.repository.channel, newest), source)
        })
    }

    /// Returns the newest head whose signers were not revoked before they signed it.
    pub(crate) fn newest_good(&self) -> Option<&SignedHead> {
        let heads = self.history.heads().iter().rev();
        heads.into_iter().find(|signed| signed.check_revoked(&self.roots).is_ok())
    }

    /// Returns the verified roots.
    pub const fn roots(&self) -> &RootChain {
        &self.roots
    }

    /// Returns the root notes, ascending.
    pub fn root_notes(&self) -> &[Vec<u8>] {
        &self.root_notes
    }

    /// Returns the heads.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Returns the newest revocations note, if there is any.
    pub fn revocations(&self) -> Option<(NoteRef, Vec<u8>)> {
        let (_, reference) = self.newest_revocations.as_ref()?;
        Some((*reference, self.revocations.last()?.clone()))
    }

    /// Returns everything that is revoked in the repository.
    pub fn revoked(&self) -> Cow<'_, Revoked> {
        let newest = self.newest_revocations.as_ref();
        newest.map_or_else(Cow::default, |(revocations, _)| Cow::Borrowed(&revocations.entries))
    }

    /// Returns whether copies are to be erased that whoever knew only `known` did not know of.
    pub(crate) fn purges_since(&self, known: Option<NoteRef>) -> Result<bool, Error> {
        let purged = |revoked: &Revoked| {
            let purged = revoked.values().filter(|entry| entry.class == RevocationClass::Purge);
            purged.count()
        };
        let index = known.and_then(|known| usize::try_from(known.number).ok()?.checked_sub(1));
        let note = index.and_then(|index| self.revocations.get(index));
        let before = match note {
            // Each note holds everything that the one before held.
            Some(note) => purged(&Revocations::read(note, &self.roots)?.0.entries),
            None => 0,
        };
        Ok(purged(&self.revoked()) > before)
    }

    pub(crate) fn revocation_notes(&self) -> &[Vec<u8>] {
        &self.revocations
    }

    pub(crate) fn head_notes(&self) -> &[Vec<u8>] {
        &self.head_notes
    }

    /// Returns every version, the oldest first.
    pub fn releases(&self) -> Vec<Release> {
        self.history.heads().iter().map(|signed| self.release(signed)).collect()
    }

    fn release(&self, signed: &SignedHead) -> Release {
        Release {
            version: signed.head.version,
            head: signed.digest,
            previous: signed.head.previous,
            created: signed.head.created,
            reason: signed.head.reason.clone(),
            signers: signed.signers.clone(),
            revoked: signed.check_revoked(&self.roots).err().map(|e| e.to_string()),
        }
    }

    /// Collects the files of one version; the caller opens them, which checks everything.
    ///
    /// # Errors
    /// [`Error::NoVersion`] if there is no such head, [`Error::MissingFile`] if a file of the newest
    /// is missing, [`Error::NotKept`] if one of an older version is.
    pub fn fetch(
        &self,
        remote: &impl Remote,
        trust: &Trust,
        version: Version,
    ) -> Result<Fetched, Error> {
        let channel = &trust.repository.channel;
        let missing = || Error::NoVersion { channel: channel.clone(), version };
        let signed = self.history.at(version).ok_or_else(missing)?;
        let newest = self.history.newest().is_some_and(|newest| newest.digest == signed.digest);
        // The files of an older version may have been collected.
        let gone = |error| match error {
            Error::MissingFile { .. } if !newest => {
                Error::NotKept { channel: channel.clone(), version }
            }
            other => other,
        };
        let (manifest, parsed) = manifest(remote, &signed.head).map_err(gone)?;
        let keyring = (Name::keyring(&parsed.keyring.digest), parsed.keyring.size);
        let objects = parsed.objects.iter();
        let objects = objects.map(|o| (Name::object(&o.file.digest), o.file.size));
        let files: Vec<(Name, u64)> = [keyring].into_iter().chain(objects).collect();
        remote.announce(&files);
        let mut files =
            files.iter().map(|(name, size)| remote::required(remote, name, *size).map_err(gone));
        let keyring = files.next().transpose()?.unwrap_or_default();
        let count = usize::try_from(version.get()).unwrap_or(usize::MAX);
        let heads = self.head_notes.get(count.saturating_sub(limits::HEADS)..count);
        let bundle = Bundle {
            roots: self.root_notes.clone(),
            revocations: self.revocations.last().cloned(),
            heads: heads.unwrap_or_default().to_vec(),
            manifest,
            keyring,
            objects: files.collect::<Result<_, _>>()?,
        };
        let vouched = (!newest).then_some(signed.digest);
        Ok(Fetched { bundle, anchor: trust.anchor(vouched) })
    }
}

/// Returns every root note, ascending; the caller checks the chain.
///
/// # Errors
/// [`Error::NoRepository`] if there is none.
pub fn roots(remote: &impl Remote) -> Result<Vec<Vec<u8>>, Error> {
    let mut roots = Vec::new();
    for number in 1..=limits::ROOTS as u64 {
        match remote.get(&Name::root(number), limits::ROOT as u64)? {
            Some(root) => roots.push(root),
            None => break,
        }
    }
    if roots.is_empty() { Err(Error::NoRepository) } else { Ok(roots) }
}

fn heads(
    remote: &impl Remote,
    trust: &Trust,
    roots: &RootChain,
) -> Result<(History, Vec<Vec<u8>>), Error> {
    let channel = &trust.repository.channel;
    let (mut history, mut notes) = (History::default(), Vec::new());
    let mut version = Version::FIRST;
    loop {
        let name = Name::head(channel, version);
        let Some(bytes) = remote.get(&name, limits::HEAD as u64)? else {
            return Ok((history, notes));
        };
        let signed = SignedHead::read(&bytes, roots, Some(channel))
            .and_then(|signed| same_version(signed, version))
            .map_err(|source| refused(&name, source))?;
        history.push(signed).map_err(|source| refused(&name, source))?;
        notes.push(bytes);
        version = version.next();
    }
}

/// Checks that a head stands under its own version.
fn same_version(signed: SignedHead, version: Version) -> Result<SignedHead, garner_kernel::Error> {
    if signed.head.version == version {
        return Ok(signed);
    }
    Err(garner_kernel::Error::Mismatch {
        what: "version of the head",
        got: signed.head.version.to_string(),
        want: version.to_string(),
    })
}

type RevocationNotes = (Vec<Vec<u8>>, Option<(Revocations, NoteRef)>);

fn revocations(remote: &impl Remote, roots: &RootChain) -> Result<RevocationNotes, Error> {
    let (mut notes, mut last) = (Vec::new(), None::<(Revocations, NoteRef)>);
    for number in 1..=limits::REVOCATION_NOTES {
        let name = Name::revocations(number);
        let Some(bytes) = remote.get(&name, limits::REVOCATIONS as u64)? else { break };
        let before = last.as_ref().map(|(revocations, reference)| (revocations, reference));
        let read = Revocations::read(&bytes, roots)
            .and_then(|read| read.0.check_follows(before).map(|()| read));
        last = Some(read.map_err(|source| refused(&name, source))?);
        notes.push(bytes);
    }
    if let (Some(bytes), Some((_, reference))) = (notes.last(), &last) {
        let name = Name::revocations(reference.number);
        Revocations::check(bytes, roots).map_err(|source| refused(&name, source))?;
    }
    Ok((notes, last))
}

/// Returns the manifest that a checked head names; `None` if it was collected.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn manifest_of(remote: &impl Remote, head: &Head) -> Result<Option<Manifest>, Error> {
    let name = Name::manifest(&head.manifest.digest);
    let there = remote.get(&name, limits::MANIFEST as u64)?;
    there.map(|bytes| parse_manifest(&name, head, &bytes)).transpose()
}

/// Returns the manifest that a checked head names, as bytes and as parsed.
fn manifest(remote: &impl Remote, head: &Head) -> Result<(Vec<u8>, Manifest), Error> {
    let name = Name::manifest(&head.manifest.digest);
    let bytes = remote::required(remote, &name, limits::MANIFEST as u64)?;
    let manifest = parse_manifest(&name, head, &bytes)?;
    Ok((bytes, manifest))
}

fn parse_manifest(name: &Name, head: &Head, bytes: &[u8]) -> Result<Manifest, Error> {
    let refused = |source| refused(name, source);
    head.manifest.check("manifest", bytes).map_err(refused)?;
    Note::parse("manifest", bytes, limits::MANIFEST)
        .and_then(|note| Manifest::of(&note))
        // Before any size that it states is used to fetch something.
        .and_then(|manifest| manifest.check_limits().map(|()| manifest))
        .map_err(refused)
}

/// How old a `latest` note must be before its tag stands for it, in seconds.
const SETTLED_SECONDS: i64 = 60;

/// Checks the `latest` note against the history (step 2) and remembers what it says of time.
///
/// # Errors
/// [`Error::MissingFile`] if the remote hides versions.
pub(crate) fn check_latest(
    remote: &impl Remote,
    survey: &Survey,
    trust: &mut Trust,
    clock: Moment,
) -> Result<(), Error> {
    let channel = trust.repository.channel.clone();
    let name = Name::latest(&channel);
    trust.polled = None;
    // The note is a hint that a publisher writes last: it may be behind, or not there yet.
    if let Changed::New(bytes, tag) = remote.get_changed(&name, limits::HEAD as u64, None)? {
        let latest = Latest::check(&bytes, &survey.roots, &channel)
            .map_err(|source| refused(&name, source))?;
        check_shown(&latest, survey, &channel)?;
        trust.see(latest.issued, clock);
        trust.fresh_until = trust.fresh_until.max(Some(latest.expires));
        // A note that is behind says nothing of what is new.
        let newest = survey.history.newest().is_some_and(|newest| newest.digest == latest.head);
        // Web servers make tags of sizes and seconds: two notes of the same moment look alike.
        let settled = clock.unix().saturating_sub(latest.issued.unix()) >= SETTLED_SECONDS;
        trust.polled = tag.filter(|_| newest && settled).map(|tag| Polled { tag, at: clock });
    }
    Ok(())
}

/// Returns what should have been renewed by now.
///
/// # Errors
/// [`garner_kernel::Error::Expired`] if nobody looked after the channel or its root for too long.
pub(crate) fn overdue(
    survey: &Survey,
    trust: &Trust,
    clock: Moment,
) -> Result<Vec<Overdue>, Error> {
    let root = survey.roots.last().expires;
    let expiries = [("latest note", trust.fresh_until), ("root", Some(root))];
    let mut overdue = Vec::new();
    for (what, expired) in expiries.into_iter().filter_map(|(what, at)| Some((what, at?))) {
        match Freshness::at(expired, trust.time(clock)) {
            Freshness::Fresh => {}
            Freshness::Overdue => overdue.push(Overdue { what, expired }),
            Freshness::Stale => return Err(garner_kernel::Error::Expired { what, expired }.into()),
        }
    }
    Ok(overdue)
}

/// A statement that expired lately and should be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// Which statement.
    pub what: &'static str,
    /// When it expired.
    pub expired: Moment,
}

/// Checks that the remote shows the head that its `latest` note speaks of.
fn check_shown(
    latest: &Latest,
    survey: &Survey,
    channel: &garner_kernel::ChannelName,
) -> Result<(), Error> {
    match survey.history.at(latest.version) {
        None => {
            let name = Name::head(channel, latest.version).to_string();
            Err(Error::MissingFile { name })
        }
        Some(signed) if signed.digest != latest.head => Err(garner_kernel::Error::Fork {
            version: latest.version,
            known: latest.head,
            offered: signed.digest,
        }
        .into()),
        Some(_) => Ok(()),
    }
}

fn refused(name: &Name, source: garner_kernel::Error) -> Error {
    Error::Refused { name: name.to_string(), source }
}
