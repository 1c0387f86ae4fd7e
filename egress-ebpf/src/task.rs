//! The current task, as user space will want to name it.
//!
//! What a process runs is a path, which only user space can find. So that it need not look each time, a process has a
//! number from the first call that is recorded of it until it runs another program or any of its threads ends: then
//! another process may have its id.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_ns};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use egress_common::Task;

use crate::maps::RUNS;

/// Describes the task that called the hook, for a record.
#[inline(always)]
pub(crate) fn recorded() -> Task {
    let pid = pid();
    described(pid, run(pid))
}

/// Describes the task for who does not ask what it runs.
#[inline(always)]
pub(crate) fn current() -> Task {
    described(pid(), 0)
}

/// Forgets what the current process runs.
#[inline(always)]
pub(crate) fn forget() {
    // There being nothing to forget is the usual case.
    let _ = RUNS.remove(pid());
}

#[inline(always)]
fn described(pid: u32, run: u64) -> Task {
    // SAFETY: a helper without arguments.
    let cgroup = unsafe { bpf_get_current_cgroup_id() };
    Task::new(cgroup, pid, low(bpf_get_current_uid_gid()), run)
}

/// The number of what the current process runs; 0: it can't have one.
#[inline(always)]
fn run(pid: u32) -> u64 {
    if let Some(run) = RUNS.get_ptr(pid) {
        // SAFETY: a map's value stays valid memory while the program runs; these are never changed.
        return unsafe { *run };
    }
    // A process is given no two at one time.
    // SAFETY: a helper without arguments.
    let run = unsafe { bpf_ktime_get_ns() };
    // Where another of its threads was faster, or there is no memory, this record has none.
    match RUNS.insert(pid, run, BPF_NOEXIST.into()) {
        Ok(()) => run,
        Err(_) => 0,
    }
}

/// The thread group id, what user space calls the process id.
#[inline(always)]
fn pid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
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
