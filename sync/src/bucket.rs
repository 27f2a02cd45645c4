//! A bucket as a remote: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage.
//!
//! Credentials, region and endpoint come from where the tools of each service look for them, and
//! never stand in an address. A create is a conditional put: the service decides who is first.

mod address;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, GetOptions, GetResult, ObjectStore, ObjectStoreExt as _,
    PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::runtime::Runtime;

use crate::error::Error;
use crate::layout::Name;
use crate::metered::Meter;
use crate::remote::{Changed, Put, Remote};
pub use address::{BucketAddress, Service};

/// How often a service is asked again that does not answer.
const RETRIES: usize = 5;

/// How long all tries of one request may take before the last one starts.
const RETRY_TIME: Duration = Duration::from_mins(1);

/// How long one request may take: a large object over a slow line.
const REQUEST: &str = "10 minutes";

/// How long a service may send nothing.
const SILENCE: &str = "30 seconds";

/// How often a create is tried that met another one on its way.
const MEETINGS: u32 = 10;

/// The most characters of a service's own words in an error.
const WORDS: usize = 300;

/// Keeps each file as an object of a bucket.
#[derive(Debug)]
pub struct BucketRemote {
    address: BucketAddress,
    store: Arc<dyn ObjectStore>,
    runtime: Mutex<Runtime>,
    meter: Arc<Meter>,
}

type Answer<T> = Result<T, object_store::Error>;

impl BucketRemote {
    /// Uses the bucket at `address`, with what the environment says of credentials, region and
    /// endpoint. Asks nobody yet.
    ///
    /// # Errors
    /// [`Error::Transport`] if the environment says something that cannot be used.
    pub fn open(address: &BucketAddress) -> Result<Self, Error> {
        let store = match address.service() {
            Service::S3 => s3(AmazonS3Builder::from_env(), address.bucket()),
            Service::Google => google(address.bucket()),
            Service::Azure => azure(address.bucket()),
        };
        let store = store.map_err(|error| failure(address, "open", "", &error))?;
        Self::over(address, store)
    }

    /// Uses any store of objects.
    fn over(address: &BucketAddress, store: Arc<dyn ObjectStore>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::io("start the network for", "bucket", e))?;
        let (runtime, meter) = (Mutex::new(runtime), Arc::default());
        Ok(Self { address: address.clone(), store, runtime, meter })
    }

    /// Counts what arrives on `meter` while it arrives, and keeps to its rate.
    pub(crate) fn counting(mut self, meter: &Arc<Meter>) -> Self {
        self.meter = Arc::clone(meter);
        self
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        // A panic while a request ran leaves nothing behind that the next one could meet.
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner).block_on(future)
    }

    fn path(&self, name: &Name) -> Path {
        Path::from(format!("{}/{name}", self.address.prefix()))
    }

    fn failure(&self, action: &'static str, name: &Name, error: &object_store::Error) -> Error {
        failure(&self.address, action, name.as_str(), error)
    }

    /// Asks for an object; `None` if there is none of that name in the bucket.
    async fn ask(&self, name: &Name, tag: Option<&str>) -> Answer<Option<GetResult>> {
        let options = GetOptions { if_none_match: tag.map(str::to_owned), ..GetOptions::default() };
        match self.store.get_opts(&self.path(name), options).await {
            // A bucket that is not there must not become an empty remote.
            Err(error)
                if matches!(error, object_store::Error::NotFound { .. }) && !no_bucket(&error) =>
            {
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// Reads an object of at most `limit` bytes.
    async fn body(&self, found: GetResult, name: &Name, limit: u64) -> Result<Vec<u8>, Error> {
        let too_large = |got| Error::TooLarge { name: name.to_string(), got, max: limit };
        if found.meta.size > limit {
            return Err(too_large(found.meta.size));
        }
        let (mut bytes, mut parts) = (Vec::new(), found.into_stream());
        while let Some(part) = parts.next().await {
            let part = part.map_err(|error| self.failure("read", name, &error))?;
            // What was announced is not always what comes.
            let got = bytes.len() as u64 + part.len() as u64;
            if got > limit {
                return Err(too_large(got));
            }
            bytes.extend_from_slice(&part);
            self.meter.take(part.len() as u64).await;
        }
        Ok(bytes)
    }

    async fn create(&self, name: &Name, bytes: &[u8]) -> Answer<Put> {
        let payload = PutPayload::from(bytes.to_vec());
        let mut meetings = 0;
        loop {
            let options = PutOptions::from(PutMode::Create);
            match self.store.put_opts(&self.path(name), payload.clone(), options).await {
                // S3 refuses a create that meets another one, whichever of them will succeed.
                Err(object_store::Error::AlreadyExists { source, .. })
                    if meetings < MEETINGS
                        && source.to_string().contains("ConditionalRequestConflict") =>
                {
                    meetings += 1;
                    tokio::time::sleep(Duration::from_millis(100) * meetings).await;
                }
                Err(object_store::Error::AlreadyExists { .. }) => return Ok(Put::Exists),
                answer => return answer.map(|_| Put::Created),
            }
        }
    }
}

impl Remote for BucketRemote {
    fn get(&self, name: &Name, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        self.wait(async {
            let found = self.ask(name, None).await;
            match found.map_err(|error| self.failure("read", name, &error))? {
                None => Ok(None),
                Some(found) => self.body(found, name, limit).await.map(Some),
            }
        })
    }

    fn get_changed(&self, name: &Name, limit: u64, tag: Option<&str>) -> Result<Changed, Error> {
        self.wait(async {
            match self.ask(name, tag).await {
                Err(object_store::Error::NotModified { .. }) => Ok(Changed::Same),
                Err(error) => Err(self.failure("read", name, &error)),
                Ok(None) => Ok(Changed::Gone),
                Ok(Some(found)) => {
                    let tag = found.meta.e_tag.clone();
                    let bytes = self.body(found, name, limit).await?;
                    Ok(Changed::New(bytes, tag))
                }
            }
        })
    }

    fn size(&self, name: &Name) -> Result<Option<u64>, Error> {
        self.wait(async {
            match self.store.head(&self.path(name)).await {
                Ok(meta) => Ok(Some(meta.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failure("read", name, &error)),
            }
        })
    }

    /// Creates a file unless it exists; where an answer was lost, the file may exist because of us.
    fn put_new(&self, name: &Name, bytes: &[u8]) -> Result<Put, Error> {
        let put = self.wait(self.create(name, bytes));
        put.map_err(|error| self.failure("write", name, &error))
    }

    fn put_over(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        let payload = PutPayload::from(bytes.to_vec());
        let put = self.wait(self.store.put(&self.path(name), payload));
        put.map(drop).map_err(|error| self.failure("write", name, &error))
    }

    fn delete(&self, name: &Name) -> Result<(), Error> {
        match self.wait(self.store.delete(&self.path(name))) {
            Err(error)
                if matches!(error, object_store::Error::NotFound { .. }) && !no_bucket(&error) =>
            {
                Ok(())
            }
            deleted => deleted.map_err(|error| self.failure("remove", name, &error)),
        }
    }
}

fn s3(builder: AmazonS3Builder, bucket: &str) -> Answer<Arc<dyn ObjectStore>> {
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retry());
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
    let endpoint = endpoint.or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
    for (key, value) in client(endpoint.as_deref()) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.build()?))
}

