//! The programs behind the links.

use std::collections::HashMap;
use std::time::SystemTime;

use aya::programs::{ProgramInfo, loaded_programs};

use crate::types::CgroupId;

use super::{Hierarchy, Link, PROGRAMS};

/// A program at its hook.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The program's name; of one that is not pinned, its first 15 letters.
    pub program: String,
    /// Whether it stays when the gateway ends.
    pub pinned: bool,
    /// The program's id.
    pub id: u32,
    /// A hash of its instructions, in hexadecimal.
    pub tag: Option<String>,
    /// When it was loaded.
    pub loaded_at: Option<SystemTime>,
    /// The hook, as `connect4`.
    pub hook: String,
    /// What it is attached to.
    pub target: Target,
}

/// What a program is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A cgroup, as a path below the hierarchy's mount; without one it can't be named.
    Cgroup(CgroupId, Option<String>),
    /// A network interface's index, in a namespace that the kernel does not tell.
    Interface(u32),
    /// Nothing any more: what it was attached to is gone.
    Nothing,
}

/// What there is to say of links; the name is the pin's, where there is one.
pub(super) fn describe(links: Vec<(Option<String>, Link)>) -> Vec<Attached> {
    let programs = programs(&links);
    let hierarchy = Hierarchy::find().ok();
    let describe = |(name, link): (Option<String>, Link)| {
        let info = programs.get(&link.program);
        let own = || {
            info.and_then(ProgramInfo::name_as_str)
                .unwrap_or("?")
                .to_owned()
        };
        Attached {
            pinned: name.is_some(),
            program: name.unwrap_or_else(own),
            id: link.program,
            tag: info.map(|info| format!("{:016x}", info.tag())),
            loaded_at: info.and_then(ProgramInfo::loaded_at),
            hook: link.hook(),
            target: target(&link, hierarchy.as_ref()),
        }
    };
    links.into_iter().map(describe).collect()
}

/// Which of the gateway's programs a set of links does not have.
pub(super) fn lacking(attached: &[Attached]) -> Vec<&'static str> {
    let is_there =
        |link: &Attached, name: &str| link.program == name && link.target != Target::Nothing;
    let mut all = PROGRAMS.to_vec();
    all.retain(|name| !attached.iter().any(|link| is_there(link, name)));
    all
}

/// Looks the programs up among all that are loaded: aya opens none by its id.
fn programs(links: &[(Option<String>, Link)]) -> HashMap<u32, ProgramInfo> {
    if links.is_empty() {
        return HashMap::new();
    }
    // That another process unloads one meanwhile is an error which does not matter here.
    let loaded = loaded_programs().flatten();
    let is_ours = |info: &ProgramInfo| links.iter().any(|(_, link)| link.program == info.id());
    loaded
        .filter(is_ours)
        .map(|info| (info.id(), info))
        .collect()
}

fn target(link: &Link, hierarchy: Option<&Hierarchy>) -> Target {
    match (link.cgroup.map(CgroupId), link.interface) {
        (Some(id), _) => {
            let path = hierarchy.and_then(|hierarchy| hierarchy.path(id));
            Target::Cgroup(id, path.map(|path| path.to_string()))
        }
        (None, Some(index)) => Target::Interface(index),
        (None, None) => Target::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(program: &str, target: Target) -> Attached {
        Attached {
            program: program.into(),
            pinned: true,
            id: 1,
            tag: None,
            loaded_at: None,
            hook: "connect4".into(),
            target,
        }
    }

    #[test]
    fn a_program_whose_cgroup_is_gone_is_lacking() {
        let there = || Target::Cgroup(CgroupId(1), None);
        let mut all: Vec<_> = PROGRAMS.iter().map(|name| link(name, there())).collect();
        assert!(lacking(&all).is_empty());
        all.pop();
        let last = PROGRAMS.last().copied();
        assert_eq!(lacking(&all).first().copied(), last);
        all.push(link(last.expect("a program"), Target::Nothing));
        assert_eq!(lacking(&all).first().copied(), last);
    }
}
