//! Which addresses of web servers are taken.

use reqwest::Url;

/// Returns the one spelling of an address, without a slash at its end.
///
/// # Errors
/// What is wrong with it: secrets and questions have no place in an address that is passed on.
pub(crate) fn address(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not a URL with a host")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("it is not a URL with a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no name and no password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address of files has no `?` and no `#` but that of an invite");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Returns a refused address in a form that can be shown: without what may be a password.
pub(crate) fn shown(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

/// Returns whether the server is on this machine.
pub(super) fn is_local(base: &str) -> bool {
    let url = Url::parse(base).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_on_this_machine_are_known() {
        for base in ["http://localhost:80/x", "http://127.0.0.1/x", "http://[::1]:8080"] {
            assert!(is_local(base), "{base}");
        }
        for base in ["https://host/localhost", "http://10.0.0.1", "http://127.0.0.1.host"] {
            assert!(!is_local(base), "{base}");
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (text, expected) in [
            ("https://Host:443/a/../notes//", "https://host/notes"),
            ("http://host/", "http://host"),
            ("https://[::1]:8443/n%20s", "https://[::1]:8443/n%20s"),
        ] {
            assert_eq!(address(text), Ok(expected.to_owned()));
        }
    }
}
