//! What the proxy needs of this machine: the store, the clock, signals, its name.

mod recaller;
pub(crate) mod signals;

use std::net::IpAddr;
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

/// Returns whether an address (`host`, `host:port` or a URL) is one that only this machine reaches.
pub(crate) fn is_near(address: &str) -> bool {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    let host = match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    };
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Returns the name of this machine, under which others may ask it; `None` where it cannot be told.
pub(crate) fn host_name() -> Option<String> {
    #[cfg(unix)]
    let name = Some(rustix::system::uname().nodename().to_string_lossy().into_owned());
    #[cfg(not(unix))]
    let name = None;
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_near() {
        for near in
            ["localhost", "localhost:1", "127.0.0.1", "http://127.0.0.9:1/x", "[::1]:1", "[::1]"]
        {
            assert!(is_near(near), "{near}");
        }
        for far in ["", ":1", "0.0.0.0:1", "box:1", "https://localhost.example", "[::]:1", "::2"] {
            assert!(!is_near(far), "{far}");
        }
    }
}
