//! Pulling: fetch and check what is new, without loading it.

use garner_kernel::bundle::{self, Bundle, Floor, Known, limits};
use garner_kernel::{Digest, Moment, Version};

use crate::cached::Cached;
use crate::collect::Collection;
use crate::error::Error;
use crate::layout::Name;
use crate::remote::{Changed, Remote};
use crate::repository::Trust;
use crate::survey::{self, Overdue, Release, Survey, survey};

/// What a pull found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The whole history, oldest first.
    pub releases: Vec<Release>,
    /// How many of its versions are new here.
    pub new: usize,
    /// How many bytes were fetched.
    pub bytes: u64,
    /// The newest head.
    pub floor: Floor,
    /// What is trusted now; the caller stores it.
    pub trust: Trust,
    /// What should be renewed by whoever publishes.
    pub overdue: Vec<Overdue>,
}

/// Copies what is new of a channel from `remote` to `mirror`, checking every file on the way.
///
/// Heads are copied last, so that the mirror never shows a version without its files. Older
/// versions come without their objects; `version` names one to fetch in full, the newest if `None`.
///
/// # Errors
/// The first rule that the remote breaks; what the mirror showed before stays whole.
pub fn pull(
    remote: &impl Remote,
    mirror: &impl Remote,
    trust: &Trust,
    version: Option<Version>,
    clock: Moment,
) -> Result<Pulled, Error> {
    let channel = &trust.repository.channel;
    let mut trust = trust.clone();
    raise_roots(mirror, &mut trust)?;
    if let Some(pulled) = unchanged(remote, mirror, &trust, version, clock)? {
        return Ok(pulled);
    }
    let near = Cached::new(remote, mirror, &trust);
    let survey = survey(&near, &trust)?;
    let Some(newest) = survey.history().newest() else {
        return Err(match trust.known.floor {
            Some(_) => {
                let name = Name::head(channel, Version::FIRST).to_string();
                Error::MissingFile { name }
            }
            None => Error::Empty { channel: channel.clone() },
        });
    };
    check_known(&survey, &trust)?;
    trust.see(newest.head.created, clock);
    survey::check_latest(&near, &survey, &mut trust, clock)?;
    let overdue = survey::overdue(&survey, &trust, clock)?;
    let wanted = version.unwrap_or(newest.head.version);
    let fetched = survey.fetch(&near, &trust, wanted)?;
    bundle::check(&fetched.bundle, &fetched.anchor)?;
    copy_files(mirror, &survey, &fetched.bundle)?;
    let mut new = 0;
    for (signed, note) in survey.history().heads().iter().zip(survey.head_notes()) {
        let copied = keep(mirror, &Name::head(channel, signed.head.version), note)?;
        new += usize::from(copied);
    }
    let floor = trust.known.floor.and_then(|floor| survey.history().at(floor.version));
    if survey.purges_since(floor.and_then(|floor| floor.head.revocations))? {
        // What must be erased stands in the versions before the one that was made without it.
        Collection::purge(mirror, &survey, newest.head.version)?.remove(mirror)?;
    }
    let bytes = near.fetched();
    let floor = Floor { version: newest.head.version, head: newest.digest };
    trust.known = Known {
        roots: survey.roots().last().version,
        revocations: survey.revocations().map(|(reference, _)| reference),
        floor: Some(floor),
        vouched: None,
    };
    tracing::info!(%channel, new, bytes, newest = %floor.version, "pulled");
    Ok(Pulled { releases: survey.releases(), new, bytes, floor, trust, overdue })
}

/// Returns what the last pull left in `mirror`, and asks no remote.
///
/// # Errors
/// [`Error::Empty`] if nothing was pulled yet; the rule that the mirror breaks.
pub fn pulled(mirror: &impl Remote, trust: &Trust) -> Result<Pulled, Error> {
    let empty = || Error::Empty { channel: trust.repository.channel.clone() };
    let survey = survey(mirror, trust).map_err(|error| match error {
        Error::NoRepository => empty(),
        other => other,
    })?;
    let newest = survey.history().newest().ok_or_else(empty)?;
    let floor = Floor { version: newest.head.version, head: newest.digest };
    let (releases, trust) = (survey.releases(), trust.clone());
    // What should have been renewed is told by a pull, which could bring what was.
    Ok(Pulled { releases, new: 0, bytes: 0, floor, trust, overdue: Vec::new() })
}

/// For how many days the tag of a `latest` note stands for everything else that may be new.
///
/// Whoever adds a root or revocations publishes on top of them, which changes the note; where that
/// failed, they are found after this time.
const POLL_DAYS: u32 = 1;

