//! Which cgroups are governed.

/// How far down the tree a governed cgroup may lie. kind nests kubelet's tree in a container's, eight
/// levels; the walk costs one map lookup a level and ends at the caller's own.
pub const MAX_CGROUP_DEPTH: u32 = 16;

/// What holds for the tasks in and below a cgroup.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    governed: u32,
}

impl Scope {
    /// Outbound connections are turned to the gateway.
    pub const GOVERNED: Self = Self { governed: 1 };
}

const _: () = assert!(size_of::<Scope>() == 4);
