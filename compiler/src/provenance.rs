//! Checks that every source of a fragment is still what it was: the line is there, and its bytes
//! have the digest that was noted.

use std::collections::BTreeMap;

use garner_kernel::{Digest, FileName, Fragment, FragmentId, RecordId, SessionId, Source};

use crate::rules::is_for_documents;
use crate::transcript::{self, Lines, MAX_LINE};

/// The lines of transcripts, by file.
#[derive(Debug)]
pub struct Transcripts<'a> {
    files: BTreeMap<&'a FileName, Vec<Vec<&'a [u8]>>>,
}

/// What is wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// The file was not given.
    FileMissing,
    /// The file has fewer lines.
    LineMissing,
    /// The bytes of the line are not the ones that were noted.
    DigestDiffers,
    /// The line belongs to another session or record.
    RecordDiffers,
}

impl FaultKind {
    /// Returns the words that stand for the fault on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FileMissing => "the file is missing",
            Self::LineMissing => "the line is missing",
            Self::DigestDiffers => "the line was changed",
            Self::RecordDiffers => "the line is another record",
        }
    }
}

/// A source that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFault {
    /// The fragment.
    pub fragment: FragmentId,
    /// The source.
    pub source: Source,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What a check of many fragments found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvenanceReport {
    /// Fragments looked at.
    pub fragments: usize,
    /// Sources looked at.
    pub sources: usize,
    /// Sources that do not hold, in the order of the fragments.
    pub faults: Vec<SourceFault>,
}

impl<'a> Transcripts<'a> {
    /// Indexes the lines of `files`; files of the same name in other folders are all looked at.
    pub fn index(files: &'a [(FileName, &'a [u8])]) -> Self {
        let mut index: BTreeMap<&'a FileName, Vec<Vec<&'a [u8]>>> = BTreeMap::new();
        for (name, bytes) in files {
            let lines = Lines::new(bytes).map(|line| line.bytes).collect();
            index.entry(name).or_default().push(lines);
        }
        Self { files: index }
    }

    /// Returns the sources of `fragment` that do not hold.
    pub fn verify(&self, fragment: &Fragment) -> Vec<SourceFault> {
        let fault = |source: &Source| {
            let kind = self.fault(source)?;
            Some(SourceFault { fragment: fragment.id, source: source.clone(), kind })
        };
        fragment.sources.iter().filter_map(fault).collect()
    }

    /// Returns what is wrong with a source; of files with one name the best counts.
    fn fault(&self, source: &Source) -> Option<FaultKind> {
        let Some(files) = self.files.get(&source.file) else {
            return Some(FaultKind::FileMissing);
        };
        let faults = files.iter().map(|lines| fault_in(lines, source));
        faults.min().unwrap_or(Some(FaultKind::FileMissing))
    }
}

/// Checks the sources of `fragments` against `transcripts`.
pub fn check<'f>(
    fragments: impl IntoIterator<Item = &'f Fragment>,
    transcripts: &Transcripts<'_>,
) -> ProvenanceReport {
    let mut report = ProvenanceReport::default();
    for fragment in fragments {
        report.fragments += 1;
        report.sources += fragment.sources.len();
        report.faults.extend(transcripts.verify(fragment));
    }
    tracing::debug!(
        fragments = report.fragments,
        sources = report.sources,
        faults = report.faults.len(),
        "checked provenance"
    );
    report
}

fn fault_in(lines: &[&[u8]], source: &Source) -> Option<FaultKind> {
    let index = usize::try_from(source.line).ok().and_then(|line| line.checked_sub(1));
    let Some(line) = index.and_then(|index| lines.get(index)) else {
        return Some(FaultKind::LineMissing);
    };
    let document = is_for_documents(source.rule.as_str());
    if Digest::of(line) != source.digest {
        // The lines of a document move when others are written above them.
        let moved = document && lines.iter().any(|line| Digest::of(line) == source.digest);
        return (!moved).then_some(FaultKind::DigestDiffers);
    }
    if document {
        // It has no records, even where a line looks like one.
        return None;
    }
    let record = transcript::parse(line, MAX_LINE)?;
    // What is no id by our rules was read as absent.
    let session = record.session().and_then(|id| id.parse::<SessionId>().ok());
    let session = session.is_none_or(|id| id == source.session);
    let id = record.uuid.as_deref().and_then(|id| id.parse::<RecordId>().ok());
    let same = id.is_none_or(|id| id == source.record);
    (!session || !same).then_some(FaultKind::RecordDiffers)
}
