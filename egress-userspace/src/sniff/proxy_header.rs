//! The header of `HAProxy`'s PROXY protocol, versions 1 and 2, that a connection begins with.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>
//!
//! Stricter than it asks for: only TCP over IPv4 and IPv6, with both addresses said. What is sent on behalf
//! of nobody (`LOCAL`, `UNKNOWN`), as health checks are, names no destination, and leads nowhere here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::progress::{Need, Parsed, Stop};
use crate::types::DenyReason;

/// The longest header that is taken, in bytes. Addresses take 52 of them, what load balancers of clouds and
/// `HAProxy` add a few hundred; version 2 could say 64 KiB.
pub const MAX_PROXY_HEADER: usize = 2 * 1024;

/// Begins each header of version 1; the longest has 107 bytes, with what ends it.
const TEXT: &[u8] = b"PROXY ";
const MAX_TEXT: usize = 107;
/// Begins each header of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and protocol, and the length of what follows.
const FIXED: usize = 16;
/// Version 2, and the command PROXY.
const ON_BEHALF: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its length in bytes: what follows is the client's.
    pub length: usize,
    /// Where the client is: a claim of who sent the header.
    pub source: SocketAddr,
    /// Where it wanted to go.
    pub destination: SocketAddr,
}

/// Reads the header that `bytes` begin with.
pub fn proxy_header(bytes: &[u8]) -> Parsed<ProxyHeader> {
    if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins(bytes, TEXT) {
        text(bytes)
    } else {
        Err(DenyReason::ProxyHeader.into())
    }
}

/// Whether what is there is a beginning of `expected`, or begins with it.
fn begins(bytes: &[u8], expected: &[u8]) -> bool {
    bytes
        .iter()
        .zip(expected)
        .all(|(byte, expected)| byte == expected)
}

fn unfinished(need: Need) -> Stop {
    Stop::within(DenyReason::ProxyHeader, need)
}

fn text(bytes: &[u8]) -> Parsed<ProxyHeader> {
    let window = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        return Err(if window.len() == MAX_TEXT {
            DenyReason::ProxyHeader.into()
        } else {
            unfinished(Need::Line)
        });
    };
    let (line, _) = window.split_at(end);
    let (source, destination) = line
        .strip_suffix(b"\r")
        .and_then(|line| line.strip_prefix(TEXT))
        .and_then(|line| ends(str::from_utf8(line).ok()?))
        .ok_or(DenyReason::ProxyHeader)?;
    Ok(ProxyHeader {
        length: end + 1,
        source,
        destination,
    })
}

/// `TCP4 192.0.2.1 203.0.113.1 56324 443`, as `TCP6`.
fn ends(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let mut address = || match family {
        "TCP4" => words.next()?.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => words.next()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    let (source, destination) = (address()?, address()?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then(|| {
        (
            SocketAddr::new(source, from),
            SocketAddr::new(destination, to),
        )
    })
}

/// Digits, without a sign and without a zero that says nothing.
fn port(text: &str) -> Option<u16> {
    let is_plain = text == "0" || !text.starts_with(['+', '0']);
    is_plain.then(|| u16::from_str(text).ok()).flatten()
}

fn binary(bytes: &[u8]) -> Parsed<ProxyHeader> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Err(unfinished(Need::Bytes(FIXED)));
    };
    let [.., command, family, high, low] = *fixed;
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if command != ON_BEHALF {
        return Err(DenyReason::ProxyHeader.into());
    }
    if length > MAX_PROXY_HEADER {
        return Err(DenyReason::SniffTooLarge.into());
    }
    let least = match family {
        TCP4 => 12,
        TCP6 => 36,
        _ => return Err(DenyReason::ProxyHeader.into()),
    };
    if length < FIXED + least {
        return Err(DenyReason::ProxyHeader.into());
    }
    if bytes.len() < length {
        return Err(unfinished(Need::Bytes(length)));
    }
    // What stands behind the addresses says more about the client, and changes nothing here.
    let (source, destination) = match family {
        TCP4 => pair::<4>(rest),
        _ => pair::<16>(rest),
    }
    .ok_or(DenyReason::ProxyHeader)?;
    Ok(ProxyHeader {
        length,
        source,
        destination,
    })
}

