//! Tags: names that versions keep, which nobody can give to another one.

use garner_kernel::bundle::{PublisherKey, Right, VersionTag, limits};
use garner_kernel::{Moment, TagName, Version};

use crate::error::Error;
use crate::layout::Name;
use crate::publish::check_right;
use crate::pull;
use crate::remote::{Put, Remote};
use crate::repository::Trust;
use crate::survey::{Survey, manifest_of, survey};

/// Gives a version a name on the remote, and keeps the note in `mirror`; a version that has the
/// name already keeps it.
///
/// # Errors
/// [`Error::TagTaken`] if another version has the name, [`Error::NotKept`] if the files of the
/// version were collected; what the remote breaks or refuses.
pub fn tag(
    (remote, mirror): (&impl Remote, &impl Remote),
    trust: &Trust,
    key: &PublisherKey,
    (name, version): (&TagName, Version),
    now: Moment,
) -> Result<VersionTag, Error> {
    let channel = &trust.repository.channel;
    let survey = survey(remote, trust)?;
    pull::check_known(&survey, trust)?;
    check_right(&survey, key, &Right::Publish)?;
    let missing = || Error::NoVersion { channel: channel.clone(), version };
    let signed = survey.history().at(version).ok_or_else(missing)?;
    let tag = VersionTag {
        repository: trust.repository.id.clone(),
        channel: channel.clone(),
        name: name.clone(),
        version,
        head: signed.digest,
        root: survey.roots().last().version,
        created: now.max(signed.head.created),
    };
    // A remote cannot say which tags it has, so the version itself is marked: first, so that nobody
    // collects it from now on.
    remote.put_new(&Name::keep(channel, version), b"")?;
    if manifest_of(remote, &signed.head)?.is_none() {
        return Err(Error::NotKept { channel: channel.clone(), version });
    }
    let file = Name::tag(name);
    let mut note = tag.sign(key).to_bytes();
    let put = remote.put_new(&file, &note);
    if matches!(put, Ok(Put::Created)) {
        mirror.put_over(&file, &note)?;
        return Ok(tag);
    }
    // An answer may be lost, or say that the name is taken: what is there decides.
    let Some(there) = remote.get(&file, limits::HEAD as u64)? else {
        put?;
        return Err(Error::MissingFile { name: file.to_string() });
    };
    note = there;
    let there = check(&note, &survey, name)?;
    if (&there.channel, there.version, there.head) != (channel, version, tag.head) {
        let name = name.clone();
        let (there, wanted) = ((there.channel, there.version), (channel.clone(), version));
        return Err(Error::TagTaken { name, there, wanted });
    }
    mirror.put_over(&file, &note)?;
    Ok(there)
}

/// Returns the tag of this name: from the mirror, whose notes need not be asked for again; `None`
/// if there is none.
///
/// # Errors
/// [`Error::Refused`] if the note breaks a rule; what the mirror breaks.
pub fn kept_tag(
    mirror: &impl Remote,
    trust: &Trust,
    name: &TagName,
) -> Result<Option<VersionTag>, Error> {
    let survey = match survey(mirror, trust) {
        Err(Error::NoRepository) => return Ok(None),
        found => found?,
    };
    read(mirror, &survey, trust, name).map(|found| found.map(|(tag, _)| tag))
}

/// Returns the tag of this name from the remote, by what the last pull left in the mirror, which
/// keeps it; `None` if there is none.
///
/// # Errors
/// As [`kept_tag`]; what the remote refuses.
pub fn fetch_tag(
    remote: &impl Remote,
    mirror: &impl Remote,
    trust: &Trust,
    name: &TagName,
) -> Result<Option<VersionTag>, Error> {
    let survey = survey(mirror, trust)?;
    let Some((tag, note)) = read(remote, &survey, trust, name)? else { return Ok(None) };
    mirror.put_over(&Name::tag(name), &note)?;
    Ok(Some(tag))
}

