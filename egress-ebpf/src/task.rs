//! The current task, as user space will want to name it.

use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;
use aya_ebpf::helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use egress_common::{COMM_LEN, Task};

/// Describes the task that called the hook.
#[inline(always)]
pub(crate) fn current() -> Task {
    // SAFETY: a helper without arguments.
    let cgroup = unsafe { bpf_get_current_cgroup_id() };
    // The helper fails only for a wrong size.
    let comm = bpf_get_current_comm().unwrap_or([0; COMM_LEN]);
    Task::new(
        cgroup,
        high(bpf_get_current_pid_tgid()),
        low(bpf_get_current_uid_gid()),
        comm,
    )
}

/// The thread group id, what user space calls the process id.
#[inline(always)]
const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

/// The real user id.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is what is wanted"
)]
const fn low(word: u64) -> u32 {
    word as u32
}
