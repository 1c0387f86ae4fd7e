//! Prints what the programs trace, for work on the programs themselves.

use std::time::Duration;

use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::time::interval;
use tracing::warn;

/// How often the traces are read: at once, to a person's eye.
const PACE: Duration = Duration::from_millis(50);

/// Hands trace records to the diagnostics as they come. An object built without them has none.
pub(super) fn start(ebpf: &mut Ebpf) {
    match EbpfLogger::init(ebpf) {
        Ok(mut reader) => {
            tokio::spawn(async move {
                let mut ticks = interval(PACE);
                loop {
                    ticks.tick().await;
                    reader.flush();
                }
            });
        }
        Err(error) => warn!(%error, "no traces: build the object with --debug-log"),
    }
}
