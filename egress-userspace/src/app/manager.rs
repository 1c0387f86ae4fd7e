//! What the service manager is told, by `sd_notify(3)`; nothing, where none has asked to be.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, interval};
use tracing::warn;

use crate::types::Generation;

/// The manager's watchdog, if it has one: it takes a gateway that is silent for too long for one that hangs.
/// The default is none.
#[derive(Debug, Default)]
pub(super) struct Watchdog(Option<Due>);

/// When it is to be told.
#[derive(Debug)]
struct Due {
    /// How often: half of the time after which it acts, as `sd_watchdog_enabled(3)` advises.
    period: Duration,
    next: Instant,
}

impl Watchdog {
    /// The one that this process's environment tells of.
    pub(super) fn new() -> Self {
        Self(sd_notify::watchdog_enabled().map(|limit| Due {
            period: limit / 2,
            next: Instant::now(),
        }))
    }

    /// The main loop is alive. To be called often; the manager is told as often as it wants to be.
    pub(super) fn alive(&mut self) {
        let now = Instant::now();
        if let Some(due) = self.0.as_mut().filter(|due| due.next <= now) {
            due.next = now + due.period;
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// Says so every so often, for as long as it is waited for.
    pub(super) async fn keep_alive(&mut self, often: Duration) {
        let mut often = interval(often);
        loop {
            often.tick().await;
            self.alive();
        }
    }
}

/// Programs are attached, listeners serve, and this policy is in force.
pub(super) fn ready(services: usize, generation: Generation) {
    let status = format!("ready: {services} services, policy {}", generation.0);
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The configuration is being read again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[
            NotifyState::Reloading,
            now,
            NotifyState::Status("reading the configuration again"),
        ]),
        Err(error) => warn!(%error, "cannot read the clock"),
    }
}

/// It was wrong: this policy stays in force.
pub(super) fn refused(generation: Generation) {
    let status = format!(
        "ready, but the configuration was refused: policy {} stays in force, the log says why",
        generation.0
    );
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// From now on this process is the service; it has just been ready, and its own word for it is heard
/// only from now on.
pub(super) fn succeeded_by(pid: u32) {
    tell(&[
        NotifyState::MainPid(pid),
        NotifyState::Ready,
        NotifyState::Watchdog,
        NotifyState::Status("ready: has taken over"),
    ]);
}

/// The successor that was started has ended: this gateway goes on, with this policy.
pub(super) fn not_succeeded(generation: Generation) {
    let status = format!(
        "ready: policy {}; the successor could not take over, the log says why",
        generation.0
    );
    tell(&[NotifyState::Status(&status)]);
}

/// The gateway ends, when these connections have.
pub(super) fn stopping(connections: usize) {
    let status = format!("ending: {connections} connections when it began");
    tell(&[NotifyState::Stopping, NotifyState::Status(&status)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "cannot tell the service manager");
    }
}
