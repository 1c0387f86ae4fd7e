//! The gateway behind the pins.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aya::maps::Array;
use egress_common::About;

use super::{Link, Object, Pin};

/// The gateway that attached the programs last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it attached them.
    pub since: SystemTime,
    /// Whether it still runs.
    pub alive: bool,
}

/// Who is written in the maps; of several versions' maps, the last to attach.
pub(super) fn find(maps: &[Pin]) -> Option<Owner> {
    let abouts = maps
        .iter()
        .filter(|pin| pin.name() == "ABOUT")
        .filter_map(about);
    let about = abouts
        .filter(|about| about.pid() != 0)
        .max_by_key(About::since)?;
    let ids: Vec<_> = maps.iter().filter_map(id).collect();
    Some(Owner {
        version: text(about.version()),
        pid: about.pid(),
        since: UNIX_EPOCH + Duration::from_secs(about.since()),
        alive: holds(about.pid(), &ids),
    })
}

fn about(pin: &Pin) -> Option<About> {
    let map: Array<_, About> = pin.map()?.try_into().ok()?;
    map.get(&0, 0).ok()
}

fn id(pin: &Pin) -> Option<u32> {
    match &pin.object {
        Object::Map(map) => Some(map.id),
        Object::Link(_) | Object::Program => None,
    }
}

/// The links that a gateway holds itself.
pub(super) fn links(owner: &Owner) -> Vec<Link> {
    if !owner.alive {
        return Vec::new();
    }
    let links = open(owner.pid).filter_map(|object| match object {
        Object::Link(link) => Some(link),
        Object::Map(_) | Object::Program => None,
    });
    links.collect()
}

/// Whether the process has one of the maps open. Its number alone says nothing: it may have passed
/// to another process.
fn holds(pid: u32, maps: &[u32]) -> bool {
    open(pid).any(|object| match object {
        Object::Map(map) => maps.contains(&map.id),
        Object::Link(_) | Object::Program => false,
    })
}

/// What a process has open; nothing if it is gone.
fn open(pid: u32) -> impl Iterator<Item = Object> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let descriptors = descriptors.into_iter().flatten().flatten();
    // One may be closed while it is looked at.
    let texts = descriptors.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.filter_map(|text| Object::parse(&text))
}

/// The bytes before the first zero.
fn text(version: &[u8]) -> String {
    let text = version.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_was_written() {
        let about = About::new("1.2.3-rc.1", 7, 9, 1);
        assert_eq!(text(about.version()), "1.2.3-rc.1");
        let long = "9".repeat(40);
        assert_eq!(text(About::new(&long, 7, 9, 1).version()).len(), 32);
    }

    #[test]
    fn a_process_that_has_no_map_open_is_no_gateway() {
        assert!(!holds(std::process::id(), &[0]));
        assert!(!holds(u32::MAX, &[0]));
    }
}
