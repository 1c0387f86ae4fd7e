//! The contract between the gateway's kernel programs and its user space: what lies in each map.
//!
//! Every type here has one layout on both sides: `repr(C)`, explicit padding, network values as
//! big-endian bytes, and no `bool`, `enum` or `Option`, whose bit patterns a map does not promise.
//! A change to any of them changes [`ABI_VERSION`].

#![cfg_attr(not(feature = "user"), no_std)]
#![expect(
    clippy::inline_always,
    reason = "a BPF call passes five registers: a call left in place would not pass the verifier"
)]

mod address;
mod counter;
mod denied;
mod event;
mod flow;
mod origin;
mod scope;
mod settings;
#[cfg(feature = "user")]
mod user;

pub use address::Address;
pub use counter::Counter;
pub use denied::Denied;
pub use event::Event;
pub use flow::FlowKey;
pub use origin::{COMM_LEN, Origin, Task};
pub use scope::{MAX_CGROUP_DEPTH, Scope};
pub use settings::Settings;

/// Version of everything in this crate. The object carries it, and the gateway refuses another.
pub const ABI_VERSION: u32 = 1;

/// ELF section of the object that holds [`ABI_VERSION`], four bytes in the target's order.
pub const ABI_SECTION: &str = "egress_abi";

/// Size of each map, with its reason. A test adds up what they cost.
pub mod size {
    /// Governed cgroups: a node runs hundreds of pods; one entry each for ten thousand is plenty.
    pub const SCOPE: usize = 16_384;
    /// Handshakes under way at one moment. An entry lives from the client's to the gateway's side of
    /// one loopback handshake, microseconds, so this bounds a burst, not connections.
    pub const FLOWS: usize = 65_536;
    /// Prefixes inside the mesh: pod, service and node ranges of every cluster in reach.
    pub const INTERNAL: usize = 16_384;
    /// Bytes of ring buffer: 13,000 events of 80 bytes, each with the ring's own eight.
    pub const EVENTS: usize = 1 << 20;
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use super::*;

    /// What the kernel adds to a hash element: list node, hash, and rounding (`struct htab_elem`).
    const HASH_ELEMENT: usize = 48;

    #[test]
    fn the_maps_together_take_less_than_16_mib() {
        let hash = |entries, key, value| entries * (HASH_ELEMENT + key + value);
        let fixed = hash(size::SCOPE, size_of::<u64>(), size_of::<Scope>())
            + hash(size::FLOWS, size_of::<FlowKey>(), size_of::<Origin>())
            + size::EVENTS;
        assert!(fixed < 16 << 20, "{fixed} bytes");
    }
}
