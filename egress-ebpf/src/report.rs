//! Tells user space of what was decided without it.

use egress_common::{Counter, Denied, Event, Origin};

use crate::maps::{EVENTS, count};

/// The reader looks at the ring by a timer: a wake-up for each event would cost twenty times the event.
const BPF_RB_NO_WAKEUP: u64 = 1;

/// A refusal.
#[inline(always)]
pub(crate) fn denied(denied: Denied, protocol: u16, origin: Origin) {
    count(Counter::Denied);
    queue(Event::refused(denied, protocol, origin));
}

/// A connection that goes straight to its destination.
#[inline(always)]
pub(crate) fn passed(protocol: u16, origin: Origin) {
    queue(Event::passed(protocol, origin));
}

/// A connection from before the programs that goes on.
#[inline(always)]
pub(crate) fn before(protocol: u16, origin: Origin) {
    queue(Event::before(protocol, origin));
}

/// Queues an event; a full ring counts it as lost.
#[inline(always)]
fn queue(event: Event) {
    let Some(mut record) = EVENTS.reserve(0) else {
        count(Counter::EventLost);
        return;
    };
    record.write(event);
    record.submit(BPF_RB_NO_WAKEUP);
}
