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
///
/// Nobody gives it a number between the look and the removal: who could is a thread of its own, whose end is still to
/// come, and a program begins when there is no other thread.
#[inline(always)]
pub(crate) fn forget() {
    let pid = pid();
    // There being nothing to forget is the usual case, and takes no lock.
    let Some(run) = RUNS.get_ptr_mut(pid) else {
        return;
    };
    // Some kernels fail to remove where the lock is held up: then it is nobody's number.
    // SAFETY: a map's value stays valid memory while the program runs. If it is another's by now, that one is looked for
    // again.
    unsafe { *run = 0 };
    let _ = RUNS.remove(pid);
}

#[inline(always)]
fn described(pid: u32, run: u64) -> Task {
    // SAFETY: a helper without arguments.
    let cgroup = unsafe { bpf_get_current_cgroup_id() };
    Task::new(cgroup, pid, low(bpf_get_current_uid_gid()), run)
}

/// The number of what the current process runs; 0: it has none for now.
#[inline(always)]
fn run(pid: u32) -> u64 {
    if let Some(run) = RUNS.get_ptr(pid) {
        // It may be another's by now, whose process id user space does not find beside it.
        // SAFETY: a map's value stays valid memory while the program runs.
        return unsafe { *run };
    }
    // The same process gets no two within a nanosecond.
    // SAFETY: a helper without arguments.
    let run = unsafe { bpf_ktime_get_ns() };
    // Where another of its threads was faster, or there is no room, this record has none.
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
