//! Whether the current task is governed.

use aya_ebpf::helpers::generated::{bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id};
use egress_common::{MAX_CGROUP_DEPTH, Settings};

use crate::maps::SCOPE;

/// Whether the task is in or below a governed cgroup, and is not the gateway itself.
///
/// By the task and not by the socket: a socket's cgroup is its creator's, and a socket can be handed
/// to a process elsewhere.
#[inline(always)]
pub(crate) fn governs(settings: &Settings) -> bool {
    // SAFETY: a helper without arguments.
    let own = unsafe { bpf_get_current_cgroup_id() };
    if own == settings.gateway_cgroup() {
        return false;
    }
    for level in 0..MAX_CGROUP_DEPTH {
        // SAFETY: a helper that takes a number; a level below the task's own gives 0.
        let id = unsafe { bpf_get_current_ancestor_cgroup_id(level.cast_signed()) };
        if id == 0 {
            break;
        }
        if SCOPE.get_ptr(id).is_some() {
            return true;
        }
    }
    false
}
