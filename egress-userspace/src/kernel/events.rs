//! What the programs refuse, read from the ring buffer.

use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use egress_common::{Denied, Event};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::types::DenyReason;

use super::origins::describe;
use super::{Hierarchy, Origin};

/// How often the ring is read: the programs do not wake the reader for an event, which would cost
/// twenty times the event. The ring holds 14,000 events, 280,000 a second at this pace.
const PACE: Duration = Duration::from_millis(50);

/// The reader of the ring buffer.
pub struct Events {
    ring: RingBuf<MapData>,
    ticks: Interval,
    hierarchy: Arc<Hierarchy>,
}

/// A connection that the programs refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: DenyReason,
    /// Where it was going, and who opened it.
    pub origin: Origin,
}

impl Events {
    pub(super) fn new(ring: RingBuf<MapData>, hierarchy: Arc<Hierarchy>) -> Self {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ring,
            ticks,
            hierarchy,
        }
    }

    /// The next refusal; waits until there is one.
    pub async fn next(&mut self) -> Refusal {
        loop {
            if let Some(refusal) = self.read() {
                return refusal;
            }
            self.ticks.tick().await;
        }
    }

    fn read(&mut self) -> Option<Refusal> {
        while let Some(record) = self.ring.next() {
            let event = Event::parse(&record);
            // The version check at load leaves no other records than these.
            if let Some((denied, event)) = event.and_then(|e| Some((e.denied()?, e))) {
                let origin = describe(event.origin(), &self.hierarchy);
                return Some(Refusal {
                    reason: reason(denied),
                    origin,
                });
            }
        }
        None
    }
}

fn reason(denied: Denied) -> DenyReason {
    match denied {
        Denied::Unconfigured => DenyReason::KernelUnconfigured,
        Denied::ForeignNamespace => DenyReason::ForeignNamespace,
        Denied::OwnListener => DenyReason::OwnListener,
        Denied::LinkLocal => DenyReason::LinkLocal,
        Denied::NoMemory => DenyReason::KernelMemory,
    }
}