fn google(bucket: &str) -> Answer<Arc<dyn ObjectStore>> {
    let mut builder =
        GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry());
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    for (key, value) in client(endpoint.as_deref()) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.build()?))
}

fn azure(container: &str) -> Answer<Arc<dyn ObjectStore>> {
    let mut builder =
        MicrosoftAzureBuilder::from_env().with_container_name(container).with_retry(retry());
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    for (key, value) in client(endpoint.as_deref()) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    Ok(Arc::new(builder.build()?))
}

/// Returns the settings of a client: nothing is sent in the clear unless the endpoint says so.
fn client(endpoint: Option<&str>) -> [(ClientConfigKey, &'static str); 3] {
    let clear = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    [
        (ClientConfigKey::AllowHttp, if clear { "true" } else { "false" }),
        (ClientConfigKey::Timeout, REQUEST),
        (ClientConfigKey::ReadTimeout, SILENCE),
    ]
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        base: 2.,
    };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_TIME }
}

/// Returns whether a service says that the bucket itself is missing.
fn no_bucket(error: &object_store::Error) -> bool {
    let told = error.to_string();
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]
        .iter()
        .any(|words| told.contains(words))
}

fn failure(
    address: &BucketAddress,
    action: &'static str,
    name: &str,
    error: &object_store::Error,
) -> Error {
    let (remote, name) = (address.to_string(), name.to_owned());
    match error {
        object_store::Error::PermissionDenied { source, .. }
        | object_store::Error::Unauthenticated { source, .. } => {
            Error::Denied { remote, name, action, reason: told(&source.to_string()) }
        }
        _ if no_bucket(error) => {
            let reason = "there is no such bucket".to_owned();
            Error::Transport { remote, name, action, reason, tries: 1 }
        }
        other => {
            let reason = other.to_string();
            let tries = tries(&reason);
            Error::Transport { remote, name, action, reason: told(&reason), tries }
        }
    }
}

/// Returns how often a request was sent, as the words of its error say.
fn tries(reason: &str) -> u32 {
    let retries = reason.split(" after ").nth(1).and_then(|rest| rest.split(' ').next());
    retries.and_then(|number| number.parse::<u32>().ok()).unwrap_or(0).saturating_add(1)
}

/// Returns the words of a service without what steers a terminal, and without the queries of
/// addresses, which can hold a signature.
fn told(reason: &str) -> String {
    let plain = reason.split_whitespace().map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        _ => word,
    });
    let plain = plain.collect::<Vec<_>>().join(" ");
    plain.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}
