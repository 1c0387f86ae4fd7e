//! Tells when the configuration file may have to be read again.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;

/// An editor or a `ConfigMap` update makes several changes; they are over when this long was quiet.
const QUIET: Duration = Duration::from_millis(100);
/// A directory in which something always changes is looked at after this long all the same.
const RESTLESS: Duration = Duration::from_secs(2);
/// Some file systems tell nobody of changes made elsewhere (NFS, FUSE).
const POLL: Duration = Duration::from_secs(30);
/// Room for a batch of inotify events.
const EVENT_BUFFER: usize = 4096;

/// What may have changed the file: its own name replaced or written, or the symbolic link that a
/// `ConfigMap` volume goes through, `..data`, swapped. So the directory is watched, and no name is
/// looked for: what counts is whether the contents differ.
const CHANGES: WatchMask = WatchMask::CREATE
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::CLOSE_WRITE);

/// Watches one file.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    hasher: RandomState,
    seen: Option<u64>,
    hangup: Signal,
    changes: Option<EventStream<[u8; EVENT_BUFFER]>>,
}

/// Why the file is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP: whether or not it changed.
    Signal,
    /// Its contents are other than they were.
    Contents,
}

impl Watch {
    /// Begins to watch. Where inotify can't be had, says so, and looks every 30 s.
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut watch = Self {
            path: path.to_owned(),
            hasher: RandomState::new(),
            seen: None,
            hangup: signal(SignalKind::hangup())?,
            changes: watch_directory(path)
                .inspect_err(|error| warn!(%error, "no inotify: looking at the file every 30 s"))
                .ok(),
        };
        watch.seen = watch.contents();
        Ok(watch)
    }

    /// Waits for the next reason to read the file.
    pub async fn next(&mut self) -> Trigger {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll.reset();
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    self.seen = self.contents();
                    return Trigger::Signal;
                }
                () = settled(&mut self.changes) => {}
                _ = poll.tick() => {}
            }
            let contents = self.contents();
            // A file that is away for a moment is being replaced.
            if contents.is_some() && contents != self.seen {
                self.seen = contents;
                return Trigger::Contents;
            }
        }
    }

    fn contents(&self) -> Option<u64> {
        fs::read(&self.path)
            .ok()
            .map(|bytes| self.hasher.hash_one(bytes))
    }
}

fn watch_directory(path: &Path) -> io::Result<EventStream<[u8; EVENT_BUFFER]>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let inotify = Inotify::init()?;
    inotify.watches().add(directory, CHANGES)?;
    inotify.into_event_stream([0; EVENT_BUFFER])
}

/// Waits for a change, and then until the directory is quiet.
async fn settled(changes: &mut Option<EventStream<[u8; EVENT_BUFFER]>>) {
    let Some(events) = changes else {
        return std::future::pending().await;
    };
    events.next().await;
    let begun = Instant::now();
    while begun.elapsed() < RESTLESS && timeout(QUIET, events.next()).await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("the file is written");
    }

    #[tokio::test]
    async fn a_change_of_contents_is_told_however_it_is_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("egress.toml");
        write(&path, "one");
        let mut watch = Watch::new(&path).expect("a watch");

        write(&path, "two");
        assert_eq!(watch.next().await, Trigger::Contents);

        let beside = directory.path().join("egress.toml.new");
        write(&beside, "three");
        fs::rename(&beside, &path).expect("renamed over it");
        assert_eq!(watch.next().await, Trigger::Contents);
    }

    #[tokio::test]
    async fn the_swap_of_a_config_maps_link_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let volume = directory.path();
        for (version, text) in [("..v1", "one"), ("..v2", "two")] {
            fs::create_dir(volume.join(version)).expect("a version");
            write(&volume.join(version).join("egress.toml"), text);
        }
        let link = |version: &str, name: &str| {
            std::os::unix::fs::symlink(version, volume.join(name)).expect("a link");
        };
        link("..v1", "..data");
        link("..data/egress.toml", "egress.toml");
        let mut watch = Watch::new(&volume.join("egress.toml")).expect("a watch");

        link("..v2", "..data_tmp");
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).expect("swapped");
        assert_eq!(watch.next().await, Trigger::Contents);
    }

    #[tokio::test]
    async fn the_same_contents_are_no_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("egress.toml");
        write(&path, "one");
        let mut watch = Watch::new(&path).expect("a watch");
        write(&path, "one");
        write(&directory.path().join("other"), "two");
        assert!(timeout(QUIET * 3, watch.next()).await.is_err());
    }
}
