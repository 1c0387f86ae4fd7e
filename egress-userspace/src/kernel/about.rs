//! Which gateway serves the programs.

use std::fs;
use std::path::Path;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use aya::Ebpf;
use aya::maps::{Array, MapData, MapError};

use crate::types::CgroupId;

use super::cgroup::id_of;
use super::pins::ABOUT;
use super::{Hierarchy, KernelError, take};

/// The map's one entry.
const INDEX: u32 = 0;

/// The entry that a gateway makes of itself.
pub(super) struct About(Array<MapData, egress_common::About>);

impl About {
    /// Takes the map.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        take(ebpf, ABOUT).map(Self)
    }

    /// The process id of another gateway that serves the programs now. Fails if they are attached
    /// to another cgroup than the one at `attach`.
    pub(super) fn before(
        &self,
        hierarchy: &Hierarchy,
        attach: &Path,
    ) -> Result<Option<u32>, KernelError> {
        let entry = self.0.get(&INDEX, 0).map_err(map)?;
        let pid = entry.pid();
        if pid == 0 {
            return Ok(None);
        }
        let id = id_of(attach)?;
        if entry.attach() != id.0 && hierarchy.path(CgroupId(entry.attach())).is_some() {
            return Err(KernelError::AttachedElsewhere {
                attach: attach.to_owned(),
            });
        }
        Ok(is_gateway(pid).then_some(pid))
    }

    /// The process id of the gateway that serves the programs now; 0: there has been none.
    pub(super) fn pid(&self) -> Result<u32, KernelError> {
        let entry = self.0.get(&INDEX, 0).map_err(map)?;
        Ok(entry.pid())
    }

    /// Says that it is this process from now on.
    pub(super) fn write(&mut self, attach: &Path) -> Result<(), KernelError> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let version = env!("CARGO_PKG_VERSION");
        let attach = id_of(attach)?.0;
        let entry = egress_common::About::new(version, process::id(), since, attach);
        self.0.set(INDEX, entry, 0).map_err(map)
    }
}

/// Whether a process runs the same program as this one: its id alone may be another's by now.
pub(super) fn is_gateway(pid: u32) -> bool {
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    pid != process::id() && name(&pid.to_string()).is_some_and(|comm| Some(comm) == name("self"))
}

fn map(source: MapError) -> KernelError {
    KernelError::Map { map: ABOUT, source }
}
