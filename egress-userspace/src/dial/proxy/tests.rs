//! The headers, against the specification's own examples and a reader of the test's own.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn of(version: ProxyProtocol, client: &str, dst: &str) -> Vec<u8> {
    let addr = |text: &str| text.parse().expect("an address");
    header(
        version,
        ClientAddr::new(addr(client)),
        OriginalDst::new(addr(dst)),
    )
}

#[test]
fn a_line_says_who_wanted_what() {
    let v4 = of(ProxyProtocol::V1, "192.168.0.1:56324", "192.168.0.11:443");
    assert_eq!(v4, b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
    let v6 = of(
        ProxyProtocol::V1,
        "[2001:db8::1]:56324",
        "[2001:db8::2]:443",
    );
    assert_eq!(v6, b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
    let mixed = of(ProxyProtocol::V1, "127.0.0.1:1", "[2001:db8::2]:443");
    assert_eq!(mixed, b"PROXY UNKNOWN\r\n");
}

#[test]
fn a_binary_header_is_byte_for_byte_what_the_specification_says() {
    let header = of(ProxyProtocol::V2, "192.0.2.1:258", "192.0.2.2:443");
    let mut expected = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c".to_vec();
    expected.extend([192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 1, 187]);
    assert_eq!(header, expected);
}

/// Reads a header of version 2 as a receiver would (section 2.2).
fn read(header: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let body = header.strip_prefix(&SIGNATURE)?.strip_prefix(&[0x21])?;
    let (family, body) = body.split_first()?;
    let (length, body) = body.split_first_chunk::<2>()?;
    if usize::from(u16::from_be_bytes(*length)) != body.len() {
        return None;
    }
    let (ips, ports) = body.split_at_checked(body.len() - 4)?;
    let port = |at: usize| Some(u16::from_be_bytes(*ports.get(at..)?.first_chunk()?));
    let (client, dst) = ips.split_at_checked(ips.len() / 2)?;
    let ip = |bytes: &[u8]| {
        Some(match family {
            0x11 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            0x21 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
            _ => return None,
        })
    };
    Some((
        SocketAddr::new(ip(client)?.to_canonical(), port(0)?),
        SocketAddr::new(ip(dst)?.to_canonical(), port(2)?),
    ))
}

fn any_addr() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    let v6 = any::<[u8; 16]>().prop_map(IpAddr::from);
    (prop_oneof![v4, v6], any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(client in any_addr(), dst in any_addr()) {
        let (client, dst) = (ClientAddr::new(client), OriginalDst::new(dst));
        let both = (client.socket_addr(), dst.socket_addr());
        prop_assert_eq!(read(&header(ProxyProtocol::V2, client, dst)), Some(both));

        let line = String::from_utf8(header(ProxyProtocol::V1, client, dst)).expect("text");
        // Section 2.1: what a receiver must have room for.
        prop_assert!(line.len() <= 107 && line.ends_with("\r\n"));
        let words: Vec<_> = line.split_whitespace().collect();
        if let [_, _, from, to, from_port, to_port] = words.as_slice() {
            let at = |ip: &str, port: &str| {
                SocketAddr::new(ip.parse().expect("an address"), port.parse().expect("a port"))
            };
            prop_assert_eq!((at(from, from_port), at(to, to_port)), both);
        } else {
            prop_assert_eq!(line, "PROXY UNKNOWN\r\n");
            prop_assert_ne!(both.0.is_ipv4(), both.1.is_ipv4());
        }
    }
}

#[test]
fn what_is_written_is_read_as_it_was() {
    use crate::sniff::proxy_header;
    for (client, dst) in [
        ("192.0.2.1:56324", "203.0.113.1:443"),
        ("[2001:db8::1]:1", "[2001:db8::2]:65535"),
    ] {
        let (client, dst) = (
            ClientAddr::new(client.parse().expect("an address")),
            OriginalDst::new(dst.parse().expect("an address")),
        );
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let written = header(version, client, dst);
            let read = proxy_header(&written).expect("a header");
            assert_eq!(read.length, written.len());
            assert_eq!(read.source, client.socket_addr());
            assert_eq!(read.destination, dst.socket_addr());
        }
    }
}
