//! From a task's record to a caller that can be named.

use std::cell::RefCell;
use std::fs;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use egress_common::Task;
use foldhash::fast::RandomState;

use crate::types::{Caller, CgroupId};

use super::Hierarchy;

/// Executables whose paths a thread remembers: more than those on a node that connect all the time.
const REMEMBERED: usize = 64;

thread_local! {
    static PATHS: RefCell<Paths> = RefCell::new(Paths::default());
}

/// Names the task. What has gone meanwhile is left out.
pub(super) fn describe(task: &Task, hierarchy: &Hierarchy) -> Caller {
    let cgroup = CgroupId(task.cgroup());
    // Read each time: a process may run another program by now.
    let exe = fs::read_link(exe_link(task.pid())).ok();
    Caller {
        pid: task.pid(),
        uid: task.uid(),
        exe: exe.map(|path| PATHS.with_borrow_mut(|paths| paths.shared(&path))),
        cgroup,
        cgroup_path: hierarchy.path(cgroup),
        pod: None,
        held: None,
        remote: None,
    }
}

/// The link to the program that a process runs. It is looked at for each connection, so no formatter is asked.
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
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            seen: [const { None }; REMEMBERED],
        }
    }
}

#[cfg(test)]
mod tests {
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
}
