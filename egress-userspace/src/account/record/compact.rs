//! An address in as few bytes as it has.

use std::net::{SocketAddr, SocketAddrV6};

/// Where a connection goes. No such address has a scope or a flow label: the kernel programs and the DNS
/// have none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Compact {
    V4([u8; 4], u16),
    V6([u8; 16], u16),
}

impl From<SocketAddr> for Compact {
    fn from(address: SocketAddr) -> Self {
        let port = address.port();
        match address {
            SocketAddr::V4(address) => Self::V4(address.ip().octets(), port),
            SocketAddr::V6(address) => Self::V6(address.ip().octets(), port),
        }
    }
}

impl From<Compact> for SocketAddr {
    fn from(address: Compact) -> Self {
        match address {
            Compact::V4(ip, port) => (ip, port).into(),
            Compact::V6(ip, port) => SocketAddrV6::new(ip.into(), port, 0, 0).into(),
        }
    }
}