/// Returns what a pull finds if one request tells that nothing changed since the last; `None` if
/// more has to be asked.
fn unchanged(
    remote: &impl Remote,
    mirror: &impl Remote,
    trust: &Trust,
    version: Option<Version>,
    clock: Moment,
) -> Result<Option<Pulled>, Error> {
    let (Some(polled), Some(floor)) = (&trust.polled, trust.known.floor) else { return Ok(None) };
    let lasts = clock >= polled.at && clock < polled.at.plus_days(POLL_DAYS);
    if !lasts || version.is_some_and(|version| version != floor.version) {
        return Ok(None);
    }
    // The mirror must hold all of it, or the rest is fetched.
    let Ok(survey) = survey(mirror, trust) else { return Ok(None) };
    let newest = survey.history().newest().map(|newest| newest.digest);
    let whole = survey
        .fetch(mirror, trust, floor.version)
        .is_ok_and(|fetched| bundle::check(&fetched.bundle, &fetched.anchor).is_ok());
    if newest != Some(floor.head) || !whole {
        return Ok(None);
    }
    let name = Name::latest(&trust.repository.channel);
    match remote.get_changed(&name, limits::HEAD as u64, Some(&polled.tag))? {
        Changed::Same => {}
        Changed::Gone | Changed::New(..) => return Ok(None),
    }
    let overdue = survey::overdue(&survey, trust, clock)?;
    let releases = survey.releases();
    Ok(Some(Pulled { releases, new: 0, bytes: 0, floor, trust: trust.clone(), overdue }))
}

/// Raises what is known to what the mirror has: settings that were lost forget nothing.
fn raise_roots(mirror: &impl Remote, trust: &mut Trust) -> Result<(), Error> {
    match survey::roots(mirror) {
        Ok(roots) => trust.known.roots = trust.known.roots.max(roots.len() as u64),
        Err(Error::NoRepository) => {}
        Err(other) => return Err(other),
    }
    Ok(())
}

/// Checks that nothing that is known was taken back: the newest head, the revocations.
pub(crate) fn check_known(survey: &Survey, trust: &Trust) -> Result<(), Error> {
    if let Some(floor) = trust.known.floor {
        survey.history().check_floor(floor)?;
    }
    let Some(known) = trust.known.revocations else { return Ok(()) };
    let offered = survey.revocations().map_or(0, |(reference, _)| reference.number);
    if offered < known.number {
        let known = known.number;
        return Err(garner_kernel::Error::RevocationsWentBack { known, offered }.into());
    }
    let index = usize::try_from(known.number).unwrap_or(usize::MAX).saturating_sub(1);
    let there = survey.revocation_notes().get(index).map(|note| {
        bundle::Note::parse("revocations", note, limits::REVOCATIONS).map(|note| note.digest())
    });
    match there.transpose()? {
        Some(offered) if offered != known.digest => Err(garner_kernel::Error::RevocationsFork {
            number: known.number,
            known: known.digest,
            offered,
        }
        .into()),
        _ => Ok(()),
    }
}

/// Copies the files of a checked bundle that the mirror lacks.
fn copy_files(mirror: &impl Remote, survey: &Survey, bundle: &Bundle) -> Result<(), Error> {
    let digest = |bytes: &Vec<u8>| Digest::of(bytes);
    let roots = survey.root_notes().iter().zip(1..).map(|(root, n)| (Name::root(n), root));
    let notes = survey.revocation_notes().iter().zip(1..);
    let revocations = notes.map(|(note, n)| (Name::revocations(n), note));
    let objects = bundle.objects.iter().map(|object| (Name::object(&digest(object)), object));
    let files = roots
        .chain(revocations)
        .chain(objects)
        .chain([(Name::keyring(&digest(&bundle.keyring)), &bundle.keyring)])
        .chain([(Name::manifest(&digest(&bundle.manifest)), &bundle.manifest)]);
    for (name, file) in files {
        keep(mirror, &name, file)?;
    }
    Ok(())
}

/// Writes a file unless the mirror has it with these bytes, and returns whether it was written.
fn keep(mirror: &impl Remote, name: &Name, file: &Vec<u8>) -> Result<bool, Error> {
    // A file of the right name but with other bytes is damage: replace it.
    if mirror.get(name, limits::OBJECT)?.as_ref() == Some(file) {
        return Ok(false);
    }
    mirror.put_over(name, file)?;
    Ok(true)
}
