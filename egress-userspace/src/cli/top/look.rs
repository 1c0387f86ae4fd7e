//! One look at the gateway, and how much has changed since the one before.

use std::time::{Duration, Instant};

use crate::answers::{Connections, Denials, Services, Status};
use crate::cli::ask::{AskError, Asker};

/// Live connections that are asked for, those with the most bytes: more than anyone reads, and what the
/// gateway tells in a millisecond.
const CONNECTIONS: &str = "/v1/connections?limit=1000&sort=bytes";
/// Denials that are asked for: as many as the gateway keeps.
const DENIALS: &str = "/v1/denied?limit=1024";

/// All that the gateway told at one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// When it had told it.
    pub(super) at: Instant,
    pub(super) status: Status,
    pub(super) services: Services,
    pub(super) connections: Connections,
    pub(super) denials: Denials,
}

impl Look {
    /// Asks for all of it at once.
    pub(super) async fn take(asker: &Asker) -> Result<Self, AskError> {
        let (status, services, connections, denials) = tokio::try_join!(
            asker.get("/v1/status"),
            asker.get("/v1/services"),
            asker.get(CONNECTIONS),
            asker.get(DENIALS),
        )?;
        Ok(Self {
            at: Instant::now(),
            status,
            services,
            connections,
            denials,
        })
    }

    /// Whether both are of the same run of a gateway, whose counters go on.
    fn continues(&self, before: &Self) -> bool {
        let run = |look: &Self| (look.status.pid, look.status.started.clone());
        run(self) == run(before)
    }
}

/// The last look, and the one before it.
#[derive(Clone, Debug)]
pub(super) struct Looks {
    pub(super) now: Look,
    before: Option<Look>,
}

impl Looks {
    /// After a first look, or one more.
    pub(super) fn after(earlier: Option<Self>, now: Look) -> Self {
        let before = earlier
            .map(|looks| looks.now)
            .filter(|before| now.continues(before));
        Self { now, before }
    }

    /// What there was before, to compare with; `None`: there was no look before this one.
    pub(super) fn before(&self) -> Option<Earlier<'_>> {
        let look = self.before.as_ref()?;
        let elapsed = self.now.at.saturating_duration_since(look.at);
        (!elapsed.is_zero()).then_some(Earlier { look, elapsed })
    }
}

/// The look before the last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier<'a> {
    pub(super) look: &'a Look,
    /// How long before.
    pub(super) elapsed: Duration,
}

impl Earlier<'_> {
    /// How much a counter has grown in a second; `None` if it has been set back.
    pub(super) fn rate(&self, before: u64, now: u64) -> Option<f64> {
        let grown = now.checked_sub(before)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate is an estimate, and f64 is exact up to 8 PiB"
        )]
        let grown = grown as f64;
        Some(grown / self.elapsed.as_secs_f64())
    }
}
