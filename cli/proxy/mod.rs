//! What the proxy needs of this machine: the store, the clock, signals, its name.

mod recaller;
pub(crate) mod signals;

use std::path::PathBuf;

use garner_kernel::ChannelName;
use garner_loader::{InjectionEvent, OpenOptions, Store};
use garner_serve::{Injecting, MakeRecaller, Record};

use crate::args::FilterArguments;
use crate::context::Context;
use crate::proxy::recaller::StoreRecaller;

/// Returns where the fragments of a proxy come from: the store of this machine.
pub(crate) fn injecting(
    filters: &FilterArguments,
    cloud: &[ChannelName],
    context: &Context,
) -> Injecting {
    // A context cannot be sent to another thread: one is made there of the same parts.
    let (environment, global) = (context.environment.clone(), context.global.clone());
    let (places, filters) = (context.places.clone(), filters.filters());
    let recaller: MakeRecaller = Box::new(move || {
        let context = Context::of(environment, global, places);
        Box::new(StoreRecaller::ready(context, filters))
    });
    let record = record(context.places.data.clone());
    Injecting { recaller, record, cloud: cloud.to_vec(), deadline: Injecting::DEADLINE }
}

/// Returns what writes events into the store in the folder `data`.
fn record(data: PathBuf) -> Record {
    let mut store: Option<Store> = None;
    Box::new(move |event: &InjectionEvent| {
        let opened = store.take().map_or_else(|| Store::open(&data, &OpenOptions::write()), Ok);
        let written = opened.and_then(|mut opened| {
            opened.record_injection(event)?;
            Ok(opened)
        });
        match written {
            Ok(opened) => store = Some(opened),
            Err(error) => tracing::warn!(%error, "an injection was not recorded"),
        }
        store.is_some()
    })
}

/// Returns the name of this machine, under which others may ask it; `None` where it cannot be told.
pub(crate) fn host_name() -> Option<String> {
    #[cfg(unix)]
    let name = Some(rustix::system::uname().nodename().to_string_lossy().into_owned());
    #[cfg(not(unix))]
    let name = None;
    name
}
