//! Who is governed.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{
    bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_skb_ancestor_cgroup_id,
    bpf_skb_cgroup_id,
};
use egress_common::{MAX_CGROUP_DEPTH, Settings};

use crate::maps::SCOPE;

/// Whether the current task is in or below a governed cgroup, and is not a gateway itself.
///
/// By the task and not by the socket: a socket's cgroup is its creator's, and a socket can be handed
/// to a process elsewhere.
#[inline(always)]
pub(crate) fn governs_task(settings: &Settings) -> bool {
    // SAFETY: a helper without arguments.
    let own = unsafe { bpf_get_current_cgroup_id() };
    // SAFETY: a helper that takes a number; a level below the task's own gives 0.
    let ancestor = |level| unsafe { bpf_get_current_ancestor_cgroup_id(level) };
    !settings.is_gateways(own) && is_governed(own, ancestor)
}

/// Whether the packet's socket was made in or below a governed cgroup, and not by a gateway.
///
/// Packets are sent from anywhere, interrupts included: here only the socket tells whose they are.
#[inline(always)]
pub(crate) fn governs_packet(settings: &Settings, skb: *mut __sk_buff) -> bool {
    // SAFETY: the hook's packet; one without a full socket gives 0.
    let own = unsafe { bpf_skb_cgroup_id(skb) };
    // SAFETY: as above; a level below the socket's own gives 0.
    let ancestor = |level| unsafe { bpf_skb_ancestor_cgroup_id(skb, level) };
    own != 0 && !settings.is_gateways(own) && is_governed(own, ancestor)
}

/// The cgroup itself comes first, which is often what a scope names: of most, one look-up tells.
#[inline(always)]
fn is_governed(own: u64, ancestor: impl Fn(i32) -> u64) -> bool {
    if SCOPE.get_ptr(own).is_some() {
        return true;
    }
    for level in 0..MAX_CGROUP_DEPTH {
        let id = ancestor(level.cast_signed());
        if id == own || id == 0 {
            break;
        }
        if SCOPE.get_ptr(id).is_some() {
            return true;
        }
    }
    false
}
