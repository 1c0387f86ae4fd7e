//! Host names as people write them who come from a browser: what they meant, and how it is written.

use std::net::IpAddr;

use crate::types::HostPattern;

/// What is wrong, and what to do.
type Advice = (&'static str, String);

/// Why `text` is no host name although it has one in it; `None`: it is none, or there is more wrong.
pub(super) fn in_host(text: &str) -> Option<Advice> {
    let (title, rest) = match text.split_once("://") {
        Some((_, rest)) => ("a URL is no host name", rest),
        None => ("a host name has no port, path or user in it", text),
    };
    let rest = rest.split(['/', '?', '#']).next()?;
    let rest = rest.rsplit('@').next()?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    if host == text {
        return star(text);
    }
    if host.parse::<IpAddr>().is_ok() {
        let help = format!("put \"{host}\" into `addresses`; the port goes into `ports`");
        return Some(("an address with a port is no host name", help));
    }
    let host: HostPattern = host.parse().ok()?;
    let help = match port {
        Some(port) => format!("write \"{host}\"; the port goes into `ports`, as number = {port}"),
        None => format!("write \"{host}\""),
    };
    Some((title, help))
}

/// A `*` that is not a whole label, or stands more than once: one is enough for any number of labels.
fn star(text: &str) -> Option<Advice> {
    let name = text.trim_start_matches(['*', '.']);
    if name == text || text.strip_prefix("*.") == Some(name) {
        return None;
    }
    let meant: HostPattern = format!("*.{name}").parse().ok()?;
    let title = "`*` stands only once, as the whole first label";
    let help = format!("write \"{meant}\": it means names of any depth below");
    Some((title, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_written() {
        for (text, meant) in [
            ("https://example.com/", "\"example.com\""),
            (
                "https://user@example.com:8443/a?b#c",
                "\"example.com\"; the port goes into `ports`",
            ),
            (
                "example.com:443",
                "\"example.com\"; the port goes into `ports`, as number = 443",
            ),
            ("192.0.2.1:443", "put \"192.0.2.1\" into `addresses`"),
            ("example.com/path", "\"example.com\""),
            ("https://*.example.com", "\"*.example.com\""),
            ("*example.com", "\"*.example.com\""),
            ("*.*.example.com", "\"*.example.com\""),
            (".example.com", "\"*.example.com\""),
        ] {
            let (_, said) = in_host(text).expect("advice");
            assert!(said.contains(meant), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_no_name_at_all_is_left_to_others() {
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "example.com",
            "*.example.com",
            "::1",
            "192.0.2.1",
            "https://",
        ] {
            assert!(in_host(text).is_none(), "{text}");
        }
    }
}
