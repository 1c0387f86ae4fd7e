//! What is known of a question to a DNS server beside its text.

use crate::{Address, Origin};

/// The port of DNS servers, in network order.
pub const DNS_PORT: [u8; 2] = 53_u16.to_be_bytes();

/// The longest question that is kept for a listener that is not there yet: what DNS had room for before
/// it was extended (RFC 1035 section 4.2.1). Questions, unlike answers, are seldom half as long.
///
/// A power of two, so that the verifier understands the bound.
pub const EARLY_LEN: u32 = 512;

/// Where a datagram to the gateway's listener comes from: the name under which it is known who asks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    netns: u64,
    address: Address,
    port: [u8; 2],
    pad: [u8; 6],
}

impl Asker {
    /// Makes a key. `port` is in network order, `netns` the cookie of the socket's namespace.
    #[inline(always)]
    pub const fn new(netns: u64, address: Address, port: [u8; 2]) -> Self {
        Self {
            netns,
            address,
            port,
            pad: [0; 6],
        }
    }

    /// Cookie of the network namespace that the socket is in.
    #[inline(always)]
    pub const fn netns(&self) -> u64 {
        self.netns
    }

    /// The address that the datagram comes from.
    #[inline(always)]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The port that it comes from, in network order.
    #[inline(always)]
    pub const fn port(&self) -> [u8; 2] {
        self.port
    }
}

/// A question that found no listener, with who asked. One record of its ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Early {
    origin: Origin,
    address: Address,
    port: [u8; 2],
    length: u16,
    pad: u32,
    payload: [u8; EARLY_LEN as usize],
}

impl Early {
    /// Makes a record without its text, which is `length` bytes.
    #[inline(always)]
    pub const fn head(origin: Origin, asker: &Asker, length: u16) -> EarlyHead {
        EarlyHead {
            origin,
            address: asker.address,
            port: asker.port,
            length,
            pad: 0,
        }
    }

    /// The server that was asked, and who asked it.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where it came from.
    pub const fn asker(&self) -> Asker {
        Asker::new(self.origin.netns(), self.address, self.port)
    }

    /// The datagram; `None`: its length is none that there can be.
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.get(..self.length.into())
    }
}

/// What stands before the text of an [`Early`]: the programs write the two one after the other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyHead {
    origin: Origin,
    address: Address,
    port: [u8; 2],
    length: u16,
    pad: u32,
}

const _: () = assert!(size_of::<Asker>() == 32 && align_of::<Asker>() == 8);
const _: () = assert!(size_of::<EarlyHead>() == 80 && align_of::<EarlyHead>() == 8);
const _: () = assert!(size_of::<Early>() == size_of::<EarlyHead>() + EARLY_LEN as usize);
const _: () = assert!(EARLY_LEN.is_power_of_two());
