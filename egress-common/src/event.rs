//! What the kernel programs report.

use crate::{Denied, Origin};

/// In the place of a reason: there is none.
const PASSED: u32 = 0;
/// In the place of a reason: the connection is older than the programs, and goes on.
const BEFORE: u32 = u32::MAX;

/// A decision that was the kernel's, one record of the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Event {
    denied: u32,
    protocol: u16,
    pad: u16,
    origin: Origin,
}

impl Event {
    /// A connection that goes straight to its destination. `protocol` is `IPPROTO_*`.
    #[inline(always)]
    pub const fn passed(protocol: u16, origin: Origin) -> Self {
        Self {
            denied: PASSED,
            protocol,
            pad: 0,
            origin,
        }
    }

    /// A connection from before the programs that goes on. `protocol` is `IPPROTO_*`.
    #[inline(always)]
    pub const fn before(protocol: u16, origin: Origin) -> Self {
        Self {
            denied: BEFORE,
            protocol,
            pad: 0,
            origin,
        }
    }

    /// Whether it is a connection from before the programs that goes on.
    pub const fn is_before(&self) -> bool {
        self.denied == BEFORE
    }

    /// Whether it was let through.
    pub const fn is_passed(&self) -> bool {
        self.denied == PASSED
    }

    /// A refusal. `protocol` is `IPPROTO_*`.
    #[inline(always)]
    pub const fn refused(denied: Denied, protocol: u16, origin: Origin) -> Self {
        Self {
            denied: denied.code(),
            protocol,
            pad: 0,
            origin,
        }
    }

    /// Why it was refused; `None`: it was not, or for a reason that this version does not know.
    pub const fn denied(&self) -> Option<Denied> {
        Denied::from_code(self.denied)
    }

    /// `IPPROTO_*` of the socket or packet.
    pub const fn protocol(&self) -> u16 {
        self.protocol
    }

    /// Where the connection was going, and who opened it.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

const _: () = assert!(size_of::<Event>() == 64 && align_of::<Event>() == 8);
