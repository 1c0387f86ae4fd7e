//! Connections in a network namespace that has no listener yet: they wait, and user space makes one.

use egress_common::{Origin, Request};

use crate::maps::{REQUESTS, namespace};

/// Wakes the reader at once: a connection waits.
const BPF_RB_FORCE_WAKEUP: u64 = 2;

/// Asks for listeners in the namespace of a redirected socket. A ring that is full loses the request,
/// which the next SYN makes again.
#[inline(always)]
pub(crate) fn ask(origin: &Origin) {
    if let Some(mut record) = REQUESTS.reserve(0) {
        let task = origin.task();
        record.write(Request::new(origin.netns(), task.cgroup(), task.pid()));
        record.submit(BPF_RB_FORCE_WAKEUP);
    }
}

/// Whether a SYN to `port`, in network order, of a redirected socket finds the listener there.
#[inline(always)]
pub(crate) fn is_served(origin: &Origin, port: [u8; 2]) -> bool {
    namespace(origin.netns()).is_some_and(|namespace| namespace.serves(port))
}
