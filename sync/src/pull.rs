//! Pulling: fetch and check what is new, without loading it.

use garner_kernel::Version;
use garner_kernel::bundle::{self, Bundle, Floor};

use crate::error::Error;
use crate::history::{self, Release};
use crate::layout::Name;
use crate::mirror;
use crate::remote::Remote;
use crate::repository::Trust;

/// What a pull found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The whole history, oldest first.
    pub releases: Vec<Release>,
    /// How many of its versions are new here.
    pub new: usize,
    /// How many bytes were fetched.
    pub bytes: u64,
    /// The newest head, which the caller stores as the floor.
    pub floor: Floor,
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
) -> Result<Pulled, Error> {
    let channel = &trust.repository.channel;
    let releases = history::log(remote, trust)?;
    let Some(newest) = releases.last() else {
        return Err(match trust.floor {
            Some(_) => {
                let name = Name::head(channel, Version::FIRST).to_string();
                Error::MissingFile { name }
            }
            None => Error::Empty { channel: channel.clone() },
        });
    };
    check_floor(&releases, trust)?;
    check_roots(remote, mirror)?;
    check_latest(remote, trust, &releases)?;
    let wanted = version.unwrap_or(newest.version);
    let bundle = mirror::bundle_at(remote, trust, wanted)?;
    bundle::check(&bundle, &trust.anchor())?;
    let mut bytes = copy_files(mirror, &bundle)?;
    let mut new = 0;
    for release in &releases {
        let name = Name::head(channel, release.version);
        // The bytes that were checked are the bytes that are kept: a remote that answers
        // differently the next time gains nothing.
        let kept = mirror.get(&name, bundle::limits::HEAD as u64)?;
        if kept.as_ref() != Some(&release.note) {
            bytes += release.note.len() as u64;
            mirror.put_over(&name, &release.note)?;
            new += 1;
        }
    }
    let floor = Floor { version: newest.version, head: newest.head };
    tracing::info!(%channel, new, bytes, newest = %newest.version, "pulled");
    Ok(Pulled { releases, new, bytes, floor })
}

/// Copies the files of a checked bundle that the mirror lacks, and returns their bytes.
fn copy_files(mirror: &impl Remote, bundle: &Bundle) -> Result<u64, Error> {
    let digest = garner_kernel::Digest::of;
    let roots = bundle.roots.iter().zip(1..).map(|(root, number)| (Name::root(number), root));
    let objects = bundle.objects.iter().map(|object| (Name::object(&digest(object)), object));
    let files = roots
        .chain(objects)
        .chain([(Name::keyring(&digest(&bundle.keyring)), &bundle.keyring)])
        .chain([(Name::manifest(&digest(&bundle.manifest)), &bundle.manifest)]);
    let mut bytes = 0;
    for (name, file) in files {
        // A file of the right name but with other bytes is damage: replace it.
        if mirror.get(&name, bundle::limits::OBJECT)?.as_ref() != Some(file) {
            mirror.put_over(&name, file)?;
            bytes += file.len() as u64;
        }
    }
    Ok(bytes)
}

/// Checks that the remote does not hide a root that was seen before.
fn check_roots(remote: &impl Remote, mirror: &impl Remote) -> Result<(), Error> {
    let known = match mirror::roots(mirror) {
        Err(Error::NoRepository) => 0,
        known => known?.len(),
    };
    let offered = mirror::roots(remote)?.len();
    if offered < known { Err(Error::RootsWentBack { known, offered }) } else { Ok(()) }
}

/// Checks that the remote does not hide versions that its `latest` note speaks of.
fn check_latest(remote: &impl Remote, trust: &Trust, releases: &[Release]) -> Result<(), Error> {
    let channel = &trust.repository.channel;
    let name = Name::latest(channel);
    // The note is a hint that a publisher writes last: it may be behind, or not there yet.
    let Some(bytes) = remote.get(&name, bundle::limits::HEAD as u64)? else { return Ok(()) };
    let root = bundle::check_chain(&trust.repository.id, &mirror::roots(remote)?)?;
    let latest = bundle::check_latest(&bytes, &root, &trust.anchor())
        .map_err(|source| Error::Refused { name: name.to_string(), source })?;
    match releases.iter().find(|release| release.version == latest.version) {
        None => {
            let name = Name::head(channel, latest.version).to_string();
            Err(Error::MissingFile { name })
        }
        Some(release) if release.head != latest.head => Err(garner_kernel::Error::Fork {
            version: latest.version,
            known: latest.head,
            offered: release.head,
        }
        .into()),
        Some(_) => Ok(()),
    }
}

/// Checks that the newest head known here is still part of the history.
pub(crate) fn check_floor(releases: &[Release], trust: &Trust) -> Result<(), Error> {
    let Some(floor) = trust.floor else { return Ok(()) };
    match releases.iter().find(|release| release.version == floor.version) {
        None => {
            let offered = releases.last().map_or(Version::FIRST, |release| release.version);
            Err(went_back(floor, offered))
        }
        Some(release) if release.head != floor.head => Err(garner_kernel::Error::Fork {
            version: floor.version,
            known: floor.head,
            offered: release.head,
        }
        .into()),
        Some(_) => Ok(()),
    }
}

fn went_back(floor: Floor, offered: Version) -> Error {
    garner_kernel::Error::WentBack { known: floor.version, offered }.into()
}
