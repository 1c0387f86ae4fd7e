//! What an upstream is told of the client before the client's own bytes: `HAProxy`'s PROXY protocol.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::types::{ClientAddr, OriginalDst, ProxyProtocol};

/// Begins each header of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and the command PROXY: the connection is made for somebody else.
const VERSION_AND_COMMAND: u8 = 0x21;
/// A stream over IPv4, and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// The header for a connection from `client` to `dst`.
pub(super) fn header(version: ProxyProtocol, client: ClientAddr, dst: OriginalDst) -> Vec<u8> {
    let (client, dst) = (client.socket_addr(), dst.socket_addr());
    match version {
        ProxyProtocol::V1 => text(client, dst).into_bytes(),
        ProxyProtocol::V2 => binary(client, dst),
    }
}

/// A line has no form for two families, so it says that it does not know.
fn text(client: SocketAddr, dst: SocketAddr) -> String {
    let family = match (client, dst) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => "TCP4",
        (SocketAddr::V6(_), SocketAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".into(),
    };
    let ports = (client.port(), dst.port());
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        client.ip(),
        dst.ip(),
        ports.0,
        ports.1
    )
}

/// Of two families, IPv4 is written in IPv6's form for it, as `HAProxy` does.
fn binary(client: SocketAddr, dst: SocketAddr) -> Vec<u8> {
    let mut addresses = Vec::with_capacity(36);
    let family = if let (IpAddr::V4(client), IpAddr::V4(dst)) = (client.ip(), dst.ip()) {
        addresses.extend(client.octets());
        addresses.extend(dst.octets());
        TCP4
    } else {
        addresses.extend(in_v6(client.ip()).octets());
        addresses.extend(in_v6(dst.ip()).octets());
        TCP6
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend(dst.port().to_be_bytes());
    let mut header = Vec::with_capacity(SIGNATURE.len() + 4 + addresses.len());
    header.extend(SIGNATURE);
    header.extend([VERSION_AND_COMMAND, family, 0]);
    // 12 or 36.
    header.extend(u8::try_from(addresses.len()));
    header.extend(addresses);
    header
}

fn in_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests;
