//! Whether the programs are still attached: cheap enough to be asked at each scrape.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aya::Ebpf;

use crate::net;

use super::inspect::program_on_a_cgroup;
use super::pins::Pins;
use super::programs::PROGRAMS;

/// Which of the programs on the cgroup are attached. Before they are for the first time, none is.
#[derive(Clone, Debug, Default)]
pub struct Attachments(Arc<OnceLock<Vec<Attachment>>>);

/// One program's link.
#[derive(Debug)]
struct Attachment {
    program: &'static str,
    link: Place,
}

/// Where its link is. Neither holds it: what somebody detaches is seen to be gone.
#[derive(Debug)]
enum Place {
    /// Its pin.
    Pin(PathBuf),
    /// What `/proc` tells of this process's descriptor, which had the link of this program when it was
    /// attached; `None`: it has not been found.
    Held(Option<(PathBuf, u32)>),
}

impl Attachments {
    /// They are attached now, by links with these pins, or else by links that this process holds.
    pub(super) fn made(&self, programs: &Ebpf, pins: Option<&Pins>) {
        let held = if pins.is_none() { held() } else { Vec::new() };
        let own = |program: &str| {
            let id = programs.program(program)?.info().ok()?.id();
            held.iter().find(|(_, program)| *program == id).cloned()
        };
        let place = |program: &str| match pins {
            Some(pins) => Place::Pin(pins.link(program)),
            None => Place::Held(own(program)),
        };
        self.0.get_or_init(|| {
            let all = PROGRAMS.iter().map(|program| Attachment {
                program,
                link: place(program),
            });
            all.collect()
        });
    }

    /// Each program's name, and whether it is attached to a cgroup that is there.
    pub fn read(&self) -> Vec<(&'static str, bool)> {
        match self.0.get() {
            Some(all) => all
                .iter()
                .map(|one| (one.program, one.is_there()))
                .collect(),
            None => PROGRAMS.iter().map(|program| (*program, false)).collect(),
        }
    }
}

impl Attachment {
    fn is_there(&self) -> bool {
        match &self.link {
            Place::Pin(path) => net::open_pin(path).is_ok_and(|link| {
                let path = format!("/proc/self/fdinfo/{}", link.as_raw_fd());
                on_a_cgroup(Path::new(&path)).is_some()
            }),
            // Another object may have the descriptor's number by now.
            Place::Held(Some((path, program))) => on_a_cgroup(path) == Some(*program),
            Place::Held(None) => false,
        }
    }
}

/// The program of a link to a cgroup that is there.
fn on_a_cgroup(descriptor: &Path) -> Option<u32> {
    let text = fs::read_to_string(descriptor).ok()?;
    program_on_a_cgroup(&text)
}

/// The links to cgroups that this process holds: what `/proc` tells of each, and its program.
fn held() -> Vec<(PathBuf, u32)> {
    let descriptors = fs::read_dir("/proc/self/fdinfo").into_iter().flatten();
    let paths = descriptors.flatten().map(|entry| entry.path());
    paths
        .filter_map(|path| on_a_cgroup(&path).map(|program| (path, program)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_they_are_attached_none_is() {
        let all = Attachments::default().read();
        assert_eq!(all.len(), PROGRAMS.len());
        assert!(all.iter().all(|(_, attached)| !attached));
    }

    #[test]
    fn a_descriptor_that_is_something_else_by_now_is_no_link() {
        let file = fs::File::open("/dev/null").expect("a file");
        let path = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
        let link = Place::Held(Some((path.into(), 7)));
        let attachment = Attachment {
            program: "egress_connect4",
            link,
        };
        assert!(!attachment.is_there());
    }
}
