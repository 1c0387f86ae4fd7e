//! A test in a process of its own, in which all descriptors and pipes are the test's: whatever runs
//! tests, and however many beside each other.

use std::env;
use std::fs;
use std::future::Future;
use std::process::Command;

use tokio::runtime::{Builder, Runtime};

use super::stats;

/// Set in the process of its own.
const ALONE: &str = "EGRESS_TEST_ALONE";

/// Runs `body` in a process of its own, which is this test's again; `name` is its full path.
pub(super) fn in_own_process(name: &str, body: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let (_, name) = name.split_once("::").expect("a path within the crate");
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", name])
        .env(ALONE, "1")
        .output()
        .expect("to run this test again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs `work` on a runtime of its own, and sees that it left no descriptor open and no pipe in use
/// or waiting. For a process of its own.
pub(super) fn leaving_nothing(threads: usize, work: impl Future<Output = ()>) {
    // The first one opens what tokio keeps for the whole process.
    drop(runtime(threads));
    let before = descriptors();
    runtime(threads).block_on(work);
    let left = stats();
    assert_eq!((left.pipes_in_use, left.pipes_pooled), (0, 0));
    assert_eq!(descriptors(), before, "descriptors were left open");
}

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// What the descriptors of this process are. The directory's own is among them each time.
fn descriptors() -> Vec<String> {
    let mut all: Vec<_> = fs::read_dir("/proc/self/fd")
        .expect("/proc")
        .filter_map(Result::ok)
        .map(|entry| {
            fs::read_link(entry.path()).map_or_else(
                |_| String::from("this directory"),
                |path| path.display().to_string(),
            )
        })
        .collect();
    all.sort();
    all
}
