//! Publishing: make a repository, seal the next version, and commit it by creating its head.

use garner_kernel::bundle::{
    self, Anchor, Head, Identity, Keyring, Latest, Note, Parent, Plugins, PublisherKey, Reader,
    Reason, Recipient, RepositoryId, Right, Root, Seal, Sealed, SecretScan, limits,
};
use garner_kernel::{Contents, Moment, Version};

use crate::commit::{TRIES, commit, wait};
use crate::error::Error;
use crate::layout::Name;
use crate::pull;
use crate::remote::{Put, Remote, required};
use crate::repository::Trust;
use crate::survey::{Survey, survey, survey_to_build_on};

/// Everything that publishing needs besides the fragments.
pub struct Publication<'a> {
    /// The channel and what is trusted of it.
    pub trust: &'a Trust,
    /// Who can read the first version; those of later ones stand in the keyring before.
    pub readers: &'a [Reader],
    /// Who can read from now on, besides those of the version before.
    pub granted: &'a [Reader],
    /// Who can no longer read.
    pub removed: &'a [Recipient],
    /// The key that signs.
    pub publisher: &'a PublisherKey,
    /// The keys that open the version before.
    pub devices: &'a [&'a dyn Identity],
    /// What encrypts to readers whose keys age plugins hold.
    pub plugins: &'a dyn Plugins,
    /// The present.
    pub now: Moment,
    /// Why: an ordinary publication, or one that countersigns another.
    pub reason: Reason,
    /// The program that publishes, with its version.
    pub tool: String,
    /// What the search for secrets found.
    pub scan: SecretScan,
}

/// What came of publishing.
#[derive(Debug, Clone)]
pub enum Published {
    /// A new version is on the remote.
    New(Box<Sealed>),
    /// The newest version already says the same to the same readers.
    Unchanged(Version),
}

/// Creates a repository with this first root and returns its id.
///
/// # Errors
/// [`Error::RepositoryExists`] if the remote holds one already.
pub fn create_repository(
    remote: &impl Remote,
    root: &Root,
    keys: &[&PublisherKey],
) -> Result<RepositoryId, Error> {
    let note = root.sign(keys).to_bytes();
    let id = bundle::repository_of(&note)?;
    if remote.put_new(&Name::root(1), &note)? == Put::Exists {
        let there = required(remote, &Name::root(1), limits::ROOT as u64)?;
        let there = bundle::repository_of(&there)?;
        if there != id {
            return Err(Error::RepositoryExists { repository: there.to_string() });
        }
    }
    put_readme(remote)?;
    Ok(id)
}

/// Writes the text that tells people how to read the repository without Garner.
///
/// # Errors
/// What the remote refuses.
pub fn put_readme(remote: &impl Remote) -> Result<(), Error> {
    remote.put_over(&Name::readme(), README.as_bytes())
}

