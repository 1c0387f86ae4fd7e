//! The name in `host[:port]`, as `Host`, `:authority` and absolute targets have it.

use std::str::FromStr;

use crate::types::{DenyReason, HostName, HostNameError};

/// The one name that a request's target and its `Host` fields agree on; `None`: there is none, or an
/// address instead.
///
/// A second `Host` is an error, whatever it says (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
pub(super) fn agreed<'a>(
    target: Option<&[u8]>,
    mut hosts: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<HostName>, DenyReason> {
    let host = hosts
        .next()
        .map_or(Ok(None), |host| unrepeated(host, hosts).map(Some))?;
    match (target, host) {
        (Some(target), Some(host)) if name(target)? != name(host)? => {
            Err(DenyReason::AuthorityMismatch)
        }
        (Some(one), _) | (None, Some(one)) => name(one),
        (None, None) => Ok(None),
    }
}

fn unrepeated<'a>(
    host: &'a [u8],
    mut others: impl Iterator<Item = &'a [u8]>,
) -> Result<&'a [u8], DenyReason> {
    match others.next() {
        None => Ok(host),
        Some(_) => Err(DenyReason::HostDuplicate),
    }
}

/// The port is not looked at: where a client goes is known from its socket.
fn name(authority: &[u8]) -> Result<Option<HostName>, DenyReason> {
    let text = str::from_utf8(authority).map_err(|_| DenyReason::HostMalformed)?;
    match HostName::from_str(without_port(text)?) {
        Ok(name) => Ok(Some(name)),
        Err(HostNameError::Empty | HostNameError::Address(_)) => Ok(None),
        Err(_) => Err(DenyReason::HostMalformed),
    }
}

fn without_port(text: &str) -> Result<&str, DenyReason> {
    // The colons of an IPv6 address are inside its brackets.
    let host_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text.get(host_end..).and_then(|rest| rest.find(':')) {
        Some(colon) => text.split_at(host_end + colon),
        None => (text, ""),
    };
    if port.bytes().skip(1).all(|b| b.is_ascii_digit()) {
        Ok(host)
    } else {
        Err(DenyReason::HostMalformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(authority: &str) -> Result<Option<String>, DenyReason> {
        name(authority.as_bytes()).map(|name| name.map(|n| n.to_string()))
    }

    #[test]
    fn the_port_is_ignored() {
        for authority in ["a.test", "a.test:80", "a.test:", "A.Test.:65536"] {
            assert_eq!(
                text(authority),
                Ok(Some("a.test".to_owned())),
                "{authority}"
            );
        }
    }

    #[test]
    fn an_address_or_nothing_is_no_name() {
        for authority in [
            "",
            ":80",
            "192.0.2.1",
            "192.0.2.1:80",
            "[::1]",
            "[::1]:80",
            "[::1]:",
        ] {
            assert_eq!(text(authority), Ok(None), "{authority}");
        }
    }

    #[test]
    fn anything_else_is_invalid() {
        let bad = [
            "a.test:x",
            "a.test:80:80",
            "::1",
            "user@a.test",
            "a.test@b.test:80",
            "a b",
            "a.test/",
            "[::1",
            "[::1]x",
            "[a.test]",
            "[v1.x]",
            "a.test\\",
            "a,b",
            "a.test:-1",
        ];
        for authority in bad {
            assert_eq!(
                text(authority),
                Err(DenyReason::HostMalformed),
                "{authority}"
            );
        }
        assert_eq!(name(b"\xff.test"), Err(DenyReason::HostMalformed));
    }
}
