//! The maps, as `egress_common` lays out what is in them.

use core::mem::MaybeUninit;
use core::ptr::write_volatile;

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf, SkStorage};
use aya_ebpf::macros::btf_map;
use aya_ebpf::maps::lpm_trie::Key;
use egress_common::{
    About, Address, Answerable, Asker, Counter, Destination, Early, Event, FlowKey, Governance,
    Namespace, Origin, Peer, Request, Rule, Scope, Settings, Veth, size,
};

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// Written once by user space, before anything is attached.
#[btf_map]
pub(crate) static CFG: Array<Settings, 1> = Array::new();

/// Who serves the programs. Only user space reads it.
#[btf_map]
pub(crate) static ABOUT: Array<About, 1> = Array::new();

/// Cgroup id → what holds for the tasks in and below it.
#[btf_map]
pub(crate) static SCOPE: HashMap<u64, Scope, { size::SCOPE }> = HashMap::new();

/// Network namespace's cookie → its listeners. Only user space makes entries.
#[btf_map]
pub(crate) static NETNS: HashMap<u64, Namespace, { size::NETNS }> = HashMap::new();

/// What is decided by address and port alone.
#[btf_map]
pub(crate) static DESTINATIONS: LpmTrie<Destination, u32, { size::DESTINATIONS }> = LpmTrie::new();

/// The generation of `DESTINATIONS` that holds.
#[btf_map]
pub(crate) static GENERATION: Array<u32, 1> = Array::new();

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

/// On a TCP socket: how its connection began, see `begun`.
#[btf_map]
pub(crate) static BEGUN: SkStorage<u32> = SkStorage::new();

/// Veths of governed namespaces, by the index of their host side. Only user space makes entries.
#[btf_map]
pub(crate) static VETHS: HashMap<u32, Veth, { size::VETHS }> = HashMap::new();

/// Flows that peers opened, by veth. User space makes the entries; only the programs add to them.
#[btf_map]
pub(crate) static OPENED: HashMap<u32, u64, { size::VETHS }> = HashMap::new();

/// Who may be answered. Not an LRU: it is bounded for each veth, and what is over is removed by time.
#[btf_map]
pub(crate) static PEERS: HashMap<Peer, Answerable, { size::PEERS }, NO_PREALLOC> = HashMap::new();

/// Refusals, for the access log.
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, { size::EVENTS }> = RingBuf::new();

/// What user space is to do, at once. A ring of its own: no flood of refusals delays it.
#[btf_map]
pub(crate) static REQUESTS: RingBuf<Request, { size::REQUESTS }> = RingBuf::new();

/// Who sent the last datagram from an address and port to a listener. An LRU: it is written for each
/// datagram and read a moment later, and one that others have pushed out is asked again.
#[btf_map]
pub(crate) static ASKERS: LruHashMap<Asker, Origin, { size::ASKERS }> = LruHashMap::new();

/// Process id → the number of the program that it runs, see `task`. An LRU: who is pushed out gets another number.
#[btf_map]
pub(crate) static RUNS: LruHashMap<u32, u64, { size::RUNS }> = LruHashMap::new();

/// Questions that found no listener, to be answered when there is one.
#[btf_map]
pub(crate) static EARLY: RingBuf<Early, { size::EARLY }> = RingBuf::new();

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

/// The listeners of a network namespace.
#[inline(always)]
pub(crate) fn namespace(cookie: u64) -> Option<Namespace> {
    let entry = NETNS.get_ptr(cookie)?;
    // SAFETY: a map's value stays valid memory while the program runs; one that user space replaces
    // meanwhile is read as either.
    Some(unsafe { *entry })
}

/// What holds for a destination by its address and port.
#[inline(always)]
pub(crate) fn rule(protocol: u16, port: [u8; 2], address: Address) -> Option<Rule> {
    let generation = *GENERATION.get(0)?;
    find(Destination::any(generation, address))
        .or_else(|| find(Destination::new(generation, protocol, port, address)))
}

/// What holds for the tasks in and below a cgroup, where that has an entry. Ids begin at 1; 0 is nobody's.
#[inline(always)]
pub(crate) fn scope(cgroup: u64) -> Option<Scope> {
    let entry = SCOPE.get_ptr(cgroup)?;
    // SAFETY: as in `namespace`.
    Some(unsafe { *entry })
}

/// Whether denials take no effect on what is governed so.
#[inline(always)]
pub(crate) fn is_audit(governance: Governance) -> bool {
    match governance {
        Governance::Enforce => false,
        Governance::Audit | Governance::Off => true,
        Governance::Policy => says(Destination::audit, Rule::Allow),
    }
}

/// Whether what no rule is for and the gateway can't judge passes.
#[inline(always)]
pub(crate) fn is_lenient(governance: Governance) -> bool {
    is_audit(governance) || says(Destination::rest, Rule::Allow)
}

/// Whether what may not leave by `rule` leaves all the same.
#[inline(always)]
pub(crate) fn tolerates(rule: Option<Rule>, governance: Governance) -> bool {
    match rule {
        Some(Rule::Deny) => is_audit(governance),
        _ => is_lenient(governance),
    }
}

/// Whether the gateway is asked for names, whatever server is meant.
#[inline(always)]
pub(crate) fn takes_names() -> bool {
    says(Destination::names, Rule::Gateway)
}

/// Whether what holds under a key that is no destination's is `rule`.
#[inline(always)]
fn says(key: impl Fn(u32) -> Destination, rule: Rule) -> bool {
    let generation = GENERATION.get(0).copied();
    generation.map(key).and_then(find) == Some(rule)
}

const _: () = assert!(size_of::<Key<Destination>>() == size_of::<[u32; 7]>());

#[inline(always)]
fn find(destination: Destination) -> Option<Rule> {
    let mut key = MaybeUninit::<Key<Destination>>::uninit();
    let start: *mut u32 = key.as_mut_ptr().cast();
    // Word by word, and volatile: zeros that stand side by side would be written by a call of `memset`,
    // which goes byte by byte.
    for (index, word) in destination.words().into_iter().enumerate() {
        // SAFETY: the key has room for as many words, by the assertion above.
        unsafe { write_volatile(start.wrapping_add(index), word) };
    }
    // SAFETY: all of it has been written.
    let key = unsafe { key.assume_init_ref() };
    let code = DESTINATIONS.get(key)?;
    Rule::from_code(*code)
}
