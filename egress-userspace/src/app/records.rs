//! Where connections are recorded, from the first to the last.

use std::io;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

#[cfg(feature = "otel")]
use crate::account::Telemetry;
use crate::account::{AccessLog, Account, LogWriter, Metrics};
use crate::config::Config;
use crate::settings;

use super::observe::Observed;

/// The hold on what writes records down.
pub(super) struct Writers {
    log: LogWriter,
    #[cfg(feature = "otel")]
    telemetry: Option<Telemetry>,
}

impl Writers {
    /// Begins to record.
    pub(super) fn start(
        config: &Config,
        metrics: &Arc<Metrics>,
        observed: &Observed,
    ) -> anyhow::Result<(Account, Self)> {
        let destination = settings::log(config);
        let queue = config.access_log.queue as usize;
        let (lines, log) =
            AccessLog::open(&destination, queue, metrics).context("opening the access log")?;
        observed.log.get_or_init(|| lines.clone());
        reopen_on_hangup(lines.clone()).context("waiting for SIGHUP")?;
        #[cfg(feature = "otel")]
        let (lines, telemetry) = match settings::otel(config) {
            Some(settings) => {
                let started = Telemetry::start(&settings, lines, metrics);
                let (lines, telemetry) = started.context("starting the export of telemetry")?;
                (lines, Some(telemetry))
            }
            None => (lines, None),
        };
        let account = Account::new(Arc::clone(metrics), lines);
        account.sample(config.access_log.sample.share());
        let writers = Self {
            log,
            #[cfg(feature = "otel")]
            telemetry,
        };
        Ok((account, writers))
    }

    /// Writes what is left: the log first, which waits for no collector.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let finished = self.log.finish().await;
        #[cfg(feature = "otel")]
        if let Some(telemetry) = self.telemetry {
            telemetry.finish().await;
        }
        finished.context("writing the last lines of the access log")
    }
}

/// Whoever moves the log away tells it by the signal that also has the configuration read. The log does not
/// wait for that, nor for connections that are drained.
fn reopen_on_hangup(log: AccessLog) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            log.reopen();
        }
    });
    Ok(())
}
