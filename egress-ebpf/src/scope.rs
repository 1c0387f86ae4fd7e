//! Who is governed, and how.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{
    bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_skb_ancestor_cgroup_id,
    bpf_skb_cgroup_id,
};
use egress_common::{Governance, MAX_CGROUP_DEPTH, Scope, Settings};

use crate::maps;

/// How the current task is governed; `None`: it is not, or it is a gateway itself.
///
/// By the task and not by the socket: a socket's cgroup is its creator's, and a socket can be handed
/// to a process elsewhere.
#[inline(always)]
pub(crate) fn of_task(settings: &Settings) -> Option<Governance> {
    // SAFETY: a helper without arguments.
    let own = unsafe { bpf_get_current_cgroup_id() };
    // SAFETY: a helper that takes a number; a level below the task's own gives 0.
    let ancestor = |level| unsafe { bpf_get_current_ancestor_cgroup_id(level) };
    if settings.is_gateways(own) {
        return None;
    }
    governed(decisive(settings, own, ancestor))
}

/// How the socket of a packet is governed, by the cgroup that it was made in; `None`: it is not, or a gateway
/// made it.
///
/// Packets are sent from anywhere, interrupts included: here only the socket tells whose they are.
#[inline(always)]
pub(crate) fn of_packet(settings: &Settings, skb: *mut __sk_buff) -> Option<Governance> {
    // SAFETY: the hook's packet; one without a full socket gives 0.
    let own = unsafe { bpf_skb_cgroup_id(skb) };
    // SAFETY: as above; a level below the socket's own gives 0.
    let ancestor = |level| unsafe { bpf_skb_ancestor_cgroup_id(skb, level) };
    if own == 0 || settings.is_gateways(own) {
        return None;
    }
    governed(decisive(settings, own, ancestor))
}

/// How what comes out of a pod's namespace is governed, by the pod's own entry; one that has none is governed
/// as the policy says. `None`: it is not.
#[inline(always)]
pub(crate) fn of_pod(cgroup: u64) -> Option<Governance> {
    match maps::scope(cgroup) {
        Some(entry) => governed(Some(entry)),
        None => Some(Governance::Policy),
    }
}

#[inline(always)]
fn governed(entry: Option<Scope>) -> Option<Governance> {
    match entry?.governance() {
        Governance::Off => None,
        governance => Some(governance),
    }
}

/// The deepest entry. Of most that are governed one look-up tells, at the level of pods; where that does not, it
/// is looked in the cgroup itself, and then from the root down, for its own level is not known.
#[inline(always)]
fn decisive(settings: &Settings, own: u64, ancestor: impl Fn(i32) -> u64) -> Option<Scope> {
    let level = settings.level();
    let likely = if level == 0 {
        own
    } else {
        ancestor(level.cast_signed())
    };
    if likely != 0
        && let Some(entry) = maps::scope(likely)
        && (entry.is_deepest() || likely == own)
    {
        return Some(entry);
    }
    if likely != own
        && let Some(entry) = maps::scope(own)
    {
        return Some(entry);
    }
    let mut found = None;
    for level in 0..MAX_CGROUP_DEPTH {
        let id = ancestor(level.cast_signed());
        if id == own || id == 0 {
            break;
        }
        if let Some(entry) = maps::scope(id) {
            found = Some(entry);
            if entry.is_deepest() {
                break;
            }
        }
    }
    found
}
