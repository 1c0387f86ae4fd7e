//! From a task's record to a caller that can be named.

use std::cell::RefCell;
use std::fs;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egress_common::Task;
use foldhash::fast::RandomState;

use crate::types::{Caller, CgroupId};

use super::Hierarchy;

/// Executables whose paths a thread remembers, and processes of which it remembers what they run: more than those on a
/// node that connect all the time.
const REMEMBERED: usize = 64;

/// So long it is believed that what a process runs has the path that it had. It may have been renamed or deleted.
const BELIEVED: Duration = Duration::from_secs(1);

thread_local! {
    static PATHS: RefCell<Paths> = RefCell::new(Paths::default());
}

/// Names tasks.
#[derive(Debug)]
pub(super) struct Callers {
    hierarchy: Arc<Hierarchy>,
    /// The programs learn when a process runs another program: until then what it runs need not be looked at.
    remembers: bool,
}

impl Callers {
    pub(super) fn new(hierarchy: Arc<Hierarchy>, remembers: bool) -> Self {
        Self {
            hierarchy,
            remembers,
        }
    }

    /// Names the task. What has gone meanwhile is left out, unless it is remembered.
    pub(super) fn describe(&self, task: &Task) -> Caller {
        let cgroup = CgroupId(task.cgroup());
        Caller {
            pid: task.pid(),
            uid: task.uid(),
            exe: PATHS.with_borrow_mut(|paths| self.exe(task, paths)),
            cgroup,
            cgroup_path: self.hierarchy.path(cgroup),
            pod: None,
            held: None,
            remote: None,
        }
    }

    /// What the task runs; as far as that is not remembered, what it runs now.
    fn exe(&self, task: &Task, paths: &mut Paths) -> Option<Arc<Path>> {
        let now = Instant::now();
        // Without a number nothing tells when it runs something else.
        let can_remember = self.remembers && task.run() != 0;
        if can_remember && let Some(exe) = paths.of(task, now) {
            return Some(exe);
        }
        let exe = paths.shared(&fs::read_link(exe_link(task.pid())).ok()?);
        if can_remember {
            paths.remember(task, &exe, now);
        }
        Some(exe)
    }
}

/// The link to the program that a process runs, without a formatter: it may be looked at for each connection.
fn exe_link(pid: u32) -> String {
    const LONGEST: usize = "/proc/4294967295/exe".len();
    let mut link = String::with_capacity(LONGEST);
    link.push_str("/proc/");
    link.push_str(itoa::Buffer::new().format(pid));
    link.push_str("/exe");
    link
}

/// Paths that were seen lately. Thousands of connections of one program share its path's text.
struct Paths {
    hasher: RandomState,
    seen: [Option<Arc<Path>>; REMEMBERED],
    running: [Option<Running>; REMEMBERED],
}

/// What a process runs.
struct Running {
    pid: u32,
    run: u64,
    exe: Arc<Path>,
    since: Instant,
}

impl Paths {
    fn shared(&mut self, path: &Path) -> Arc<Path> {
        // The bytes, and not part by part as paths are compared: the kernel writes the same path the same way.
        let text = path.as_os_str();
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let index = self.hasher.hash_one(text) as usize % REMEMBERED;
        match self.seen.get_mut(index) {
            Some(Some(seen)) if seen.as_os_str() == text => Arc::clone(seen),
            Some(place) => Arc::clone(place.insert(path.into())),
            None => path.into(),
        }
    }

    /// What a task ran a moment ago, if it has run nothing else since.
    fn of(&self, task: &Task, now: Instant) -> Option<Arc<Path>> {
        let running = self.running.get(place(task))?.as_ref()?;
        let is_its = (running.pid, running.run) == (task.pid(), task.run());
        let is_fresh = now.saturating_duration_since(running.since) < BELIEVED;
        (is_its && is_fresh).then(|| Arc::clone(&running.exe))
    }

    fn remember(&mut self, task: &Task, exe: &Arc<Path>, now: Instant) {
        if let Some(place) = self.running.get_mut(place(task)) {
            *place = Some(Running {
                pid: task.pid(),
                run: task.run(),
                exe: Arc::clone(exe),
                since: now,
            });
        }
    }
}

/// Where it is remembered what a task runs.
fn place(task: &Task) -> usize {
    task.pid() as usize % REMEMBERED
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            seen: [const { None }; REMEMBERED],
            running: [const { None }; REMEMBERED],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_path_that_was_seen_lately_is_shared_and_no_other_is_given_for_it() {
        let mut paths = Paths::default();
        let first = paths.shared(Path::new("/usr/bin/curl"));
        assert!(Arc::ptr_eq(&first, &paths.shared(&first)));
        // More than are remembered: some push out others.
        for number in 0..4 * REMEMBERED {
            let path = format!("/usr/bin/{number}");
            assert_eq!(*paths.shared(path.as_ref()), *Path::new(&path));
        }
    }

    #[test]
    fn what_a_process_runs_is_believed_for_a_moment_and_of_that_run_alone() {
        let mut paths = Paths::default();
        let now = Instant::now();
        let exe: Arc<Path> = Path::new("/usr/bin/curl").into();
        let task = |pid, run| Task::new(1, pid, 0, run);
        paths.remember(&task(7, 100), &exe, now);
        assert_eq!(paths.of(&task(7, 100), now), Some(Arc::clone(&exe)));
        // It runs something else, or is another process with its id, or in its place.
        for other in [
            task(7, 101),
            task(8, 100),
            task(7 + u32::try_from(REMEMBERED).expect("few"), 100),
        ] {
            assert_eq!(paths.of(&other, now), None);
        }
        assert_eq!(paths.of(&task(7, 100), now + BELIEVED), None);
    }

    #[test]
    fn nothing_is_remembered_where_nobody_tells_what_begins() {
        let hierarchy = Arc::new(Hierarchy::find().expect("a cgroup v2 hierarchy"));
        let wrong: Arc<Path> = Path::new("/nowhere").into();
        let cases = [
            (true, 100, Some("/nowhere")),
            (true, 0, None),
            (false, 100, None),
        ];
        for (remembers, run, expected) in cases {
            let own = Task::new(1, std::process::id(), 0, run);
            let mut paths = Paths::default();
            paths.remember(&own, &wrong, Instant::now());
            let callers = Callers::new(Arc::clone(&hierarchy), remembers);
            let exe = callers.exe(&own, &mut paths).expect("it runs");
            let expected = expected.map(PathBuf::from);
            assert_eq!(
                *exe,
                expected.unwrap_or_else(|| env::current_exe().expect("a path"))
            );
        }
    }
}
