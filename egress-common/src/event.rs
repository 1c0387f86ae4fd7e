//! What the kernel programs report.

use crate::{Denied, Origin};

/// A refusal in the kernel, one record of the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Event {
    denied: u32,
    pad: u32,
    origin: Origin,
}

impl Event {
    /// Makes a record.
    #[inline(always)]
    pub const fn new(denied: Denied, origin: Origin) -> Self {
        Self {
            denied: denied.code(),
            pad: 0,
            origin,
        }
    }

    /// Why; `None`: a reason that this version does not know.
    pub const fn denied(&self) -> Option<Denied> {
        Denied::from_code(self.denied)
    }

    /// Where the connection was going, and who opened it.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

const _: () = assert!(size_of::<Event>() == 72 && align_of::<Event>() == 8);
