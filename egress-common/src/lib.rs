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

mod about;
mod address;
mod codes;
mod counter;
mod denied;
mod destination;
mod dns;
mod event;
mod flow;
mod inbound;
mod namespace;
mod origin;
pub mod protocol;
mod request;
mod scope;
mod settings;
#[cfg(feature = "user")]
mod user;

pub use about::{About, VERSION_LEN};
pub use address::Address;
pub use counter::Counter;
pub use denied::Denied;
pub use destination::{Destination, Rule};
pub use dns::{Asker, DNS_PORT, EARLY_LEN, Early, EarlyHead};
pub use event::Event;
pub use flow::FlowKey;
pub use inbound::{Answerable, Peer, Step, Veth};
pub use namespace::Namespace;
pub use origin::{Origin, Task};
pub use request::Request;
pub use scope::{Governance, MAX_CGROUP_DEPTH, Scope};
pub use settings::{Established, LISTEN_PORTS, Settings, SocketKind};

/// Version of everything in this crate. The object carries it, and the gateway refuses another.
pub const ABI_VERSION: u32 = 8;

/// ELF section of the object that holds [`ABI_VERSION`], four bytes in the target's order.
pub const ABI_SECTION: &str = "egress_abi";

/// Size of each map, with its reason. A test adds up what they cost.
pub mod size {
    /// Governed cgroups: a node runs hundreds of pods, a large one some thousand; one entry each for ten
    /// thousand is plenty, and takes 1 MiB.
    pub const SCOPE: usize = 16_384;
    /// Handshakes under way at one moment. An entry lives from the client's to the gateway's side of
    /// one loopback handshake, microseconds, so this bounds a burst, not connections.
    pub const FLOWS: usize = 65_536;
    /// Prefixes that the kernel decides by: 100,000 of a policy, beside those of the one before it.
    pub const DESTINATIONS: usize = 262_144;
    /// Network namespaces with listeners: one a pod, and some that pods make for themselves.
    pub const NETNS: usize = 8_192;
    /// Devices that lead into governed namespaces: one each, rarely more.
    pub const VETHS: usize = NETNS;
    /// Flows that peers outside have opened into one governed namespace. A server takes some sixty new
    /// connections a second for ever at this, for an ended one is kept for a minute.
    pub const PEERS_PER_VETH: usize = 4_096;
    /// All those flows: what outsiders flood 64 namespaces with leaves room for another. An element is
    /// allocated when it is needed; the table of buckets is there from the start.
    pub const PEERS: usize = 64 * PEERS_PER_VETH;
    /// Bytes of ring buffer: 14,000 events of 72 bytes, the ring's own eight among them.
    pub const EVENTS: usize = 1 << 20;
    /// Bytes of ring buffer: 2,000 requests. One that is lost is made again by the next SYN.
    pub const REQUESTS: usize = 1 << 16;
    /// Questions to DNS servers that are on their way through loopback at one moment. Each is looked up as
    /// soon as it is read; one that others have pushed out meanwhile is asked again.
    pub const ASKERS: usize = 8_192;
    /// Processes that connect. One that others have pushed out gets another number when it connects again.
    pub const RUNS: usize = 8_192;
    /// Bytes of ring buffer: 100 questions of 600 bytes, that wait a millisecond each for a listener.
    pub const EARLY: usize = 1 << 16;
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;

    use super::*;

    /// What the kernel adds to a hash element: list node, hash, and rounding (`struct htab_elem`).
    const HASH_ELEMENT: usize = 48;

    /// The kernel's hash table has a list head and a lock for each entry that there may be.
    const BUCKET: usize = 16;

    #[test]
    fn the_maps_together_take_less_than_21_mib() {
        let hash = |entries, key, value| entries * (HASH_ELEMENT + key + value);
        let fixed = hash(size::SCOPE, size_of::<u64>(), size_of::<Scope>())
            + hash(size::FLOWS, size_of::<FlowKey>(), size_of::<Origin>())
            + hash(size::NETNS, size_of::<u64>(), size_of::<Namespace>())
            + 2 * hash(size::VETHS, size_of::<u32>(), size_of::<Veth>())
            + size::PEERS * BUCKET
            + hash(size::ASKERS, size_of::<Asker>(), size_of::<Origin>())
            + hash(size::RUNS, size_of::<u32>(), size_of::<u64>())
            + size::EVENTS
            + size::REQUESTS
            + size::EARLY;
        assert!(fixed < 21 << 20, "{fixed} bytes");
    }
}
