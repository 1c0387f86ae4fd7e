//! What files had in them when they were last looked at.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::open_regular;

/// More than this of one file is not looked at: no configuration is longer, and who makes one that is
/// must not keep the gateway busy.
const LONGEST: u64 = 256 << 20;
/// Read at once.
const BLOCK: usize = 64 * 1024;
/// File systems stamp times by a clock that ticks no slower than this (a hundred times a second).
const TICK: Duration = Duration::from_millis(10);

/// Files and directories that count, with what was in them.
#[derive(Debug)]
pub(super) struct Seen {
    hasher: RandomState,
    /// If this one is away, it is being replaced.
    main: PathBuf,
    contents: HashMap<PathBuf, Option<u64>>,
}

impl Seen {
    /// One file, as it is now.
    pub(super) fn new(main: &Path) -> Self {
        let mut seen = Self {
            hasher: RandomState::new(),
            main: main.into(),
            contents: HashMap::new(),
        };
        seen.add(main);
        seen
    }

    /// From now on these count as well, and no others. What is new and has been changed since `read`,
    /// when somebody read it, counts as not seen.
    pub(super) fn follow(&mut self, paths: &[PathBuf], read: SystemTime) {
        let before = std::mem::take(&mut self.contents);
        let is_within = |path: &Path| path.parent().is_some_and(|p| paths.iter().any(|d| d == p));
        // What is in a directory that counts, counts with it.
        let apart = paths.iter().filter(|path| !is_within(path));
        for path in std::iter::once(&self.main.clone()).chain(apart) {
            let content = match before.get(path) {
                Some(content) => *content,
                None if changed_since(paths, read) => None,
                None => self.content(path),
            };
            self.contents.insert(path.clone(), content);
        }
    }

    /// Looks again; whether something differs from the last time.
    pub(super) fn differs(&mut self) -> bool {
        let Some(main) = self.content(&self.main) else {
            return false;
        };
        let mut now = HashMap::with_capacity(self.contents.len());
        for path in self.contents.keys() {
            let content = if *path == self.main {
                Some(main)
            } else {
                self.content(path)
            };
            now.insert(path.clone(), content);
        }
        let differs = now != self.contents;
        self.contents = now;
        differs
    }

    fn add(&mut self, path: &Path) {
        let content = self.content(path);
        self.contents.insert(path.into(), content);
    }

    /// A hash of what is in a file, or in a directory's files; `None`: it is not there.
    fn content(&self, path: &Path) -> Option<u64> {
        if path.is_dir() {
            self.files(path).ok()
        } else {
            self.bytes(path).ok()
        }
    }

    /// Only those whose names end like the configuration's own: editors leave others beside them.
    fn files(&self, directory: &Path) -> io::Result<u64> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if !is_hidden && path.extension() == self.main.extension() {
                let bytes = self.bytes(&path).ok();
                files.push((path, bytes));
            }
        }
        files.sort_unstable();
        Ok(self.hasher.hash_one(files))
    }

    fn bytes(&self, path: &Path) -> io::Result<u64> {
        let mut file = open_regular(path)?.take(LONGEST);
        let mut hasher = self.hasher.build_hasher();
        let mut block = vec![0; BLOCK];
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                return Ok(hasher.finish());
            }
            hasher.write(block.get(..length).unwrap_or_default());
        }
    }
}

/// Whether one of these may have been written, or put in its place, since then.
pub(super) fn changed_since(paths: &[PathBuf], time: SystemTime) -> bool {
    paths.iter().any(|path| is_newer(path, time))
}

/// The time when its contents changed would be no measure: a file that is renamed keeps it.
fn is_newer(path: &Path, time: SystemTime) -> bool {
    let Ok(about) = fs::metadata(path) else {
        return false;
    };
    let seconds = u64::try_from(about.ctime()).unwrap_or_default();
    let nanoseconds = u32::try_from(about.ctime_nsec()).unwrap_or_default();
    UNIX_EPOCH + Duration::new(seconds, nanoseconds) + TICK > time
}