/// Publishes the next version: `change` turns the newest contents into those to publish.
///
/// When somebody else publishes at the same time, `change` is applied again to what they published.
///
/// # Errors
/// [`Error::LostRace`] after ten tries; [`Error::Unannounced`] if the version is there without the
/// `latest` note, which the next call writes; otherwise what sealing or the remote refused, and
/// readers see no new version, unless the remote lost its answer.
pub fn publish(
    remote: &impl Remote,
    publication: &Publication<'_>,
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Published, Error> {
    let channel = &publication.trust.repository.channel;
    for tries in 1..=TRIES {
        let survey = survey_to_build_on(remote, publication.trust)?;
        // Publishing on top of a history that was cut would sign a fork of our own channel.
        pull::check_known(&survey, publication.trust)?;
        let sealed = match seal_next(remote, publication, &survey, change)? {
            Published::New(sealed) => sealed,
            unchanged @ Published::Unchanged(_) => {
                keep_fresh(remote, publication, &survey)?;
                return Ok(unchanged);
            }
        };
        if commit(remote, publication.trust, &sealed)? {
            tracing::info!(%channel, version = %sealed.version, "published");
            return Ok(Published::New(sealed));
        }
        // The last loss is told at once.
        if tries < TRIES {
            wait(tries);
        }
    }
    Err(Error::LostRace { channel: channel.clone(), tries: TRIES })
}

/// Seals the next version as [`publish`] would, and writes nothing anywhere.
///
/// # Errors
/// As [`publish`], but for lost races.
pub fn preview(
    remote: &impl Remote,
    publication: &Publication<'_>,
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Published, Error> {
    let survey = survey_to_build_on(remote, publication.trust)?;
    pull::check_known(&survey, publication.trust)?;
    seal_next(remote, publication, &survey, change)
}

/// Seals the version after the newest release and opens it again, as a reader would.
fn seal_next(
    remote: &impl Remote,
    publication: &Publication<'_>,
    survey: &Survey,
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Published, Error> {
    let trust = publication.trust;
    check_right(survey, publication.publisher, &Right::Publish)?;
    let newest = open_newest(remote, publication, survey)?;
    let before = newest.as_ref().map(|(parent, _)| parent.contents.clone()).unwrap_or_default();
    let contents = without_revoked(&before, survey, change)?;
    let (keyring, file) = next_keyring(publication, newest.as_ref())?;
    let good = survey.newest_good().map(|good| good.head.version);
    let restores = good.filter(|good| Some(*good) != newest.as_ref().map(|(p, _)| p.head.version));
    let reason = match (&publication.reason, restores) {
        (Reason::Publish, Some(good)) if contents == before => Reason::RollbackTo(good),
        (reason, _) => reason.clone(),
    };
    if let Some((parent, before_keyring)) = &newest
        && contents == before
        && before_keyring.keyring.readers == keyring.readers
        && names_roots(&parent.head, survey)
    {
        return Ok(Published::Unchanged(parent.head.version));
    }
    let named = survey.newest_good().and_then(|good| good.head.revocations);
    // A clock that is behind must not make a head that no reader accepts.
    let created = newest.as_ref().map(|(parent, _)| parent.head.created);
    let sealed = bundle::seal(
        &contents,
        &Seal {
            repository: trust.repository.id.clone(),
            roots: survey.root_notes().to_vec(),
            root: survey.roots().last().version,
            revocations: survey.revocations(),
            reason,
            channel: trust.repository.channel.clone(),
            parent: newest.as_ref().map(|(parent, _)| parent),
            afresh: survey.purges_since(named)?,
            keyring: (&keyring, file),
            publisher: publication.publisher,
            now: created.map_or(publication.now, |created| created.max(publication.now)),
            tool: publication.tool.clone(),
            scan: publication.scan.clone(),
        },
    )?;
    let anchor = Anchor::pin(trust.repository.id.clone(), Some(trust.repository.channel.clone()));
    check_own(&sealed, &anchor, publication, &contents)?;
    Ok(Published::New(Box::new(sealed)))
}

/// Applies `change` to what is left of `before`, and takes out what is revoked of the result.
fn without_revoked(
    before: &Contents,
    survey: &Survey,
    change: &dyn Fn(&Contents) -> Result<Contents, garner_kernel::Error>,
) -> Result<Contents, Error> {
    let mut before = before.clone();
    before.withhold(&survey.revoked())?;
    let mut after = change(&before)?;
    after.withhold(&survey.revoked())?;
    Ok(after)
}

/// Returns whether a head names the roots and revocations that count now; otherwise the next
/// version makes up for it, so that nobody can add to the time before them.
fn names_roots(head: &Head, survey: &Survey) -> bool {
    let revocations = survey.revocations().map(|(reference, _)| reference);
    head.root == survey.roots().last().version && head.revocations == revocations
}

/// Checks that the last root gives our key a right.
pub(crate) fn check_right(survey: &Survey, key: &PublisherKey, right: &Right) -> Result<(), Error> {
    let ours = key.public();
    if survey.roots().last().holders(right).0.contains(&&ours) {
        return Ok(());
    }
    let reason = format!("the root of the repository does not let it {}", right.as_str());
    Err(garner_kernel::Error::KeyScope { key: ours.name().to_string(), reason }.into())
}

/// A keyring and the file that it was sealed in.
struct SealedKeyring {
    keyring: Keyring,
    file: Vec<u8>,
}

/// Opens the newest version, to build on it; `None` if there is none yet.
///
/// What a key signed after it was revoked is passed over: the next version links to it and goes on
/// from the contents of the newest version before.
fn open_newest(
    remote: &impl Remote,
    publication: &Publication<'_>,
    survey: &Survey,
) -> Result<Option<(Parent, SealedKeyring)>, Error> {
    let Some(newest) = survey.history().newest() else { return Ok(None) };
    let channel = &publication.trust.repository.channel;
    let nothing_left = || Error::NothingLeft { channel: channel.clone() };
    let good = survey.newest_good().ok_or_else(nothing_left)?.head.version;
    let fetched = survey.fetch(remote, publication.trust, good)?;
    let (mut parent, keyring) =
        bundle::open_parent(&fetched.bundle, &fetched.anchor, publication.devices)?;
    (parent.head, parent.digest) = (newest.head.clone(), newest.digest);
    let skip = Head::skip_version(newest.head.version.next());
    let skip = skip.and_then(|version| survey.history().at(version));
    parent.skip = skip.map(|signed| signed.digest);
    Ok(Some((parent, SealedKeyring { keyring, file: fetched.bundle.keyring })))
}

/// Returns the keyring of the next version: the same, or one for other readers.
///
/// Whoever is no longer among them never gets the key of what comes now: a new epoch starts.
fn next_keyring(
    publication: &Publication<'_>,
    newest: Option<&(Parent, SealedKeyring)>,
) -> Result<(Keyring, Vec<u8>), Error> {
    let stays = |reader: &&Reader| !publication.removed.contains(&reader.recipient);
    let Some((parent, before)) = newest else {
        let readers = publication.readers.iter().filter(stays).cloned().collect();
        let keyring = Keyring::new(publication.trust.repository.id.clone(), readers);
        let file = keyring.seal_with(publication.plugins)?;
        return Ok((keyring, file));
    };
    // The keyring of the version before says who reads: another publisher may have decided that.
    let old = before.keyring.readers.iter().map(|old| {
        let renamed = publication.granted.iter().find(|new| new.recipient == old.recipient);
        renamed.unwrap_or(old)
    });
    let known =
        |new: &&Reader| !before.keyring.readers.iter().any(|old| old.recipient == new.recipient);
    let readers = old.chain(publication.granted.iter().filter(known));
    let readers: Vec<Reader> = readers.filter(stays).cloned().collect();
    if before.keyring.readers == readers {
        return Ok((before.keyring.clone(), before.file.clone()));
    }
    let mut keyring = before.keyring.clone();
    let removed = |old: &Reader| !readers.iter().any(|new| new.recipient == old.recipient);
    if keyring.readers.iter().any(removed) {
        keyring.start_epoch(parent.head.version.next());
    }
    keyring.readers = readers;
    let file = keyring.seal_with(publication.plugins)?;
    Ok((keyring, file))
}

/// Signs a new `latest` note for the newest version, so that readers know the channel is looked
/// after; returns what it says, or `None` if nothing was published yet.
///
/// # Errors
/// What the remote breaks or refuses; [`garner_kernel::Error::KeyScope`] if the key may not.
pub fn renew(
    remote: &impl Remote,
    trust: &Trust,
    key: &PublisherKey,
    now: Moment,
) -> Result<Option<Latest>, Error> {
    let survey = survey(remote, trust)?;
    pull::check_known(&survey, trust)?;
    sign_latest(remote, &survey, trust, key, now)
}

fn sign_latest(
    remote: &impl Remote,
    survey: &Survey,
    trust: &Trust,
    key: &PublisherKey,
    now: Moment,
) -> Result<Option<Latest>, Error> {
    check_right(survey, key, &Right::Freshness)?;
    let Some(newest) = survey.history().newest() else { return Ok(None) };
    let latest = Latest {
        repository: trust.repository.id.clone(),
        channel: trust.repository.channel.clone(),
        version: newest.head.version,
        head: newest.digest,
        issued: now,
        expires: now.plus_days(bundle::LATEST_DAYS),
    };
    let note = Note::sign(latest.to_text(), &[key]).to_bytes();
    remote.put_over(&Name::latest(&trust.repository.channel), &note)?;
    Ok(Some(latest))
}

/// Signs a new `latest` note where the one that is there is missing, behind or soon expires: a
/// publication that stopped before it wrote one is finished.
fn keep_fresh(
    remote: &impl Remote,
    publication: &Publication<'_>,
    survey: &Survey,
) -> Result<(), Error> {
    let (trust, key) = (publication.trust, publication.publisher);
    let channel = &trust.repository.channel;
    let there = remote.get(&Name::latest(channel), limits::HEAD as u64)?;
    let there = there.and_then(|bytes| Latest::check(&bytes, survey.roots(), channel).ok());
    let newest = survey.history().newest().map(|newest| newest.digest);
    let soon = publication.now.plus_days(bundle::LATEST_DAYS / 2);
    if there.is_some_and(|latest| Some(latest.head) == newest && latest.expires > soon) {
        return Ok(());
    }
    match check_right(survey, key, &Right::Freshness) {
        Ok(()) => sign_latest(remote, survey, trust, key, publication.now).map(drop),
        Err(_) => Ok(()),
    }
}

/// Opens what was sealed: what we cannot read ourselves must not reach anybody.
fn check_own(
    sealed: &Sealed,
    anchor: &Anchor,
    publication: &Publication<'_>,
    contents: &Contents,
) -> Result<(), Error> {
    let opened = bundle::verify(&sealed.bundle, anchor, publication.devices, &mut |_| {})?;
    // Before revoked fragments are taken out, which the tree still holds.
    let (got, want) = (opened.tree, contents.tree_digest());
    if got == want {
        return Ok(());
    }
    Err(garner_kernel::Error::WrongDigest { what: "sealed tree".to_owned(), got, want }.into())
}

/// What people without Garner find on a remote.
const README: &str = include_str!("readme.txt");
