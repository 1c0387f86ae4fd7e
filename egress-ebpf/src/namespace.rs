//! Connections in a network namespace that has no listener yet: they wait, and user space makes one.

use egress_common::{Origin, Request, Task};

use crate::maps::{REQUESTS, namespace};
use crate::task;

/// Wakes the reader at once: a connection waits.
const BPF_RB_FORCE_WAKEUP: u64 = 2;

/// Asks for listeners in the namespace of a redirected socket. A ring that is full loses the request,
/// which the next SYN makes again.
#[inline(always)]
pub(crate) fn ask(origin: &Origin) {
    ask_for(origin.netns(), origin.task());
}

/// Asks for listeners in a namespace that a task has just made a socket in, unless it has them.
#[inline(always)]
pub(crate) fn foresee(netns: u64) {
    if namespace(netns).is_none() {
        ask_for(netns, &task::current());
    }
}

/// Asks for listeners where a task is; `netns` is 0 where the cookie can't be told.
#[inline(always)]
pub(crate) fn ask_for(netns: u64, task: &Task) {
    if let Some(mut record) = REQUESTS.reserve(0) {
        record.write(Request::new(netns, task.cgroup(), task.pid()));
        record.submit(BPF_RB_FORCE_WAKEUP);
    }
}

/// Whether what a redirected socket sends to `port`, in network order, finds the listener there.
#[inline(always)]
pub(crate) fn is_served(origin: &Origin, port: [u8; 2]) -> bool {
    namespace(origin.netns()).is_some_and(|namespace| namespace.serves(port))
}
