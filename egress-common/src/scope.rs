//! Which cgroups are governed, and how.

use crate::codes::codes;

/// How far down the tree a governed cgroup may lie. kind nests kubelet's tree in a container's, eight
/// levels; the walk costs one map lookup a level and ends at the caller's own.
pub const MAX_CGROUP_DEPTH: u32 = 16;

codes! {
    /// What holds for the tasks in and below a cgroup.
    pub enum Governance {
        /// They are governed as the policy says.
        Policy = 1,
        /// What is denied does not leave, whatever the policy's mode is.
        Enforce = 2,
        /// What would be denied leaves, whatever the policy's mode is.
        Audit = 3,
        /// They are not governed.
        Off = 4,
    }
}

/// A cgroup's entry. Of the entries of a task's cgroups the deepest decides.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    governance: u32,
    deepest: u32,
}

impl Scope {
    /// Makes an entry. It is the `deepest` if no cgroup below has one: then nothing else is looked at.
    #[inline(always)]
    pub const fn new(governance: Governance, deepest: bool) -> Self {
        Self {
            governance: governance.code(),
            deepest: deepest as u32,
        }
    }

    /// What holds. What this version does not know is enforced.
    #[inline(always)]
    pub const fn governance(self) -> Governance {
        match Governance::from_code(self.governance) {
            Some(governance) => governance,
            None => Governance::Enforce,
        }
    }

    /// Whether no cgroup below has an entry.
    #[inline(always)]
    pub const fn is_deepest(self) -> bool {
        self.deepest != 0
    }
}

const _: () = assert!(size_of::<Scope>() == 8 && align_of::<Scope>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_number_opens_nothing() {
        for number in [0, 5, u32::MAX] {
            let scope = Scope {
                governance: number,
                deepest: 0,
            };
            assert_eq!(scope.governance(), Governance::Enforce);
        }
    }
}
