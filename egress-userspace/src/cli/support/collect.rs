//! What goes into the archive.

use std::convert::identity;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::sys::utsname::{UtsName, uname};
use serde_json::{Value, json};

use crate::account::Timestamp;
use crate::cli::Pins;
use crate::cli::ask::{AskError, Asker, Socket};
use crate::cli::status::Status;
use crate::config::{Config, ReadError};
use crate::doctor::examine;
use crate::kernel::{KernelError, inspect};

use super::archive::Archive;
use super::quotes;
use super::redact::redacted;

/// Where a distribution says what it is (`os-release(5)`).
const OS_RELEASE: &str = "/etc/os-release";

/// A file's name, the path of what the running gateway answers, and what becomes of that.
type Answer = (&'static str, &'static str, fn(Value) -> Value);

/// What the gateway answers.
const ANSWERS: [Answer; 3] = [
    ("gateway/status.json", "/v1/status", quotes::status),
    ("gateway/services.json", "/v1/services", identity),
    ("gateway/troubles.json", "/v1/troubles", quotes::troubles),
];
/// The same, of who talks to what.
const TRAFFIC: [Answer; 2] = [
    ("gateway/connections.json", "/v1/connections", identity),
    ("gateway/denied.json", "/v1/denied", identity),
];

/// All that can be had.
pub(super) fn all(pins: &Pins, socket: Option<PathBuf>, traffic: bool, now: SystemTime) -> Archive {
    let mut archive = Archive::default();
    let config = Config::read(pins.config());
    archive.add_json("about.json", Ok::<_, String>(about(pins, now)));
    archive.add("os-release", fs::read(OS_RELEASE));
    archive.add_json(
        "doctor.json",
        Ok::<_, String>(examine(config.as_ref().ok())),
    );
    kernel(&mut archive, &pins.clone().directory());
    configuration(&mut archive, pins.config(), &config);
    let asker = Socket::new(pins.config().into(), socket).asker_unsaid();
    gateway(&mut archive, &asker, traffic);
    archive
}

fn about(pins: &Pins, now: SystemTime) -> Value {
    let system = uname().ok();
    let said =
        |text: Option<&std::ffi::OsStr>| text.map(|text| text.to_string_lossy().into_owned());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": Timestamp::from(now),
        "config": pins.config(),
        "kernel": said(system.as_ref().map(UtsName::release)),
        "machine": said(system.as_ref().map(UtsName::machine)),
    })
}

fn kernel(archive: &mut Archive, directory: &Path) {
    let pinned = inspect(directory);
    let status = pinned.as_ref().map(|pinned| Status::new(directory, pinned));
    archive.add_json("kernel.json", status.map_err(KernelError::in_full));
}

/// The files of a configuration; if it is wrong the one that was named, with where it is wrong.
fn configuration(archive: &mut Archive, named: &Path, config: &Result<Config, ReadError>) {
    let files = match config {
        Ok(config) => config.sources.clone(),
        Err(error) => {
            archive.add_json("config/errors.json", Ok::<_, String>(quotes::places(error)));
            vec![named.to_owned()]
        }
    };
    for (number, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(file).map_err(|error| error.to_string());
        let text = text.and_then(|text| {
            let path = file.display();
            let text = redacted(&text).ok_or("it is no TOML, and may hold anything")?;
            Ok(format!("# {path}, without comments and secrets\n{text}"))
        });
        archive.add(&format!("config/{number}-{name}"), text);
    }
}

fn gateway(archive: &mut Archive, asker: &Result<Asker, AskError>, traffic: bool) {
    let asker = match asker {
        Ok(asker) => asker,
        Err(error) => return archive.add("gateway", Err::<String, _>(error)),
    };
    let about_traffic = TRAFFIC.iter().filter(|_| traffic);
    for (name, path, of) in ANSWERS.iter().chain(about_traffic) {
        let answer = asker.get_now::<Value>(path);
        if let Err(error @ AskError::Unreachable { .. }) = &answer {
            // The rest would say the same.
            return archive.add("gateway", Err::<String, _>(error));
        }
        archive.add_json(name, answer.map(of));
    }
    archive.add("gateway/metrics.txt", asker.get_text("/metrics"));
}
