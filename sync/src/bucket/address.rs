//! Addresses of buckets.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

use crate::error::Error;

/// Who keeps a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3, and whatever else speaks its language.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage, whose buckets are called containers.
    Azure,
}

/// A bucket and where in it the files are; displays as `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    service: Service,
    bucket: String,
    prefix: String,
}

impl BucketAddress {
    /// Returns who keeps the bucket.
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Returns the name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns what every object's name starts with; it may be empty.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns whether a text before the colon names a service.
    pub(crate) fn is_scheme(scheme: &str) -> bool {
        Service::of(scheme).is_some()
    }
}

impl Service {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" => Some(Self::S3),
            "gs" => Some(Self::Google),
            "az" => Some(Self::Azure),
            _ => None,
        }
    }

    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

impl FromStr for BucketAddress {
    type Err = Error;

    /// Parses `s3://bucket/prefix`, or the same without slashes in front.
    fn from_str(text: &str) -> Result<Self, Error> {
        // What stands before an `@` could be a secret.
        let shown = text.rsplit_once('@').map_or(text, |(_, shown)| shown);
        let refused = |reason| Error::Url { text: shown.to_owned(), reason };
        let malformed = || refused("write a bucket as `s3://BUCKET/PREFIX` (or `gs:`, `az:`)");
        let (scheme, rest) = text.split_once(':').ok_or_else(malformed)?;
        let service = Service::of(scheme).ok_or_else(malformed)?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') || prefix.contains(['@', '?']) {
            return Err(refused("credentials come from the environment"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !bucket.starts_with(|c: char| c.is_ascii_alphanumeric()) || !bucket.chars().all(plain) {
            return Err(malformed());
        }
        let prefix = prefix.trim_end_matches('/');
        let odd =
            |part: &str| part.is_empty() || part == "." || part == ".." || !part.chars().all(plain);
        if !prefix.is_empty() && (prefix.split('/').any(odd) || Path::parse(prefix).is_err()) {
            return Err(refused("the prefix is letters, digits, `-`, `_`, `.` and `/`"));
        }
        Ok(Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}
