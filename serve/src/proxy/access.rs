//! Who may ask: Ollama's own checks of `Host` and `Origin`.
//!
//! A port of this machine can be reached by any web page whose name is made to point here, so a
//! request that names a host from elsewhere is refused, and so is one from a page of elsewhere.

use std::net::IpAddr;

/// Origins that Ollama always allows, as patterns.
const ORIGINS: &[&str] = &[
    "http://localhost",
    "https://localhost",
    "http://localhost:*",
    "https://localhost:*",
    "http://127.0.0.1",
    "https://127.0.0.1",
    "http://127.0.0.1:*",
    "https://127.0.0.1:*",
    "http://0.0.0.0",
    "https://0.0.0.0",
    "http://0.0.0.0:*",
    "https://0.0.0.0:*",
    "app://*",
    "file://*",
    "tauri://*",
    "vscode-webview://*",
    "vscode-file://*",
];

/// Names that no public server answers for.
const LOCAL_SUFFIXES: &[&str] = &[".localhost", ".local", ".internal"];

/// What is checked of each request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// Whether only this machine can connect, so that the host is checked.
    pub(crate) is_loopback: bool,
    /// The name of this machine.
    pub(crate) host_name: Option<String>,
    /// More origins, as patterns with at most one `*`.
    pub(crate) origins: Vec<String>,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was sent to a name that is not ours.
    Host,
    /// It comes from a page that may not ask.
    Origin,
}

impl Refusal {
    /// Returns the word that stands for the refusal.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
        }
    }
}

impl Access {
    /// Checks the two headers of a request, empty where they are missing.
    pub(crate) fn check(&self, host: &str, origin: &str) -> Result<(), Refusal> {
        if !self.allows_origin(host, origin) {
            return Err(Refusal::Origin);
        }
        if self.is_loopback && !self.allows_host(name_of(host)) {
            return Err(Refusal::Host);
        }
        Ok(())
    }

    fn allows_origin(&self, host: &str, origin: &str) -> bool {
        let same = ["http://", "https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(scheme).is_some_and(|rest| rest == host));
        let ours = self.origins.iter().map(String::as_str);
        origin.is_empty() || same || ORIGINS.iter().copied().chain(ours).any(|p| matches(p, origin))
    }

    fn allows_host(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return is_near(address);
        }
        let name = name.to_ascii_lowercase();
        let own = self.host_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&name));
        let local = LOCAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        name.is_empty() || name == "localhost" || own || local
    }
}

/// Returns whether an address is of this machine or of a network that is not public.
fn is_near(address: IpAddr) -> bool {
    let private = match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    address.is_loopback() || address.is_unspecified() || private
}

/// Returns the name or address of a `Host` header, without its port.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// Compares with a pattern that may hold one `*`.
fn matches(pattern: &str, origin: &str) -> bool {
    let pattern = pattern.trim();
    pattern.split_once('*').map_or_else(
        || pattern == origin,
        |(start, end)| {
            let rest = origin.strip_prefix(start);
            rest.is_some_and(|rest| rest.len() >= end.len() && rest.ends_with(end))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let origins = vec!["https://chat.example".to_owned(), "https://*.team.example".to_owned()];
        Access { is_loopback: true, host_name: Some("Box".to_owned()), origins }
    }

    #[test]
    fn hosts_are_those_that_ollama_takes() {
        for (host, allowed) in [
            ("", true),
            ("localhost", true),
            ("LOCALHOST:11435", true),
            ("127.0.0.1:11435", true),
            ("127.8.9.1", true),
            ("[::1]:11435", true),
            ("::1", true),
            ("0.0.0.0:1", true),
            ("192.168.1.4:11435", true),
            ("[fd00::1]:1", true),
            ("box:11435", true),
            ("printer.local", true),
            ("host.docker.internal:11435", true),
            ("a.localhost", true),
            ("8.8.8.8", false),
            ("[2001:db8::1]:1", false),
            ("evil.example:11435", false),
            ("localhost.evil.example", false),
            ("evil-local", false),
            ("127.0.0.1.evil.example", false),
        ] {
            let found = access().check(host, "");
            assert_eq!(found.is_ok(), allowed, "{host}");
            let open = Access { is_loopback: false, ..access() };
            assert_eq!(open.check(host, ""), Ok(()), "{host}");
        }
    }

    #[test]
    fn origins_are_those_that_ollama_takes() {
        for (origin, allowed) in [
            ("", true),
            ("http://localhost", true),
            ("https://localhost:3000", true),
            ("http://127.0.0.1:8080", true),
            ("app://obsidian.md", true),
            ("vscode-webview://x", true),
            ("http://box:11435", true),
            ("https://chat.example", true),
            ("https://a.team.example", true),
            ("null", false),
            ("https://evil.example", false),
            ("http://localhost.evil.example", false),
            ("https://chat.example.evil", false),
            ("https://.team.exampl", false),
        ] {
            let found = access().check("box:11435", origin);
            let expected = if allowed { Ok(()) } else { Err(Refusal::Origin) };
            assert_eq!(found, expected, "{origin}");
        }
        let all = Access { origins: vec!["*".to_owned()], ..access() };
        assert_eq!(all.check("box", "https://any.example"), Ok(()));
    }
}
