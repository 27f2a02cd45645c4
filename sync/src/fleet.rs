//! The fleet: receipts by which readers say what they read, for those who want to know.
//!
//! Receipts are files beside those of a channel, and nothing but [`receipt`] ever reads one: no
//! version, no trust and no collection depends on them.

use garner_kernel::ChannelName;
use garner_kernel::bundle::{KeyId, PublicKey, PublisherKey, Receipt, limits};

use crate::error::Error;
use crate::layout::Name;
use crate::remote::Remote;
use crate::repository::Trust;
use crate::survey::Survey;
use crate::url::RemoteUrl;

/// A reader whose receipts are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What to call it.
    pub label: String,
    /// The public half of its receipt key.
    pub key: PublicKey,
    /// Where its receipts are, unless they lie on the remote of the channel.
    pub from: Option<RemoteUrl>,
}

/// Where this machine writes its receipts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Another place than the remote of the channel.
    pub to: Option<RemoteUrl>,
}

/// Writes a receipt in the place of the one before.
///
/// # Errors
/// [`Error::ReadOnly`] where nothing can be written; what the remote refuses.
pub fn put_receipt(
    remote: &impl Remote,
    receipt: &Receipt,
    key: &PublisherKey,
) -> Result<(), Error> {
    let name = Name::receipt(&receipt.channel, key.public().id());
    remote.put_over(&name, &receipt.sign(key).to_bytes())
}

/// Removes the receipt of a key; one that is not there is removed already.
///
/// # Errors
/// As [`put_receipt`].
pub fn remove_receipt(
    remote: &impl Remote,
    channel: &ChannelName,
    key: KeyId,
) -> Result<(), Error> {
    let name = Name::receipt(channel, key);
    match remote.get(&name, limits::HEAD as u64) {
        Ok(None) => Ok(()),
        // What is too large to be a receipt goes as well.
        _ => remote.delete(&name),
    }
}

/// Returns the receipt of a key, checked against the history that `survey` verified; `None` if
/// there is none.
///
/// # Errors
/// [`Error::Refused`] if it breaks a rule, with [`garner_kernel::Error::Fork`] where the reader was
/// shown another head of the version; [`Error::MissingFile`] if the history lacks the version.
pub fn receipt(
    remote: &impl Remote,
    survey: &Survey,
    trust: &Trust,
    key: &PublicKey,
) -> Result<Option<Receipt>, Error> {
    let (repository, channel) = (&trust.repository.id, &trust.repository.channel);
    let name = Name::receipt(channel, key.id());
    let Some(note) = remote.get(&name, limits::HEAD as u64)? else { return Ok(None) };
    let refused = |source| Error::Refused { name: name.to_string(), source };
    let receipt = Receipt::check(&note, key, repository, channel).map_err(refused)?;
    let Some(signed) = survey.history().at(receipt.version) else {
        let name = Name::head(channel, receipt.version).to_string();
        return Err(Error::MissingFile { name });
    };
    if signed.digest != receipt.head {
        let (version, known, offered) = (receipt.version, signed.digest, receipt.head);
        return Err(refused(garner_kernel::Error::Fork { version, known, offered }));
    }
    Ok(Some(receipt))
}

#[cfg(test)]
mod tests {
    use garner_kernel::{Digest, Version};

    use super::*;
    use crate::MemoryRemote;
    use crate::collect::Collection;
    use crate::tests::{Setup, setup};

    fn key(seed: u8) -> PublisherKey {
        PublisherKey::from_seed("laptop-receipt".parse().unwrap(), &[seed; 32])
    }

    fn published() -> (Setup, Survey) {
        let setup = setup();
        setup.publish(&setup.remote, "One.").unwrap();
        setup.publish(&setup.remote, "Two.").unwrap();
        let survey = crate::survey(&setup.remote, &setup.trust).unwrap();
        (setup, survey)
    }

    fn first(setup: &Setup, survey: &Survey) -> Receipt {
        Receipt {
            repository: setup.trust.repository.id.clone(),
            channel: setup.trust.repository.channel.clone(),
            version: Version::FIRST,
            head: survey.history().at(Version::FIRST).unwrap().digest,
            loaded: "2026-01-03T00:00:00Z".parse().unwrap(),
            held: true,
            tool: "garner 0.1.0".to_owned(),
        }
    }

    #[test]
    fn a_receipt_is_written_read_and_removed() {
        let (setup, survey) = published();
        let (laptop, place) = (key(7), MemoryRemote::default());
        let read = || receipt(&place, &survey, &setup.trust, &laptop.public());
        assert_eq!(read().unwrap(), None);
        let said = first(&setup, &survey);
        put_receipt(&place, &said, &laptop).unwrap();
        assert_eq!(read().unwrap(), Some(said.clone()));
        // Another key, another file.
        assert_eq!(receipt(&place, &survey, &setup.trust, &key(8).public()).unwrap(), None);
        for _ in 0..2 {
            remove_receipt(&place, &said.channel, laptop.public().id()).unwrap();
            assert_eq!(read().unwrap(), None);
        }
    }

    #[test]
    fn a_receipt_that_does_not_hold_is_refused_by_name() {
        let (setup, survey) = published();
        let laptop = key(7);
        let said = first(&setup, &survey);
        let name = Name::receipt(&said.channel, laptop.public().id());
        let refused = |receipt: &Receipt, signer: &PublisherKey| {
            setup.remote.put_over(&name, &receipt.sign(signer).to_bytes()).unwrap();
            match super::receipt(&setup.remote, &survey, &setup.trust, &laptop.public()) {
                Err(Error::Refused { source, .. }) => format!("{source:?}"),
                other => format!("{other:?}"),
            }
        };
        assert!(refused(&said, &key(8)).starts_with("Threshold"), "signed by another key");
        let other = Receipt { channel: "other".parse().unwrap(), ..said.clone() };
        assert!(refused(&other, &laptop).starts_with("Mismatch"), "of another channel");
        let other = Receipt { repository: "0".repeat(32).parse().unwrap(), ..said.clone() };
        assert!(refused(&other, &laptop).starts_with("Mismatch"), "of another repository");
        let other = Receipt { head: Digest::of(b"other"), ..said.clone() };
        assert!(refused(&other, &laptop).starts_with("Fork"), "of another history");
        let other = Receipt { version: Version::new(9).unwrap(), ..said };
        assert!(refused(&other, &laptop).contains("MissingFile"), "of what is not shown");
    }

    #[test]
    fn receipts_change_nothing_but_themselves() {
        let (setup, survey) = published();
        let said = first(&setup, &survey);
        let collected = || {
            let survey = crate::survey(&setup.remote, &setup.trust).unwrap();
            let oldest = Version::new(2).unwrap();
            format!("{:?}", Collection::plan(&setup.remote, &survey, oldest).unwrap())
        };
        let (before, gone) = (survey.releases(), collected());
        let forged = Receipt { version: Version::new(9).unwrap(), ..said };
        put_receipt(&setup.remote, &forged, &key(7)).unwrap();
        put_receipt(&setup.remote, &forged, &setup.key).unwrap();
        let after = crate::survey(&setup.remote, &setup.trust).unwrap();
        assert_eq!((after.releases(), collected()), (before, gone));
        setup.publish(&setup.remote, "Three.").unwrap();
    }
}
