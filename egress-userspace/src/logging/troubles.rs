//! The last warnings and errors, kept for whoever asks later: what wrote them down may be elsewhere, or gone.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many are kept: what a day that went wrong says, not what a loop says.
const KEPT: usize = 128;
/// Bytes of one that are kept: an error in a configuration, with its lines, has some hundreds.
const LONGEST: usize = 2_048;

/// The last of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<VecDeque<Trouble>>>);

/// One warning or error.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// When it was told.
    pub at: SystemTime,
    /// `WARN` or `ERROR`.
    pub level: Level,
    /// The module that told it.
    pub module: &'static str,
    /// What it told: the message, and its fields as `name=value`.
    pub text: String,
}

impl Troubles {
    /// The last of them, the oldest first.
    pub fn last(&self) -> Vec<Trouble> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Troubles {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        if *about.level() > Level::WARN {
            return;
        }
        let mut told = Told::default();
        event.record(&mut told);
        let trouble = Trouble {
            at: SystemTime::now(),
            level: *about.level(),
            module: about.target(),
            text: told.text(),
        };
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(trouble);
    }
}

/// The parts of an event.
#[derive(Default)]
struct Told {
    message: String,
    fields: String,
}

impl Told {
    fn text(mut self) -> String {
        self.message.push_str(&self.fields);
        let end = self.message.floor_char_boundary(LONGEST);
        self.message.truncate(end);
        self.message
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry::Registry;

    use super::*;

    fn told(tell: impl FnOnce()) -> Vec<String> {
        let troubles = Troubles::default();
        with_default(Registry::default().with(troubles.clone()), tell);
        let last = troubles.last().into_iter();
        last.map(|trouble| format!("{} {}", trouble.level, trouble.text))
            .collect()
    }

    #[test]
    fn warnings_and_errors_are_kept_with_their_fields() {
        let kept = told(|| {
            tracing::info!("nothing of note");
            tracing::warn!(error = %"it broke", count = 3, "cannot do it");
            tracing::error!("worse");
        });
        assert_eq!(
            kept,
            ["WARN cannot do it error=it broke count=3", "ERROR worse"]
        );
    }

    #[test]
    fn the_oldest_go_and_a_long_one_is_cut() {
        let kept = told(|| {
            tracing::warn!("first");
            for _ in 0..KEPT {
                tracing::warn!("{}", "ä".repeat(LONGEST));
            }
        });
        assert_eq!(kept.len(), KEPT);
        let first = kept.first().map(String::len);
        assert_eq!(first, Some("WARN ".len() + LONGEST));
    }
}
