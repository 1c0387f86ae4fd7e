//! A request for a tunnel (RFC 9110 section 9.3.6), where the gateway is who it is for.

use std::net::IpAddr;

use super::{RequestKind, request};
use crate::sniff::progress::{Parsed, Stop};
use crate::types::{DenyReason, HostName};

/// A request for a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The length of its head in bytes, with the empty line that ends it: what follows is the tunnel's.
    pub length: usize,
    /// The host that it leads to.
    pub host: TunnelHost,
    /// The port there; never 0.
    pub port: u16,
}

/// The host that a tunnel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelHost {
    /// A name, which the gateway resolves.
    Name(HostName),
    /// An address.
    Address(IpAddr),
}

/// Reads the request for a tunnel that `bytes` begin with. `cap` bounds its head, in bytes.
///
/// Its fields are not looked at beyond what [`request`] does: none of them is passed on.
pub fn tunnel(bytes: &[u8], cap: usize) -> Parsed<Tunnel> {
    let head = match request(bytes, cap) {
        Err(Stop::Not) => return Err(DenyReason::NotConnect.into()),
        head => head?,
    };
    let port = match head.kind {
        RequestKind::Connect(Some(port)) if port != 0 => port,
        RequestKind::Connect(_) => return Err(DenyReason::HostMalformed.into()),
        RequestKind::Plain | RequestKind::Head | RequestKind::Upgrade(_) => {
            return Err(DenyReason::NotConnect.into());
        }
    };
    let host = match head.host {
        Some(name) => TunnelHost::Name(name),
        None => TunnelHost::Address(address(bytes).ok_or(DenyReason::HostMalformed)?),
    };
    Ok(Tunnel {
        length: head.length,
        host,
        port,
    })
}

/// The address in the target of a request whose line is right.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let target = bytes.split(|&byte| byte == b' ').nth(1)?;
    let (host, _port) = str::from_utf8(target).ok()?.rsplit_once(':')?;
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAP: usize = 1024;

    fn asked(target: &str) -> Parsed<(TunnelHost, u16)> {
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        tunnel(head.as_bytes(), CAP).map(|tunnel| (tunnel.host, tunnel.port))
    }

    fn name(text: &str) -> TunnelHost {
        TunnelHost::Name(text.parse().expect("a name"))
    }

    fn ip(text: &str) -> TunnelHost {
        TunnelHost::Address(text.parse().expect("an address"))
    }

    #[test]
    fn a_tunnel_leads_to_a_name_or_an_address_and_always_to_a_port() {
        for (target, host, port) in [
            ("api.example.com:443", name("api.example.com"), 443),
            ("API.Example.com.:80", name("api.example.com"), 80),
            ("203.0.113.10:443", ip("203.0.113.10"), 443),
            ("[2001:db8::1]:65535", ip("2001:db8::1"), 65535),
        ] {
            assert_eq!(asked(target), Ok((host, port)), "{target}");
        }
        for target in [
            "api.example.com",
            "api.example.com:",
            "api.example.com:0",
            "api.example.com:65536",
            "api.example.com:+80",
            "user@api.example.com:443",
            "2001:db8::1:443",
            "[203.0.113.10]:443",
            "[fe80::1%25eth0]:443",
            ":443",
        ] {
            let refused = Err(Stop::Malformed(DenyReason::HostMalformed));
            assert_eq!(asked(target), refused, "{target}");
        }
    }

    #[test]
    fn what_asks_for_no_tunnel_is_told_apart() {
        for request in [
            "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "\x16\x03\x01\x00\x05hello",
        ] {
            let refused = Err(Stop::Malformed(DenyReason::NotConnect));
            assert_eq!(tunnel(request.as_bytes(), CAP), refused, "{request}");
        }
    }

    #[test]
    fn a_tunnel_whose_host_is_said_in_two_ways_or_that_has_a_body_is_refused() {
        for (fields, reason) in [
            ("Host: b.test:443\r\n", DenyReason::AuthorityMismatch),
            (
                "Host: a.test\r\nHost: a.test\r\n",
                DenyReason::HostDuplicate,
            ),
            ("Content-Length: 5\r\n", DenyReason::RequestSmuggling),
            (
                "Transfer-Encoding: chunked\r\n",
                DenyReason::RequestSmuggling,
            ),
            (" folded: x\r\n", DenyReason::RequestSmuggling),
        ] {
            let head = format!("CONNECT a.test:443 HTTP/1.1\r\n{fields}\r\n");
            let refused = Err(Stop::Malformed(reason));
            assert_eq!(tunnel(head.as_bytes(), CAP), refused, "{fields}");
        }
    }

    #[test]
    fn a_head_that_is_too_long_is_refused() {
        let long = "x".repeat(CAP);
        let head = format!("CONNECT a.test:443 HTTP/1.1\r\nX: {long}\r\n\r\n");
        let refused = Err(Stop::Malformed(DenyReason::SniffTooLarge));
        assert_eq!(tunnel(head.as_bytes(), CAP), refused);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much_for_it(bytes: Vec<u8>) {
            let _ = tunnel(&bytes, CAP);
            let mut begun = b"CONNECT ".to_vec();
            begun.extend(bytes);
            let _ = tunnel(&begun, CAP);
        }

        #[test]
        fn each_beginning_waits_and_what_follows_is_the_tunnels(rest: Vec<u8>, cut in 0_usize..1000) {
            let head = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: x\r\n\r\n";
            let mut all = head.to_vec();
            all.extend(rest);
            let whole = Tunnel { length: head.len(), host: name("a.test"), port: 443 };
            prop_assert_eq!(tunnel(&all, CAP), Ok(whole));
            let cut = cut % head.len();
            let begun = head.get(..cut).expect("a beginning");
            prop_assert!(matches!(tunnel(begun, CAP), Err(Stop::More(_))), "{cut}");
        }
    }
}
