//! Headers that concern one connection only, and ours.

use garner_kernel::{ChannelName, FragmentId, Version};
use hyper::HeaderMap;
use hyper::header::{CONNECTION, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};

use crate::inject::Report;

/// Switches injection off for one request: `X-Garner: off`.
pub(crate) const SWITCH: &str = "x-garner";
/// The value that switches it off.
pub(crate) const SWITCH_OFF: &str = "off";

/// The most fragments that a header names.
const MOST: usize = 64;

/// Removes what concerns one connection only.
pub(crate) fn remove_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}

/// Returns whether a request asks for no injection.
pub(crate) fn is_off(headers: &HeaderMap) -> bool {
    let value = headers.get(SWITCH).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case(SWITCH_OFF))
}

/// Tells a client what was put into its request.
pub(crate) fn add_report(headers: &mut HeaderMap, report: &Report) {
    let kernel =
        |(channel, version): &(ChannelName, Version)| format!("{channel}@{}", version.get());
    let kernels: Vec<String> = report.kernels.iter().map(kernel).collect();
    let fragments: Vec<String> =
        report.fragments.iter().take(MOST).map(FragmentId::short).collect();
    let values = [
        ("x-garner-kernels", kernels.join(", ")),
        ("x-garner-fragments", fragments.join(", ")),
        ("x-garner-tokens", report.tokens.to_string()),
        ("x-garner-reason", report.reason.map(|r| r.as_str().to_owned()).unwrap_or_default()),
    ];
    for (name, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_one_connection_is_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("authorization", "Bearer x"),
            ("expect", "100-continue"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        remove_hops(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "expect"]);
    }
}
