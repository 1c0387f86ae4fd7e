//! Which cgroups the programs can see. One that they can't must not seem to be governed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use egress_common::MAX_CGROUP_DEPTH;
use tracing::warn;

use crate::types::CgroupId;

use super::about::is_gateway;
use super::{Hierarchy, KernelError};

/// Where the programs attach, and where the gateway is.
#[derive(Debug)]
pub(super) struct Visible {
    attach: PathBuf,
    gateway: CgroupId,
}

impl Visible {
    /// Checks that the gateway itself is where the programs see it, which hand it connections.
    pub(super) fn new(hierarchy: &Hierarchy, attach: PathBuf) -> Result<Self, KernelError> {
        let own = hierarchy.path_of_process(process::id())?;
        let path = hierarchy.directory(&own);
        if !path.starts_with(&attach) {
            return Err(KernelError::OutsideItself { path, attach });
        }
        warn_of_company(&path);
        Ok(Self {
            attach,
            gateway: hierarchy.id(&own)?,
        })
    }

    /// The directory that the programs attach to.
    pub(super) fn attach(&self) -> &Path {
        &self.attach
    }

    /// The gateway's own cgroup.
    pub(super) fn gateway(&self) -> CgroupId {
        self.gateway
    }

    /// The id of the cgroup at this path below the mount, if it can be governed.
    pub(super) fn id(&self, hierarchy: &Hierarchy, below: &Path) -> Result<u64, KernelError> {
        let path = hierarchy.directory(below);
        if !path.starts_with(&self.attach) {
            return Err(KernelError::OutOfReach {
                path,
                attach: self.attach.clone(),
            });
        }
        let depth = below.components().skip(1).count();
        if depth >= MAX_CGROUP_DEPTH as usize {
            return Err(KernelError::TooDeep {
                path,
                depth,
                most: MAX_CGROUP_DEPTH,
            });
        }
        let id = hierarchy.id(below)?;
        if id == self.gateway {
            return Err(KernelError::GovernsItself { path });
        }
        Ok(id.0)
    }
}

/// Says so if other processes share the gateway's cgroup, and so its exemption.
fn warn_of_company(path: &Path) {
    let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let me = process::id();
    let strange = |pid: &u32| *pid != me && !is_gateway(*pid);
    let others = processes
        .lines()
        .filter_map(|pid| pid.parse().ok())
        .filter(strange)
        .count();
    if others > 0 {
        warn!(
            cgroup = %path.display(),
            others,
            "other processes share the gateway's cgroup and are exempt with it: start it in a cgroup of its own"
        );
    }
}
