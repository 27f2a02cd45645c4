//! What can go wrong with backups, and with what other stores exported.

use std::path::PathBuf;

use garner_kernel::{Digest, Explain, Fault};

/// Why a backup could not be made, found or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BackupError {
    /// Nobody could open a backup.
    #[error("there is no recovery key, and nobody could restore a backup")]
    NoRecovery,
    /// The recovery key was taken away from this machine.
    #[error("the recovery key is not on this machine")]
    RecoveryElsewhere,
    /// There is no backup where one was looked for.
    #[error("no backup that `{key}` signed is at `{remote}`")]
    None { key: String, remote: String },
    /// Nothing says whose backups are to be believed.
    #[error("this machine has no publisher key, and nothing says who signed the backup")]
    WhoseBackup,
    /// A listed backup has this beginning in its digest, or none has.
    #[error("`{text}` is no file and names {matches} of the backups, not one")]
    Unknown { text: String, matches: usize },
    /// The file is no backup.
    #[error("`{}` is not a backup of Garner", path.display())]
    NotABackup { path: PathBuf },
    /// A backup breaks a rule: a signature, a digest, a length.
    #[error("the backup is refused")]
    Refused(#[source] garner_kernel::Error),
    /// The key does not open the backup.
    #[error("this key does not open the backup")]
    WrongKey { key: String, recipients: Vec<String> },
    /// What is inside breaks a rule.
    #[error("the backup {} holds what no backup holds: {rule}", digest.short())]
    Contents { digest: Digest, rule: String },
    /// The stream of a backup could not be read or written.
    #[error("the backup could not be {action}")]
    Stream {
        action: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// The restored store does not verify.
    #[error("the store in backup {} is damaged: {}", digest.short(), problems.first().map_or("", String::as_str))]
    Unsound { digest: Digest, problems: Vec<String> },
    /// A file of this machine's policy is malformed.
    #[error("`{}` is not a policy of backups", path.display())]
    Policy {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// A part of a backup is not where the rest is.
    #[error("part {} of the backup is missing", part.short())]
    Missing { part: Digest },
    /// A line of a file that is imported is no record.
    #[error("line {line} of `{}` is not a record", path.display())]
    ImportLine {
        path: PathBuf,
        line: usize,
        #[source]
        source: garner_kernel::Error,
    },
    /// A line of a file that is imported holds a secret.
    #[error("line {line} of `{}` holds what looks like a secret", path.display())]
    ImportSecret { path: PathBuf, line: usize },
    /// The drill found that something does not hold.
    #[error("the drill failed: {reason}")]
    DrillFailed { reason: String },
}

impl Explain for BackupError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoRecovery
            | Self::RecoveryElsewhere
            | Self::None { .. }
            | Self::WhoseBackup
            | Self::Unknown { .. }
            | Self::Missing { .. } => Fault::Missing,
            Self::Refused(_)
            | Self::WrongKey { .. }
            | Self::Contents { .. }
            | Self::Unsound { .. }
            | Self::DrillFailed { .. } => Fault::Trust,
            Self::NotABackup { .. }
            | Self::Policy { .. }
            | Self::ImportLine { .. }
            | Self::ImportSecret { .. } => Fault::Input,
            Self::Stream { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Fault::Input,
                _ => Fault::Internal,
            },
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRecovery => "run `garner setup`, which makes one, and keep a copy elsewhere",
            Self::RecoveryElsewhere => "name a copy of it: `--key FILE`",
            Self::None { .. } => {
                "run `garner store backup` on the machine that has the store, or name the key that \
                 signed with `--signed-by KEY`"
            }
            Self::WhoseBackup => {
                "add `--signed-by KEY`: the line that `garner key show publisher` printed on the \
                 machine that made the backup"
            }
            Self::Unknown { .. } => "write `latest`, a file, or more of a digest",
            Self::NotABackup { .. } => "name a file that `garner store backup --out FILE` wrote",
            Self::Refused(garner_kernel::Error::Threshold { .. }) => {
                "nothing was changed; if the key that signed it is yours, add `--signed-by KEY`"
            }
            Self::Refused(_) | Self::Contents { .. } | Self::Unsound { .. } => {
                "nothing was changed; restore an older backup, or one of another remote"
            }
            Self::WrongKey { recipients, .. } => {
                return Some(format!(
                    "nothing was changed; it opens with the secret half of {}: look for that copy, \
                     and name it with `--key FILE`",
                    recipients.join(" or ")
                ));
            }
            Self::Stream { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "nothing was changed; make room on the disk and run the command again"
                }
                _ => return None,
            },
            Self::Policy { .. } => "mend it, or move it away: without it the defaults hold",
            Self::ImportLine { .. } => {
                "nothing was imported; write it anew with `garner store export --format jsonl`"
            }
            Self::ImportSecret { .. } => "nothing was imported; take the line out",
            Self::Missing { .. } => "nothing was changed; restore another backup",
            Self::DrillFailed { .. } => {
                "the lines above name what failed; make a new backup with `garner store backup`"
            }
        };
        Some(hint.to_owned())
    }
}
