//! What the kernel programs ask user space for.

/// A connection waits for listeners in a namespace that has none. One record of the requests' ring.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Request {
    netns: u64,
    cgroup: u64,
    pid: u32,
    pad: u32,
}

impl Request {
    /// Makes a record: the namespace's cookie, 0 if it can't be told, and a task that is in it, with its
    /// cgroup.
    #[inline(always)]
    pub const fn new(netns: u64, cgroup: u64, pid: u32) -> Self {
        Self {
            netns,
            cgroup,
            pid,
            pad: 0,
        }
    }

    /// The namespace's cookie, if it could be told.
    pub const fn netns(&self) -> Option<u64> {
        match self.netns {
            0 => None,
            cookie => Some(cookie),
        }
    }

    /// The asking task's cgroup.
    #[inline(always)]
    pub const fn cgroup(&self) -> u64 {
        self.cgroup
    }

    /// The asking task's process id.
    #[inline(always)]
    pub const fn pid(&self) -> u32 {
        self.pid
    }
}

const _: () = assert!(size_of::<Request>() == 24 && align_of::<Request>() == 8);
