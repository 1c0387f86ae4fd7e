//! The maps, as `egress_common` lays out what is in them.

use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, PerCpuArray, RingBuf, SkStorage};
use aya_ebpf::macros::btf_map;
use egress_common::{Address, Counter, Event, FlowKey, Origin, Scope, Settings, size};

/// Written once by user space, before anything is attached.
#[btf_map]
pub(crate) static CFG: Array<Settings, 1> = Array::new();

/// Cgroup id → what holds for the tasks in and below it.
#[btf_map]
pub(crate) static SCOPE: HashMap<u64, Scope, { size::SCOPE }> = HashMap::new();

/// Prefixes inside the mesh.
#[btf_map]
pub(crate) static INTERNAL: LpmTrie<Address, u32, { size::INTERNAL }> = LpmTrie::new();

/// On a client's socket: where it was going. Freed with the socket.
#[btf_map]
pub(crate) static ORIG: SkStorage<Origin> = SkStorage::new();

/// Records between the two ends of a handshake. Not an LRU: one tenant's burst must not push out
/// another's entries; a full table loses only new connections, which are then refused.
#[btf_map]
pub(crate) static FLOWS: HashMap<FlowKey, Origin, { size::FLOWS }> = HashMap::new();

/// On the gateway's accepted socket: the client's record. User space reads it by descriptor.
#[btf_map]
pub(crate) static ACC: SkStorage<Origin> = SkStorage::new();

/// On a socket of the gateway's own: leave it alone. User space writes it by descriptor.
#[btf_map]
pub(crate) static EXEMPT: SkStorage<u32> = SkStorage::new();

/// Refusals, for the access log.
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, { size::EVENTS }> = RingBuf::new();

/// Counters, by `Counter`.
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<u64, { Counter::ALL.len() }> = PerCpuArray::new();

/// Adds one.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(cell) = COUNTERS.get_ptr_mut(counter.index()) {
        // SAFETY: the pointer is to this CPU's own cell. A program that is preempted here by another
        // that counts the same loses one, which nothing depends on.
        unsafe { *cell += 1 };
    }
}

/// The settings, if a gateway of this version wrote them.
#[inline(always)]
pub(crate) fn settings() -> Option<Settings> {
    CFG.get(0).copied().filter(Settings::is_current)
}
