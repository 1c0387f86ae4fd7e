//! What this kernel and this node can do, feature by feature, and what that means for enforcement.
//!
//! Each check is data: what is looked for, what it is good for, what happens without it, and what
//! to do. The files of this module only look.

mod capabilities;
mod cgroups;
mod check;
mod features;
mod frames;
mod mounts;
mod network;
mod release;
mod report;
mod rights;

use crate::config::Config;

pub use check::{Check, State};
pub use report::{Report, Unfit};

/// Examines this kernel, this node and this process; with a configuration also whether they suffice
/// for what it asks. Nothing that is tried stays.
pub fn examine(config: Option<&Config>) -> Report {
    Report::new(vec![
        (
            "kernel",
            [release::checks(), mounts::types(), features::checks()].concat(),
        ),
        ("cgroups", cgroups::checks(config)),
        ("pins", mounts::pins(config)),
        (
            "privileges",
            [capabilities::checks(), rights::checks(config)].concat(),
        ),
        ("network", network(config)),
    ])
}

/// Whether the gateway can run here at all: kernel 5.15, cgroup v2 and BTF. What else may be lacking
/// is found out by doing it.
pub fn required() -> Result<(), Unfit> {
    let checks = [release::checks(), mounts::types(), cgroups::hierarchy()].concat();
    let lacking: Vec<_> = checks
        .into_iter()
        .filter(|c| c.state == State::Missing)
        .collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Unfit(lacking))
    }
}

fn network(config: Option<&Config>) -> Vec<Check> {
    let frames = config.map(frames::check);
    std::iter::once(network::ipv6()).chain(frames).collect()
}
