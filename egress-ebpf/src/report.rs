//! Tells user space of a refusal.

use egress_common::{Counter, Denied, Event, Origin};

use crate::maps::{EVENTS, count};

/// The reader looks at the ring by a timer: a wake-up for each event would cost twenty times the event.
const BPF_RB_NO_WAKEUP: u64 = 1;

/// Queues an event; a full ring counts it as lost.
#[inline(always)]
pub(crate) fn denied(denied: Denied, origin: Origin) {
    count(Counter::Denied);
    let Some(mut record) = EVENTS.reserve(0) else {
        count(Counter::EventLost);
        return;
    };
    record.write(Event::new(denied, origin));
    record.submit(BPF_RB_NO_WAKEUP);
}
