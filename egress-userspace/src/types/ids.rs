//! Identifiers.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A connection, counted from the gateway's start.
    ConnId
}
id! {
    /// A cgroup v2 directory: its kernfs id, which the kernel never uses twice.
    CgroupId
}
id! {
    /// A policy, counted from 1: each one that took effect has the next number.
    Generation
}
