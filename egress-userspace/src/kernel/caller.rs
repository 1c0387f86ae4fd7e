//! From a task's record to a caller that can be named.

use std::fs;

use egress_common::Task;

use crate::types::{Caller, CgroupId};

use super::Hierarchy;

/// Names the task. What has gone meanwhile is left out.
pub(super) fn describe(task: &Task, hierarchy: &Hierarchy) -> Caller {
    let cgroup = CgroupId(task.cgroup());
    Caller {
        pid: task.pid(),
        uid: task.uid(),
        comm: text(task.comm()),
        exe: fs::read_link(format!("/proc/{}/exe", task.pid())).ok(),
        cgroup,
        cgroup_path: hierarchy.path(cgroup),
        pod: None,
    }
}

/// The bytes before the first zero.
fn text(comm: &[u8]) -> String {
    let name = comm.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_the_first_zero() {
        assert_eq!(text(b"curl\0\0\0\0junk"), "curl");
        assert_eq!(text(b"\0"), "");
        assert_eq!(text(b"sixteen bytes ..."), "sixteen bytes ...");
        assert_eq!(text(b"\xffbad\0"), "\u{fffd}bad");
    }
}
