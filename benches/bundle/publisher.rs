//! A repository with one publisher and one reader, whose keys are always the same.

use std::error::Error;

use garner_kernel::bundle::{
    self, Anchor, Bundle, DeviceKey, Epoch, Holders, KeyGrant, Keyring, Parent, PublisherKey,
    Reader, Reason, Recipient, RepositoryId, Right, Root, Seal, Sealed, SecretScan,
};
use garner_kernel::{Contents, Moment, Version};

/// These protect nothing.
const DEVICE: &str = "AGE-SECRET-KEY-1RZ8DSPQ27KR97AEZ649DL7M9YVN0WAE7AV0V3G2N06P030DMAE2Q8QRLNX";
const EPOCH: &str = "AGE-SECRET-KEY-125KM3GWU99MKUSRS6PE28WL99P0JNT4CU49ZJZ2L0A90EAW86T0QVPUYWV";
/// The channel of every version.
pub(crate) const CHANNEL: &str = "notes";
/// When the first version was made.
const CREATED: i64 = 1_773_000_000;

pub(crate) struct Publisher {
    pub(crate) key: PublisherKey,
    pub(crate) device: DeviceKey,
    pub(crate) epoch: DeviceKey,
    pub(crate) repository: RepositoryId,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) keyring: Keyring,
}

impl Publisher {
    /// Makes a repository whose keyring opens for the device key of this file.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let device: DeviceKey = DEVICE.parse()?;
        Self::with_reader(device.recipient())
    }

    /// Makes a repository whose keyring opens for `recipient`.
    pub(crate) fn with_reader(recipient: Recipient) -> Result<Self, Box<dyn Error>> {
        let key = PublisherKey::from_seed("ada-publisher".parse()?, &[2; 32]);
        let holders = Holders { keys: vec![key.public().name().clone()], threshold: 1 };
        let expires = Moment::from_unix(CREATED).plus_days(1000);
        let root = Root {
            repository: None,
            version: 1,
            expires,
            keys: vec![KeyGrant::until(key.public(), expires)],
            roles: [Right::Root, Right::Publish, Right::Freshness, Right::Revoke]
                .map(|right| (right, holders.clone()))
                .into(),
        };
        let roots = vec![root.sign(&[&key]).to_bytes()];
        let repository = bundle::repository_of(roots.first().ok_or("a root")?)?;
        let (device, epoch): (DeviceKey, DeviceKey) = (DEVICE.parse()?, EPOCH.parse()?);
        let keyring = Keyring {
            repository: repository.clone(),
            readers: vec![Reader { name: "laptop".to_owned(), recipient }],
            epochs: vec![Epoch { number: 1, key: epoch.clone(), from: Version::FIRST }],
        };
        Ok(Self { key, device, epoch, repository, roots, keyring })
    }

    /// Returns what a reader trusts who knows nothing but the repository.
    pub(crate) fn anchor(&self) -> Result<Anchor, Box<dyn Error>> {
        Ok(Anchor::pin(self.repository.clone(), Some(CHANNEL.parse()?)))
    }

    /// Returns when version `number` was made.
    pub(crate) fn created(number: u64) -> Moment {
        Moment::from_unix(CREATED).plus_days(u32::try_from(number).unwrap_or_default())
    }

    /// Seals contents as the version after `parent`.
    pub(crate) fn seal(
        &self,
        contents: &Contents,
        parent: Option<&Parent>,
    ) -> Result<Sealed, Box<dyn Error>> {
        let number = parent.map_or(1, |parent| parent.head.version.get() + 1);
        let seal = Seal {
            repository: self.repository.clone(),
            roots: self.roots.clone(),
            root: 1,
            revocations: None,
            reason: Reason::Publish,
            channel: CHANNEL.parse()?,
            parent,
            afresh: false,
            keyring: (&self.keyring, self.keyring.seal()?),
            publisher: &self.key,
            now: Self::created(number),
            tool: "garner bench".to_owned(),
            scan: SecretScan { tool: "none".into(), version: "1".into(), findings: 0 },
        };
        Ok(bundle::seal(contents, &seal)?)
    }

    /// Reads and opens a bundle file and returns its contents.
    pub(crate) fn open(&self, file: &[u8]) -> Result<Contents, Box<dyn Error>> {
        let bundle = Bundle::parse(file)?;
        let kernel = bundle::open(&bundle, &self.anchor()?, &[&self.device])?;
        Ok(kernel.into_inner().contents)
    }

    /// Verifies a bundle file, keeps nothing, and returns how many fragments there are.
    pub(crate) fn verify(&self, file: &[u8]) -> Result<u64, Box<dyn Error>> {
        let bundle = Bundle::parse(file)?;
        let verified = bundle::verify(&bundle, &self.anchor()?, &[&self.device], &mut |_| {})?;
        Ok(verified.fragments)
    }
}
