//! Socket addresses that cannot be mistaken for one another.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // Not a `SocketAddr`, which has room for more than an address and a port.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name {
            ip: IpAddr,
            port: u16,
        }

        impl $name {
            /// Takes an address; an IPv4-mapped IPv6 address becomes the IPv4 address it stands for,
            /// so that rules and logs know one spelling.
            pub fn new(addr: SocketAddr) -> Self {
                Self {
                    ip: addr.ip().to_canonical(),
                    port: addr.port(),
                }
            }

            /// The address and port.
            pub fn socket_addr(self) -> SocketAddr {
                SocketAddr::new(self.ip, self.port)
            }

            /// The address without its port.
            pub fn ip(self) -> IpAddr {
                self.ip
            }

            /// The port.
            pub fn port(self) -> u16 {
                self.port
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.socket_addr().fmt(f)
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

    #[test]
    fn an_address_is_kept_as_it_was_in_twenty_bytes() {
        for address in ["203.0.113.7:443", "[2001:db8::7]:443"] {
            let address: SocketAddr = address.parse().expect("an address");
            assert_eq!(UpstreamAddr::new(address).socket_addr(), address);
        }
        assert!(size_of::<UpstreamAddr>() <= 20);
    }
}
