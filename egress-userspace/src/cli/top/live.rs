//! The live view on a terminal: takes it, draws until it is quit, and gives it back whatever happens.

use std::thread;
use std::time::Instant;

use anyhow::Context;
use ratatui::crossterm::event::{self, Event};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::keys::Then;
use super::look::Look;
use super::screen::Screen;
use super::view::View;
use crate::cli::ask::{AskError, Asker};

/// Keys that wait while the screen is drawn: more than anyone types in that time.
const KEYS: usize = 64;

/// Shows the view until it is quit or a signal ends it.
pub(super) async fn run(asker: &Asker, mut view: View) -> anyhow::Result<()> {
    let mut stop = Stop::new().context("waiting for signals")?;
    // Before the terminal is touched: what has been done to it is undone also if not all can be.
    let _given_back = GivenBack;
    let mut terminal = ratatui::try_init().context("the terminal can't be used")?;
    let mut events = events();
    let (mut looks, _looking) = looks(asker.clone(), &view);
    let mut screen = Screen::default();
    loop {
        terminal
            .draw(|frame| screen.draw(&view, Instant::now(), frame))
            .context("the terminal can't be written")?;
        tokio::select! {
            event = events.recv() => match event.context("the terminal can't be read")? {
                Event::Key(key) if view.press(key) == Then::Quit => return Ok(()),
                // The size of the terminal may have changed: it is drawn anew anyway.
                _ => {}
            },
            look = looks.recv() => view.saw(look.context("looking has ended")?, Instant::now()),
            () = stop.told() => return Ok(()),
        }
    }
}

/// Gives the terminal back as it was. After a panic, ratatui's hook has done so before the message.
struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What happens at the terminal. The thread that waits for it ends with the process.
fn events() -> mpsc::Receiver<Event> {
    let (sender, events) = mpsc::channel(KEYS);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    });
    events
}

/// Looks, one each interval, until it is dropped. The next waits until the last has been taken in.
fn looks(
    asker: Asker,
    view: &View,
) -> (
    mpsc::Receiver<Result<Look, AskError>>,
    AbortOnDropHandle<()>,
) {
    let (sender, looks) = mpsc::channel(1);
    let mut ticks = interval(view.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = tokio::spawn(async move {
        loop {
            ticks.tick().await;
            if sender.send(Look::take(&asker).await).await.is_err() {
                return;
            }
        }
    });
    (looks, AbortOnDropHandle::new(looking))
}

/// The signals that end the view.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
