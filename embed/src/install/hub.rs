//! Fetches files from the model hub.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use reqwest::{Client, Response};

use super::folder::Folder;
use super::incoming::Incoming;
use super::{Missing, Progress};
use crate::error::InstallError;
use crate::pinned::Pinned;

/// Brings what the hub has, and returns what it has not.
///
/// A hub that cannot be reached, or whose file has another length, is skipped with a report. A file
/// of the right length with other bytes is an error.
pub(super) fn bring(
    folder: &Folder,
    missing: Missing,
    repository: &str,
    report: &mut dyn FnMut(Progress),
) -> Result<Missing, InstallError> {
    let mut missing = missing.into_iter();
    for file in missing.by_ref() {
        let address = format!("{repository}/resolve/main/{}", file.name);
        report(Progress::Fetching { what: file.name.to_owned(), origin: address.clone() });
        if let Err(reason) = bring_one(folder, file, &address, report)? {
            tracing::debug!(%address, %reason, "the model hub cannot be used");
            report(Progress::Skipped { origin: address, reason });
            return Ok([file].into_iter().chain(missing).collect());
        }
    }
    Ok(Vec::new())
}

/// The inner error says why the hub cannot be used.
fn bring_one(
    folder: &Folder,
    file: &'static Pinned,
    address: &str,
    report: &mut dyn FnMut(Progress),
) -> Result<Result<(), String>, InstallError> {
    let mut incoming = Incoming::new(folder, file, address.to_owned())?;
    // The caller may be inside an async runtime, which must not be entered again: the download has
    // a thread and a runtime of its own, and this thread writes what it sends.
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
        scope.spawn(move || {
            let result = download(address, file.size, &sender);
            // The receiver is gone if the file was refused, and then nobody wants to know.
            let _ = sender.send(result.map_or_else(Message::Failed, |()| Message::Complete));
        });
        receive(&receiver, &mut incoming, report)
    })?
    .map_or_else(|reason| Ok(Err(reason)), |()| incoming.keep().map(Ok))
}

fn receive(
    receiver: &Receiver<Message>,
    incoming: &mut Incoming<'_>,
    report: &mut dyn FnMut(Progress),
) -> Result<Result<(), String>, InstallError> {
    for message in receiver {
        match message {
            Message::Chunk(bytes) => incoming.push(&bytes, report)?,
            Message::Complete => return Ok(Ok(())),
            Message::Failed(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Err("the download stopped".to_owned()))
}

enum Message {
    Chunk(Vec<u8>),
    Complete,
    Failed(String),
}

fn download(address: &str, size: u64, sender: &SyncSender<Message>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let mut response = ask(address).await.map_err(|error| chain(&error))?;
        if let Some(length) = response.content_length().filter(|length| *length != size) {
            return Err(format!("the file there has {length} bytes, expected {size}"));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
            if sender.send(Message::Chunk(chunk.to_vec())).is_err() {
                break;
            }
        }
        Ok(())
    })
}

async fn ask(address: &str) -> reqwest::Result<Response> {
    let client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build()?;
    client.get(address).send().await?.error_for_status()
}

/// Joins an error with its causes: the outer one alone says only that the request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How long to wait for a connection: a closed network must not hold up the next source.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a download may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How many chunks may wait for the disk.
const CHUNKS_AHEAD: usize = 16;
