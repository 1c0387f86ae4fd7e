//! The kernel side: the only module that knows aya and `egress-common`.
//!
//! [`Kernel`] owns the programs, their links and the maps. Dropping it detaches everything.

mod caller;
mod cgroup;
mod counters;
mod error;
mod events;
mod exempt;
mod object;
mod origins;
mod programs;
mod tables;
#[cfg(feature = "kernel-log")]
mod trace;
mod visible;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aya::maps::{Array, MapData};
use aya::{Ebpf, EbpfLoader};
use egress_common::Settings;
use ipnet::IpNet;

use crate::types::CgroupId;

pub use self::counters::Counters;
pub use self::error::KernelError;
pub use self::events::{Events, Refusal};
pub use self::exempt::Exempt;
pub use self::origins::{Origin, Origins};

use self::cgroup::Hierarchy;
use self::object::EmbeddedObject;
use self::tables::Tables;
use self::visible::Visible;

/// What the programs are to do.
#[derive(Debug)]
pub struct Setup {
    /// The cgroup directory to attach to; `None`: the root of the hierarchy.
    pub attach: Option<PathBuf>,
    /// Port of the gateway's listeners.
    pub listen_port: u16,
    /// Cookie of the network namespace that has them.
    pub netns: u64,
    /// Which connections concern the gateway.
    pub reach: Reach,
}

/// Which connections the programs turn to the gateway. May change while they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Governed cgroups, as paths below the hierarchy's mount.
    pub cgroups: BTreeSet<PathBuf>,
    /// Destinations that are left alone.
    pub internal: BTreeSet<IpNet>,
}

/// The programs, attached.
#[derive(Debug)]
pub struct Kernel {
    hierarchy: Arc<Hierarchy>,
    tables: Tables,
    // Holds the programs, whose links detach when it goes.
    programs: Ebpf,
}

/// The programs, loaded and configured, but not attached: nothing has changed for anyone yet.
#[derive(Debug)]
pub struct Loaded {
    kernel: Kernel,
    attach: PathBuf,
}

/// What a running gateway takes from the kernel side.
pub struct Parts {
    /// Looks up where an accepted connection was going.
    pub origins: Origins,
    /// Marks the gateway's own sockets.
    pub exempt: Exempt,
    /// What the programs refuse.
    pub events: Events,
    /// What the programs count.
    pub counters: Counters,
}

impl Kernel {
    /// Loads the programs, which hold the maps from then on, and writes their settings and tables.
    pub fn load(setup: &Setup) -> Result<(Loaded, Parts), KernelError> {
        let hierarchy = Arc::new(Hierarchy::find()?);
        let object = EmbeddedObject::get()?;
        let mut ebpf = EbpfLoader::new()
            .load(object.bytes())
            .map_err(KernelError::Load)?;
        programs::load(&mut ebpf)?;
        #[cfg(feature = "kernel-log")]
        trace::start(&mut ebpf);
        let attach = hierarchy.attach_point(setup.attach.as_deref())?;
        let visible = Visible::new(&hierarchy, attach)?;
        write_settings(&mut ebpf, setup, visible.gateway())?;
        let attach = visible.attach().to_owned();
        let mut tables = Tables::new(&mut ebpf, visible)?;
        tables.set(&hierarchy, &setup.reach)?;
        let parts = Parts {
            origins: Origins::new(take(&mut ebpf, "ACC")?, Arc::clone(&hierarchy)),
            exempt: Exempt::new(take(&mut ebpf, "EXEMPT")?),
            events: Events::new(take(&mut ebpf, "EVENTS")?, Arc::clone(&hierarchy)),
            counters: Counters::new(take(&mut ebpf, "COUNTERS")?),
        };
        let kernel = Self {
            hierarchy,
            tables,
            programs: ebpf,
        };
        Ok((Loaded { kernel, attach }, parts))
    }

    /// Changes which connections concern the gateway; on an error as little as possible has changed,
    /// and what was governed before still is.
    pub fn set_reach(&mut self, reach: &Reach) -> Result<(), KernelError> {
        self.tables.set(&self.hierarchy, reach)
    }
}

impl Loaded {
    /// Attaches the programs: from here on connections come to the listeners.
    pub fn attach(mut self) -> Result<Kernel, KernelError> {
        programs::attach(&mut self.kernel.programs, &self.attach)?;
        Ok(self.kernel)
    }
}

fn write_settings(ebpf: &mut Ebpf, setup: &Setup, gateway: CgroupId) -> Result<(), KernelError> {
    let settings = Settings::new(setup.listen_port.to_be_bytes(), gateway.0, setup.netns);
    let mut map: Array<MapData, Settings> = take(ebpf, "CFG")?;
    map.set(0, settings, 0)
        .map_err(|source| KernelError::Map { map: "CFG", source })
}

/// Takes a map out of the object, as its type.
fn take<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, KernelError>
where
    M: TryFrom<aya::maps::Map, Error = aya::maps::MapError>,
{
    let map = ebpf
        .take_map(name)
        .ok_or(KernelError::Missing { kind: "map", name })?;
    M::try_from(map).map_err(|source| KernelError::Map { map: name, source })
}
