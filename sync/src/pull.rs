//! Pulling: fetch and check what is new, without loading it.

use garner_kernel::bundle::{self, Bundle, Floor, Known, limits};
use garner_kernel::{Digest, Moment, Version};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::Remote;
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
    let survey = survey(remote, &trust)?;
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
    let overdue = survey::check_latest(remote, &survey, &mut trust, clock)?;
    let wanted = version.unwrap_or(newest.head.version);
    let fetched = survey.fetch(remote, &trust, wanted)?;
    bundle::check(&fetched.bundle, &fetched.anchor)?;
    let mut bytes = copy_files(mirror, &survey, &fetched.bundle)?;
    let mut new = 0;
    for (signed, note) in survey.history().heads().iter().zip(survey.head_notes()) {
        let copied = keep(mirror, &Name::head(channel, signed.head.version), note)?;
        new += usize::from(copied > 0);
        bytes += copied;
    }
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

/// Copies the files of a checked bundle that the mirror lacks, and returns their bytes.
fn copy_files(mirror: &impl Remote, survey: &Survey, bundle: &Bundle) -> Result<u64, Error> {
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
    let mut bytes = 0;
    for (name, file) in files {
        bytes += keep(mirror, &name, file)?;
    }
    Ok(bytes)
}

/// Writes a file unless the mirror has it with these bytes, and returns how many were written.
fn keep(mirror: &impl Remote, name: &Name, file: &Vec<u8>) -> Result<u64, Error> {
    // A file of the right name but with other bytes is damage: replace it.
    if mirror.get(name, limits::OBJECT)?.as_ref() == Some(file) {
        return Ok(0);
    }
    mirror.put_over(name, file)?;
    Ok(file.len() as u64)
}
