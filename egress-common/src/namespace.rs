//! Network namespaces that have listeners.

use crate::Address;

/// The listeners of a network namespace. Only user space makes entries, once they are there: a
/// governed process that makes namespaces fills no map.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    port: [u8; 2],
    before: [u8; 2],
    v4: Address,
    v6: Address,
}

impl Namespace {
    /// Listeners on `port`, and a gateway that hands over on the port `before`; both in network order.
    /// Clients there connect from `v4` or `v6`; `Address::NONE` where the namespace has no address of
    /// the family.
    pub const fn new(port: [u8; 2], before: [u8; 2], v4: Address, v6: Address) -> Self {
        Self {
            port,
            before,
            v4,
            v6,
        }
    }

    /// The listeners' port, in network order.
    #[inline(always)]
    pub const fn port(&self) -> [u8; 2] {
        self.port
    }

    /// Whether a gateway listens, or did until it handed over, on `port`, in network order: a connection
    /// that was turned there before the change finds it.
    #[inline(always)]
    pub const fn serves(&self, port: [u8; 2]) -> bool {
        let asked = u16::from_ne_bytes(port);
        asked == u16::from_ne_bytes(self.port) || asked == u16::from_ne_bytes(self.before)
    }

    /// The source address of a redirected connection to `peer`.
    #[inline(always)]
    pub const fn source(&self, peer: Address) -> Address {
        if peer.is_v4() { self.v4 } else { self.v6 }
    }
}

const _: () = assert!(size_of::<Namespace>() == 36 && align_of::<Namespace>() == 4);
