//! Socket addresses that cannot be mistaken for one another.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(SocketAddr);

        impl $name {
            /// Takes an address; an IPv4-mapped IPv6 address becomes the IPv4 address it stands for,
            /// so that rules and logs know one spelling.
            pub fn new(addr: SocketAddr) -> Self {
                Self(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
            }

            /// The address and port.
            pub fn socket_addr(self) -> SocketAddr {
                self.0
            }

            /// The address without its port.
            pub fn ip(self) -> IpAddr {
                self.0.ip()
            }

            /// The port.
            pub fn port(self) -> u16 {
                self.0.port()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

address! {
    /// Where the client's socket is: the peer of the accepted socket.
    ClientAddr
}
address! {
    /// Where the client asked to go, before the kernel turned its connection to the gateway.
    OriginalDst
}
address! {
    /// Where the gateway's own connection went.
    UpstreamAddr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:443".parse().expect("an address");
        assert_eq!(OriginalDst::new(mapped).to_string(), "192.0.2.1:443");
    }
}