fn read(
    remote: &impl Remote,
    survey: &Survey,
    trust: &Trust,
    name: &TagName,
) -> Result<Option<(VersionTag, Vec<u8>)>, Error> {
    let Some(note) = remote.get(&Name::tag(name), limits::HEAD as u64)? else { return Ok(None) };
    let tag = check(&note, survey, name)?;
    let (got, want) = (&tag.channel, &trust.repository.channel);
    if got != want {
        // A name belongs to the repository: here it is that of another channel's version.
        let (got, want) = (got.to_string(), want.to_string());
        let what = "channel of the tag";
        return Err(refused(name, garner_kernel::Error::Mismatch { what, got, want }));
    }
    let Some(signed) = survey.history().at(tag.version) else {
        let name = Name::head(&tag.channel, tag.version).to_string();
        return Err(Error::MissingFile { name });
    };
    if signed.digest != tag.head {
        let (version, known, offered) = (tag.version, signed.digest, tag.head);
        return Err(refused(name, garner_kernel::Error::Fork { version, known, offered }));
    }
    Ok(Some((tag, note)))
}

fn check(note: &[u8], survey: &Survey, name: &TagName) -> Result<VersionTag, Error> {
    VersionTag::check(note, survey.roots(), name).map_err(|source| refused(name, source))
}

fn refused(name: &TagName, source: garner_kernel::Error) -> Error {
    Error::Refused { name: Name::tag(name).to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryRemote;
    use crate::tests::{Setup, setup};

    const NOW: &str = "2026-01-03T00:00:00Z";

    fn moment() -> Moment {
        NOW.parse().unwrap()
    }

    fn name(text: &str) -> TagName {
        text.parse().unwrap()
    }

    fn version(number: u64) -> Version {
        Version::new(number).unwrap()
    }

    /// A channel with two versions, and a mirror that pulled both.
    fn pulled() -> (Setup, MemoryRemote) {
        let mut setup = setup();
        setup.publish(&setup.remote, "One.").unwrap();
        setup.publish(&setup.remote, "Two.").unwrap();
        let mirror = MemoryRemote::default();
        let pulled = pull(&setup.remote, &mirror, &setup.trust, None, moment()).unwrap();
        setup.trust = pulled.trust;
        (setup, mirror)
    }

    fn give(setup: &Setup, text: &str, number: u64) -> Result<VersionTag, Error> {
        let mirror = MemoryRemote::default();
        let what = (&name(text), version(number));
        tag((&setup.remote, &mirror), &setup.trust, &setup.key, what, moment())
    }

    #[test]
    fn a_tag_is_given_once_and_read_without_the_remote_afterwards() {
        let (setup, mirror) = pulled();
        let given = give(&setup, "good", 1).unwrap();
        assert_eq!(give(&setup, "good", 1).unwrap(), given);
        let taken = give(&setup, "good", 2).unwrap_err().to_string();
        assert!(taken.contains("v1 of `notes`") && taken.contains("v2 of `notes`"), "{taken}");
        assert!(matches!(give(&setup, "later", 3), Err(Error::NoVersion { .. })));
        let (trust, good) = (&setup.trust, name("good"));
        assert_eq!(kept_tag(&mirror, trust, &good).unwrap(), None);
        let fetched = fetch_tag(&setup.remote, &mirror, trust, &good).unwrap();
        assert_eq!(fetched.as_ref(), Some(&given));
        assert_eq!(kept_tag(&mirror, trust, &good).unwrap(), fetched);
        assert_eq!(fetch_tag(&setup.remote, &mirror, trust, &name("bad")).unwrap(), None);
        assert_eq!(kept_tag(&MemoryRemote::default(), trust, &good).unwrap(), None);
    }

    #[test]
    fn a_tag_of_something_else_is_refused() {
        let (setup, mirror) = pulled();
        let good = give(&setup, "good", 1).unwrap();
        let read = |tag: &VersionTag, under: &str| {
            let file = Name::tag(&name(under));
            setup.remote.put_over(&file, &tag.sign(&setup.key).to_bytes()).unwrap();
            match fetch_tag(&setup.remote, &mirror, &setup.trust, &name(under)) {
                Err(Error::Refused { source, .. }) => source.code().unwrap_or_default(),
                other => format!("{other:?}"),
            }
        };
        // A mirror cannot give a name to another note.
        assert_eq!(read(&good, "better"), "K213");
        let other = VersionTag { channel: "other".parse().unwrap(), ..good.clone() };
        assert_eq!(read(&other, "good"), "K213");
        let head = give(&setup, "two", 2).unwrap().head;
        assert_eq!(read(&VersionTag { head, ..good.clone() }, "good"), "K302");
        let hidden = VersionTag { version: version(9), ..good.clone() };
        assert!(read(&hidden, "good").contains("MissingFile"));
        assert!(kept_tag(&mirror, &setup.trust, &name("good")).unwrap().is_none());
    }
}
