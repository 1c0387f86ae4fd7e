//! Tells when the configuration may have to be read again.

mod seen;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;

use seen::Seen;

/// An editor or a `ConfigMap` update makes several changes; they are over when this long was quiet.
const QUIET: Duration = Duration::from_millis(100);
/// A directory in which something always changes is looked at after this long all the same.
const RESTLESS: Duration = Duration::from_secs(2);
/// Some file systems tell nobody of changes made elsewhere (NFS, FUSE).
const POLL: Duration = Duration::from_secs(30);
/// Room for a batch of inotify events.
const EVENT_BUFFER: usize = 4096;

/// What may have changed a file: its own name replaced, written or removed, or the symbolic link that a
/// `ConfigMap` volume goes through, `..data`, swapped. So directories are watched, and no name is looked
/// for: what counts is whether the contents differ.
const CHANGES: WatchMask = WatchMask::CREATE
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::MOVED_FROM)
    .union(WatchMask::DELETE)
    .union(WatchMask::CLOSE_WRITE);

/// Watches the file, and what it names.
#[derive(Debug)]
pub struct Watch {
    main: PathBuf,
    seen: Seen,
    hangup: Signal,
    directories: BTreeSet<PathBuf>,
    changes: Option<Changes>,
}

type Changes = EventStream<[u8; EVENT_BUFFER]>;

/// Why the file is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// SIGHUP: whether or not it changed.
    Signal,
    /// Something in it, or in what it names, is other than it was.
    Contents,
    /// An operator says so.
    Order,
}

impl Watch {
    /// Begins to watch. Where inotify can't be had, says so, and looks every 30 s.
    pub fn new(main: &Path) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        let directories = directories([main]);
        // Before the first look: what changes in between is told, and then found to be no change.
        let changes = watch(&directories);
        Ok(Self {
            main: main.into(),
            seen: Seen::new(main),
            hangup,
            directories,
            changes,
        })
    }

    /// From now on these count beside the file itself: files, and directories for the files that come
    /// and go in them. `read` is when the reading began that found them.
    pub fn follow(&mut self, paths: &[PathBuf], read: SystemTime) {
        let main = [self.main.as_path()].into_iter();
        let directories = directories(main.chain(paths.iter().map(PathBuf::as_path)));
        if directories != self.directories {
            self.changes = watch(&directories);
            self.directories = directories;
        }
        self.seen.follow(paths, read);
    }

    /// Waits for the next reason to read the file.
    pub async fn next(&mut self) -> Trigger {
        // What changed while nobody waited may have been told to a watch that is gone. It may be half written.
        if self.seen.differs() {
            quiet(&mut self.changes).await;
            self.seen.differs();
            return Trigger::Contents;
        }
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll.reset();
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    self.seen.differs();
                    return Trigger::Signal;
                }
                () = settled(&mut self.changes) => {}
                _ = poll.tick() => {}
            }
            if self.seen.differs() {
                return Trigger::Contents;
            }
        }
    }
}

/// Whether one of these files and directories may have been changed since then.
pub fn changed_since(paths: &[PathBuf], time: SystemTime) -> bool {
    seen::changed_since(paths, time)
}

/// Where changes of these would be told: where their names are, and where symbolic links lead.
fn directories<'a>(paths: impl IntoIterator<Item = &'a Path>) -> BTreeSet<PathBuf> {
    let mut directories = BTreeSet::new();
    for path in paths {
        let real = path.canonicalize().ok();
        for path in [Some(path), real.as_deref()].into_iter().flatten() {
            directories.insert(if path.is_dir() {
                path.into()
            } else {
                parent(path)
            });
        }
    }
    directories
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.into(),
        _ => ".".into(),
    }
}

