//! What is pinned: the links that keep the programs attached, and their maps. All of it can be read
//! when no gateway runs.

mod attached;
mod fdinfo;
mod owner;
mod pin;
mod remove;
mod table;

use std::path::Path;

use super::programs::PROGRAMS;
use super::{Counters, Hierarchy, KernelError};

pub use self::attached::{Attached, Target};
pub use self::owner::Owner;
pub use self::remove::{Removed, remove};
pub use self::table::Table;

use self::attached::{describe, lacking};
use self::fdinfo::{Link, Object};
use self::pin::{Pin, pins};

/// What is pinned below a directory.
#[derive(Debug, Default)]
pub struct Pinned {
    /// Programs that are attached.
    pub attached: Vec<Attached>,
    /// Names of programs that ought to be, and are not.
    pub lacking: Vec<&'static str>,
    /// The maps.
    pub tables: Vec<Table>,
    /// What the programs have counted, with each label.
    pub counters: Vec<(&'static str, u64)>,
    /// The gateway that attached them last.
    pub owner: Option<Owner>,
}

/// Reads all that is pinned below `directory`; one that is not there has nothing.
///
/// Where no link is pinned, because the programs are to go with the gateway, those that the gateway
/// itself holds are read.
pub fn inspect(directory: &Path) -> Result<Pinned, KernelError> {
    let (mut links, mut maps, mut tables) = (Vec::new(), Vec::new(), Vec::new());
    for pin in pins(directory)? {
        match &pin.object {
            Object::Link(link) => links.push((Some(pin.name()), link.clone())),
            Object::Map(map) => {
                tables.push(Table::read(&pin, *map));
                maps.push(pin);
            }
            Object::Program => {}
        }
    }
    let owner = owner::find(&maps);
    let mut pinned = Pinned {
        counters: counters(&maps).unwrap_or_default(),
        tables,
        ..Pinned::default()
    };
    if links.is_empty() {
        let held = owner.as_ref().map(owner::links).unwrap_or_default();
        pinned.attached = describe(held.into_iter().map(|link| (None, link)).collect());
    } else {
        pinned.attached = describe(links);
        pinned.lacking = lacking(&pinned.attached);
    }
    pinned.owner = owner;
    Ok(pinned)
}

/// The program of a link to a cgroup that is there, if that is what a text of `/proc/self/fdinfo` is of.
pub(super) fn program_on_a_cgroup(text: &str) -> Option<u32> {
    match Object::parse(text)? {
        Object::Link(link) => link.cgroup.map(|_| link.program),
        Object::Map(_) | Object::Program => None,
    }
}

/// The counters of this version's programs, if they are pinned.
fn counters(maps: &[Pin]) -> Option<Vec<(&'static str, u64)>> {
    let pin = maps.iter().find(|pin| pin.name() == "COUNTERS")?;
    Counters::new(pin.map()?.try_into().ok()?).read().ok()
}
