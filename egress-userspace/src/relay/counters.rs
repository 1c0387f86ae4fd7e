//! How many bytes a relay has moved, readable while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes written to each side, or about to be, within the moment in which messages gather. When the relay has ended they
/// are exact, after an error too.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

impl Counters {
    /// Bytes of the client that were written upstream.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes of the upstream that were written to the client.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}
