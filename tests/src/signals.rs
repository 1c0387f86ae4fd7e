//! Leaving nothing behind when the process is told to end.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::sweep;

/// What a shell reports for a process that a signal ended, less the signal's number.
const SIGNALLED: i32 = 128;

/// Whether the process is ending.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Returns only if the process is not being ended by a signal. Whoever's servers and files vanish
/// meanwhile would report failures that are none.
pub(crate) fn hold_if_ending() {
    while ENDING.load(Ordering::Relaxed) {
        thread::park();
    }
}

/// From now on an ending signal removes this process's testbeds first. Once for the whole process.
pub(crate) fn install() -> Result<()> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| watch().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

fn watch() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot catch signals")?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let Some(signal) = signals.forever().next() else {
                return;
            };
            ENDING.store(true, Ordering::Relaxed);
            eprintln!("testbed: signal {signal}: cleaning up");
            // Twice: the main thread may be in the middle of making something.
            sweep::ours();
            sweep::ours();
            process::exit(SIGNALLED + signal);
        })
        .context("cannot start a thread")?;
    Ok(())
}
