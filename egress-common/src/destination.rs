//! What the kernel decides by address and port alone.

use crate::codes::codes;
use crate::{Address, DNS_PORT};

/// A key of the destinations' table, a longest-prefix trie: of all rules for a protocol and port the one
/// with the longest prefix holds.
///
/// The generation stands first, so that two policies lie in one map side by side and the change from
/// one to the other is the change of one number.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    generation: u32,
    protocol: [u8; 2],
    port: [u8; 2],
    address: Address,
}

/// In place of a port: no service's, for it is beside a protocol that is none.
const AUDIT: [u8; 2] = [0, 1];

/// Bits before the address, which a rule always has in full.
const HEAD_BITS: u32 = 64;

impl Destination {
    /// Length of a whole key.
    pub const BITS: u32 = HEAD_BITS + Address::BITS;

    /// A destination of one protocol (`IPPROTO_*`) and port, in network order.
    #[inline(always)]
    pub const fn new(generation: u32, protocol: u16, port: [u8; 2], address: Address) -> Self {
        Self {
            generation,
            protocol: protocol.to_be_bytes(),
            port,
            address,
        }
    }

    /// The whole key as it lies in memory: its length, and then itself.
    #[inline(always)]
    pub const fn words(self) -> [u32; 7] {
        let ([upper, lower], [high, low]) = (self.protocol, self.port);
        let [first, second, third, fourth] = self.address.words();
        let service = u32::from_ne_bytes([upper, lower, high, low]);
        let (length, generation) = (Self::BITS, self.generation);
        [length, generation, service, first, second, third, fourth]
    }

    /// A destination of any protocol and port.
    #[inline(always)]
    pub const fn any(generation: u32, address: Address) -> Self {
        Self::new(generation, 0, [0; 2], address)
    }

    /// The key under which it says whether what no rule is for and the gateway can't judge passes:
    /// datagrams, and packets of other kinds.
    #[inline(always)]
    pub const fn rest(generation: u32) -> Self {
        Self::new(generation, u16::MAX, [0; 2], Address::NONE)
    }

    /// The key under which it says whether denials take no effect, where a cgroup's own entry does not say
    /// so.
    #[inline(always)]
    pub const fn audit(generation: u32) -> Self {
        Self::new(generation, u16::MAX, AUDIT, Address::NONE)
    }

    /// The key under which it says whether the gateway is asked for names, whatever server is meant.
    #[inline(always)]
    pub const fn names(generation: u32) -> Self {
        Self::new(generation, u16::MAX, DNS_PORT, Address::NONE)
    }

    /// Length of a key whose address counts for `bits` only, at most 128.
    pub const fn prefix(bits: u32) -> u32 {
        HEAD_BITS + bits
    }
}

codes! {
    /// What holds for a destination.
    pub enum Rule {
        /// Inside the mesh: never touched.
        Internal = 1,
        /// Goes straight to its destination.
        Allow = 2,
        /// Is refused.
        Deny = 3,
        /// Is judged by the gateway.
        Gateway = 4,
    }
}

const _: () = assert!(size_of::<Destination>() == 24 && align_of::<Destination>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_bytes_in_their_order() {
        let address = Address::from_words([1, 2, 3, 4]);
        let destination = Destination::new(7, 0x0102, [3, 4], address);
        let service = u32::from_ne_bytes([1, 2, 3, 4]);
        assert_eq!(destination.words(), [192, 7, service, 1, 2, 3, 4]);
    }
}