/// Two addresses, then two ports.
fn pair<const N: usize>(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = bytes.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let (to, _) = rest.split_first_chunk::<2>()?;
    let address = |ip: &[u8; N], port: &[u8; 2]| {
        SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes(*port))
    };
    Some((address(source, from), address(destination, to)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n";

    fn v2(command: u8, family: u8, length: u16, body: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(length.to_be_bytes());
        header.extend(body);
        header
    }

    fn v4_body(more: &[u8]) -> Vec<u8> {
        let mut body = vec![192, 0, 2, 1, 203, 0, 113, 1, 0xdc, 0x04, 0x01, 0xbb];
        body.extend(more);
        body
    }

    fn expected(length: usize) -> ProxyHeader {
        ProxyHeader {
            length,
            source: "192.0.2.1:56324".parse().expect("an address"),
            destination: "203.0.113.1:443".parse().expect("an address"),
        }
    }

    fn refused(bytes: &[u8]) -> bool {
        proxy_header(bytes) == Err(Stop::Malformed(DenyReason::ProxyHeader))
    }

    #[test]
    fn both_versions_say_where_from_and_where_to() {
        assert_eq!(proxy_header(V1), Ok(expected(V1.len())));
        let tlv = [0x04, 0, 1, 0];
        let header = v2(0x21, 0x11, 16, &v4_body(&tlv));
        assert_eq!(proxy_header(&header), Ok(expected(header.len())));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\nGET /";
        let v6 = proxy_header(line).expect("a header");
        assert_eq!(v6.destination.to_string(), "[2001:db8::2]:65535");
        assert_eq!(line.get(v6.length..), Some(b"GET /".as_slice()));
        let mut body = vec![0; 36];
        body.extend([9; 100]);
        let v6 = proxy_header(&v2(0x21, 0x21, 136, &body)).expect("a header");
        assert_eq!(v6.length, 16 + 136);
        assert!(v6.source.is_ipv6());
    }

    #[test]
    fn what_names_no_destination_of_tcp_is_refused() {
        let unix = v2(0x21, 0x31, 216, &[0; 216]);
        let local = v2(0x20, 0x00, 0, &[]);
        let local_with_addresses = v2(0x20, 0x11, 12, &v4_body(&[]));
        let datagram = v2(0x21, 0x12, 12, &v4_body(&[]));
        let short = v2(0x21, 0x11, 11, &v4_body(&[]));
        let other_version = v2(0x11, 0x11, 12, &v4_body(&[]));
        for bytes in [
            unix,
            local,
            local_with_addresses,
            datagram,
            short,
            other_version,
        ] {
            assert!(refused(&bytes), "{bytes:x?}");
        }
        for line in [
            "PROXY UNKNOWN\r\n",
            "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1 443\n",
            "PROXY TCP4  192.0.2.1 203.0.113.1 1 443\r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1 443 \r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1 0443\r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1 +443\r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1 65536\r\n",
            "PROXY TCP4 192.0.2.1 203.0.113.1 1\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 203.0.113.1 1 2\r\n",
            "PROXY TCP4 192.0.2.01 203.0.113.1 1 2\r\n",
            "PROXY tcp4 192.0.2.1 203.0.113.1 1 2\r\n",
            "proxy TCP4 192.0.2.1 203.0.113.1 1 2\r\n",
            "GET / HTTP/1.1\r\n",
        ] {
            assert!(refused(line.as_bytes()), "{line:?}");
        }
        let endless = [TEXT, [b'1'; MAX_TEXT].as_slice()].concat();
        assert!(refused(&endless));
    }

    #[test]
    fn a_header_that_says_it_is_longer_than_any_is_not_waited_for() {
        let header = v2(0x21, 0x11, u16::MAX, &[]);
        let too_large = Err(Stop::Malformed(DenyReason::SniffTooLarge));
        assert_eq!(proxy_header(&header), too_large);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much_for_it(bytes: Vec<u8>, version in 0..3) {
            let mut begun = match version {
                0 => Vec::new(),
                1 => TEXT.to_vec(),
                _ => SIGNATURE.to_vec(),
            };
            begun.extend(bytes);
            if let Ok(header) = proxy_header(&begun) {
                prop_assert!(header.length <= begun.len() && header.length <= MAX_PROXY_HEADER);
            }
        }

        #[test]
        fn each_beginning_waits_and_what_follows_is_the_clients(rest: Vec<u8>, cut in 0_usize..1000) {
            for header in [V1.to_vec(), v2(0x21, 0x11, 15, &v4_body(&[1, 2, 3]))] {
                let mut all = header.clone();
                all.extend(&rest);
                prop_assert_eq!(proxy_header(&all), Ok(expected(header.len())));
                let begun = header.get(..cut % header.len()).expect("a beginning");
                match proxy_header(begun) {
                    // It is not asked again before it can say more.
                    Err(Stop::More(wait)) => prop_assert!(wait.need.is_met(&header, begun.len())),
                    other => prop_assert!(false, "{begun:x?}: {other:?}"),
                }
            }
        }
    }
}