fn watch(directories: &BTreeSet<PathBuf>) -> Option<Changes> {
    let watch = || {
        let inotify = Inotify::init()?;
        for directory in directories {
            // One that is not there is found when the file is read.
            match inotify.watches().add(directory, CHANGES) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        inotify.into_event_stream([0; EVENT_BUFFER])
    };
    watch()
        .inspect_err(|error| warn!(%error, "no inotify: looking at the files every 30 s"))
        .ok()
}

/// Waits for a change, and then until the directory is quiet.
async fn settled(changes: &mut Option<Changes>) {
    change(changes).await;
    quiet(changes).await;
}

/// Waits until the directory is quiet, or always changes.
async fn quiet(changes: &mut Option<Changes>) {
    let begun = Instant::now();
    while begun.elapsed() < RESTLESS && timeout(QUIET, change(changes)).await.is_ok() {}
}

/// Waits for a change.
async fn change(changes: &mut Option<Changes>) {
    match changes {
        Some(events) => drop(events.next().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

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

    /// A file that includes `services.d`, which has one file.
    fn with_include() -> (tempfile::TempDir, Watch) {
        let directory = tempfile::tempdir().expect("a directory");
        let main = directory.path().join("egress.toml");
        write(&main, "main");
        let included = directory.path().join("services.d");
        fs::create_dir(&included).expect("a directory");
        write(&included.join("one.toml"), "one");
        let mut watch = Watch::new(&main).expect("a watch");
        // As if they had been read long after they were written.
        let read = SystemTime::now() + Duration::from_secs(1);
        watch.follow(&[included.join("one.toml"), included], read);
        (directory, watch)
    }

    #[tokio::test]
    async fn what_is_included_counts_as_the_file_itself() {
        let (directory, mut watch) = with_include();
        let included = directory.path().join("services.d");

        write(&included.join("one.toml"), "other");
        assert_eq!(watch.next().await, Trigger::Contents);
        write(&included.join("two.toml"), "two");
        assert_eq!(watch.next().await, Trigger::Contents);
        fs::remove_file(included.join("one.toml")).expect("removed");
        assert_eq!(watch.next().await, Trigger::Contents);
    }

    #[tokio::test]
    async fn what_an_editor_leaves_beside_an_included_file_does_not_count() {
        let (directory, mut watch) = with_include();
        let included = directory.path().join("services.d");
        write(&included.join("one.toml~"), "old");
        write(&included.join(".two.toml"), "hidden");
        assert!(timeout(QUIET * 3, watch.next()).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_a_link_leads_to_is_watched_where_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let [main, real, link] = ["egress.toml", "run/resolv.conf", "resolv.conf"]
            .map(|name| directory.path().join(name));
        fs::create_dir(directory.path().join("run")).expect("a directory");
        write(&main, "main");
        write(&real, "one");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        let mut watch = Watch::new(&main).expect("a watch");
        watch.follow(&[link], SystemTime::now() + Duration::from_secs(1));
        write(&real, "two");
        assert_eq!(watch.next().await, Trigger::Contents);
    }

    #[tokio::test]
    async fn what_was_changed_while_it_was_read_is_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let [main, other] = ["egress.toml", "other.toml"].map(|name| directory.path().join(name));
        write(&main, "main");
        let mut watch = Watch::new(&main).expect("a watch");
        let read = SystemTime::now();
        write(&other, "written after it was read");
        watch.follow(&[other], read);
        assert_eq!(watch.next().await, Trigger::Contents);
    }

    #[tokio::test]
    async fn what_was_being_written_while_nobody_waited_is_told_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("egress.toml");
        write(&path, "one");
        let mut watch = Watch::new(&path).expect("a watch");
        let mut file = fs::File::create(&path).expect("the file, without its contents");
        let finished = async move { file.write_all(b"two").expect("the file is written") };
        let (trigger, ()) = tokio::join!(watch.next(), finished);
        assert_eq!(trigger, Trigger::Contents);
        assert!(timeout(QUIET * 3, watch.next()).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_is_away_for_a_moment_is_no_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("egress.toml");
        write(&path, "one");
        let mut watch = Watch::new(&path).expect("a watch");
        fs::remove_file(&path).expect("removed");
        assert!(timeout(QUIET * 3, watch.next()).await.is_err());
        write(&path, "two");
        assert_eq!(watch.next().await, Trigger::Contents);
    }
}
