//! Levels that change while messages are written.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::with_default;
use tracing::{debug, info};

use super::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written while `act` runs, with these levels to begin with.
fn written(levels: &str, act: impl FnOnce(&Levels)) -> String {
    let levels = directives::parse(levels).expect("levels");
    let (filter, handle) = reload::Layer::new(levels);
    let page = Page::default();
    let into = page.clone();
    let lines = fmt::layer()
        .with_ansi(false)
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_writer(move || into.clone());
    let diagnostics = Registry::default().with(filter).with(lines);
    with_default(diagnostics, || act(&Levels(handle)));
    let written = page.0.lock().expect("the lock").clone();
    String::from_utf8(written).expect("text")
}

/// The same places in the code each time, as in the gateway.
fn tell(when: &str) {
    info!("info {when}");
    debug!("debug {when}");
    debug!(target: "elsewhere::within", "elsewhere {when}");
}

#[test]
fn what_is_told_changes_at_once_and_back() {
    let page = written("info", |levels| {
        tell("at first");
        levels.set("debug").expect("a level");
        tell("then");
        levels.set("off").expect("a level");
        tell("in silence");
        levels
            .set("warn,elsewhere=debug")
            .expect("a level for each");
        tell("at last");
    });
    let told: Vec<_> = page.lines().map(str::trim).collect();
    assert_eq!(
        told,
        [
            "info at first",
            "info then",
            "debug then",
            "elsewhere then",
            "elsewhere at last"
        ]
    );
}

#[test]
fn what_is_not_understood_is_named_and_changes_nothing() {
    let page = written("warn,dial=debug", |levels| {
        let before = levels.now();
        for (wrong, named) in [
            ("inof", "\"inof\""),
            ("debug,egress_userspace::dial", "\"egress_userspace::dial\""),
            ("debug,dial=loud", "\"dial=loud\""),
            ("=debug", "\"=debug\""),
            ("dial=", "\"dial=\""),
            ("[span]=debug", "\"[span]=debug\""),
            ("3", "\"3\""),
            ("", "\"\""),
            ("debug,", "\"\""),
            ("debug,\n\u{1b}[2J", "\\u{1b}[2J\""),
            ("info,debug", "\"the level\""),
            ("dial=info,dial=debug", "\"dial\""),
            (&"debug,".repeat(1_000), "more than 64"),
        ] {
            let error = levels.set(wrong).expect_err(wrong).to_string();
            assert!(error.contains(named), "{wrong:?}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
            assert_eq!(levels.now(), before, "{wrong:?}");
            tell(wrong);
        }
    });
    assert_eq!(page, "");
}

#[test]
fn what_is_told_can_be_asked_for_and_set_again() {
    written("info", |levels| {
        for said in ["off", "trace", " WARN , egress_userspace::dial=Debug "] {
            levels.set(said).expect("levels");
            let now = levels.now();
            levels.set(&now).expect("as it was told");
            assert_eq!(levels.now(), now, "{said}");
        }
        assert_eq!(levels.now(), "egress_userspace::dial=debug,warn");
    });
}

#[test]
fn levels_outlive_who_writes() {
    let (filter, handle) = reload::Layer::new(Targets::new());
    drop(filter);
    let levels = Levels(handle);
    assert_eq!(levels.now(), "off");
    assert!(matches!(levels.set("debug"), Err(LevelsError::Gone(_))));
}
