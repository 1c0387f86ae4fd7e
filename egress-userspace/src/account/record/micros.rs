//! How long a stage took, in as few bytes as the log needs.

use std::time::Duration;

/// Microseconds, as the log has them; what takes longer than 71 minutes, as no stage does, reads as that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Micros(u32);

impl From<Duration> for Micros {
    fn from(duration: Duration) -> Self {
        let nearest = duration.saturating_add(Duration::from_nanos(500));
        Self(u32::try_from(nearest.as_micros()).unwrap_or(u32::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(micros: Micros) -> Self {
        Self::from_micros(micros.0.into())
    }
}
