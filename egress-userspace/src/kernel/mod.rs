//! The kernel side: the only module that knows aya and `egress-common`.
//!
//! [`Kernel`] owns the programs, their links and the maps. Dropping it detaches everything.

mod about;
mod askers;
mod attachments;
mod caller;
mod cgroup;
mod claimed;
mod counters;
mod destinations;
mod early;
mod errno;
mod error;
mod events;
mod fill;
mod inspect;
mod namespaces;
mod object;
mod origins;
mod peers;
mod pins;
mod pods;
pub mod probe;
mod programs;
mod requests;
mod scope;
mod strict;
mod tables;
#[cfg(feature = "kernel-log")]
mod trace;
mod visible;
mod wake;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aya::maps::{Array, MapData};
use aya::programs::links::FdLink;
use aya::{Ebpf, EbpfLoader};
use egress_common::Settings;
pub use egress_common::{LISTEN_PORTS, SocketKind};
use ipnet::IpNet;
use tokio::sync::watch;
use tracing::warn;

use crate::types::{AddressRule, DenyErrno, Established, OnExit};

pub use self::askers::Askers;
pub use self::attachments::Attachments;
pub use self::claimed::Claimed;
pub use self::counters::Counters;
pub use self::early::{EarlyQueries, EarlyQuery};
pub use self::error::KernelError;
pub use self::events::{Decision, Events, Ruling};
pub use self::fill::{Fill, Filled};
pub use self::inspect::{Attached, Owner, Pinned, Removed, Table, Target, inspect, remove};
pub use self::namespaces::Namespaces;
pub use self::origins::{Origin, Origins};
pub use self::peers::Peers;
pub use self::pods::{PodCgroup, PodPaths, PodScopes};
pub use self::requests::{Requests, Wanted};
pub use self::strict::Strict;

use self::about::About;
use self::cgroup::Hierarchy;
use self::object::EmbeddedObject;
use self::pins::Pins;
use self::tables::Tables;
use self::visible::Visible;

/// How far below `kubepods` a pod is: in the cgroup of its class, but for guaranteed ones.
const PODS_BELOW: usize = 2;

/// What the programs are to do.
#[derive(Debug)]
pub struct Setup {
    /// The cgroup directory to attach to; `None`: the root of the hierarchy.
    pub attach: Option<PathBuf>,
    /// Port of the gateway's listeners.
    pub listen_port: u16,
    /// Kinds of sockets that governed tasks may have beside TCP and UDP.
    pub sockets: Vec<SocketKind>,
    /// Which connections concern the gateway.
    pub reach: Reach,
    /// Where programs and maps are pinned.
    pub bpffs: PathBuf,
    /// What is left when the gateway ends.
    pub on_exit: OnExit,
    /// What calls fail with that the programs refuse.
    pub deny_errno: DenyErrno,
    /// What becomes of TCP connections that are older than the programs.
    pub established: Established,
    /// Judge what comes out of governed namespaces on the host side of their veths too.
    pub strict: bool,
    /// Take the place of a gateway that runs.
    pub take_over: bool,
    /// Tells pods' cgroups from others; `None`: pods are not followed.
    pub pods: Option<PodPaths>,
}

/// Which connections the programs turn to the gateway. May change while they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Governed cgroups, as paths below the hierarchy's mount.
    pub cgroups: BTreeSet<PathBuf>,
    /// Destinations that are left alone.
    pub internal: BTreeSet<IpNet>,
    /// What is decided by address and port alone.
    pub addresses: Vec<AddressRule>,
    /// Denials take no effect, where a pod's namespace does not say so.
    pub audit: bool,
    /// Datagrams, and packets of other kinds, that no rule is for pass.
    pub open: bool,
    /// What governed tasks ask DNS servers, whichever they mean, goes to the gateway: datagrams and
    /// connections to port 53, loopback and the mesh included.
    pub dns: bool,
}

/// The programs, attached.
pub struct Kernel {
    hierarchy: Arc<Hierarchy>,
    tables: Tables,
    governed: watch::Sender<Vec<PathBuf>>,
    programs: Ebpf,
    // Links that are not pinned detach when these go.
    links: Vec<FdLink>,
    attachments: Attachments,
    pins: Pins,
    on_exit: OnExit,
    own: About,
}

/// The programs, loaded and configured, but not attached: nothing has changed for anyone yet.
pub struct Loaded {
    kernel: Kernel,
    attach: PathBuf,
}

/// What a running gateway takes from the kernel side.
pub struct Parts {
    /// Looks up where an accepted connection was going.
    pub origins: Origins,
    /// Looks up who sent a datagram to a listener.
    pub askers: Askers,
    /// Datagrams from where there was no listener yet.
    pub early: EarlyQueries,
    /// What the programs decide by themselves.
    pub events: Events,
    /// What they ask for.
    pub requests: Requests,
    /// Where their connections go.
    pub namespaces: Namespaces,
    /// What holds for pods.
    pub pods: PodScopes,
    /// For the veths of governed namespaces; `None`: not wanted, or not possible.
    pub strict: Option<(Strict, Peers)>,
    /// What is to be seen of the programs from outside.
    pub shown: Shown,
    /// Process id of the gateway whose place is taken.
    pub before: Option<u32>,
}

/// What is to be seen of the programs from outside.
pub struct Shown {
    /// What they count.
    pub counters: Counters,
    /// How full their maps are.
    pub fill: Fill,
    /// Which of them are attached.
    pub attachments: Attachments,
}

impl Kernel {
    /// Loads the programs, which hold the maps from then on, and writes their settings.
    ///
    /// Maps that a gateway before this one left are gone on with: what it governed stays governed.
    pub fn claim(setup: &Setup) -> Result<Claimed, KernelError> {
        let hierarchy = Arc::new(Hierarchy::find()?);
        let object = EmbeddedObject::get()?;
        let pins = Pins::new(&setup.bpffs)?;
        let mut ebpf = load(&object, &pins, errno::chosen(setup.deny_errno)?)?;
        programs::load(&mut ebpf)?;
        let watchers = programs::watch(&mut ebpf);
        let is_strict = setup.strict && Strict::load(&mut ebpf)?;
        #[cfg(feature = "kernel-log")]
        trace::start(&mut ebpf);
        let visible = Visible::new(&hierarchy, hierarchy.attach_point(setup.attach.as_deref())?)?;
        let own = About::take(&mut ebpf)?;
        let before = own.before(&hierarchy, visible.attach())?;
        match before {
            Some(pid) if !setup.take_over => return Err(KernelError::Running { pid }),
            // Two sets of programs would be attached for a while, each refusing what the other turns.
            Some(pid) if setup.on_exit == OnExit::Open => {
                return Err(KernelError::NotPinned { pid });
            }
            _ => {}
        }
        let earlier = before.map(|pid| hierarchy.of_process(pid)).transpose()?;
        let settings = Settings::new(
            setup.listen_port.to_be_bytes(),
            visible.gateway().0,
            earlier.flatten().map_or(0, |id| id.0),
            bits(&setup.sockets),
            match setup.established {
                Established::Stop => egress_common::Established::Stop,
                Established::Log => egress_common::Established::Log,
            },
            level(setup),
        );
        write_settings(&mut ebpf, settings, &pins)?;
        Ok(Claimed {
            hierarchy,
            programs: ebpf,
            watchers,
            pins,
            is_strict,
            visible,
            own,
            before,
        })
    }

    /// Changes which connections concern the gateway; on an error as little as possible has changed,
    /// and what was governed before still is.
    pub fn set_reach(&mut self, reach: &Reach) -> Result<(), KernelError> {
        self.tables.set(&self.hierarchy, reach)?;
        self.governed
            .send_replace(self.hierarchy.directories(&reach.cgroups));
        Ok(())
    }

    /// Governs those of `cgroups` that were removed and made again under their old path; gives them.
    pub fn renew(&mut self, cgroups: &BTreeSet<PathBuf>) -> Result<Vec<PathBuf>, KernelError> {
        self.tables.renew(&self.hierarchy, cgroups)
    }

    /// The process id of the gateway that serves the programs now: another one's, once it has taken over.
    pub fn served_by(&self) -> Result<u32, KernelError> {
        self.own.pid()
    }
}

impl Loaded {
    /// The directories of the governed cgroups, now and whenever they change.
    pub fn governed(&self) -> watch::Receiver<Vec<PathBuf>> {
        self.kernel.governed.subscribe()
    }

    /// Attaches the programs: from here on connections come to the listeners.
    pub fn attach(mut self) -> Result<Kernel, KernelError> {
        let Kernel {
            programs,
            links,
            attachments,
            pins,
            on_exit,
            own,
            ..
        } = &mut self.kernel;
        match on_exit {
            OnExit::Closed => {
                programs::attach(programs, &self.attach, Some(pins))?;
                attachments.made(programs, Some(pins));
                pins.remove_others()?;
            }
            OnExit::Open => {
                links.extend(programs::attach(programs, &self.attach, None)?);
                attachments.made(programs, None);
                programs::unpin(pins)?;
                strict::forget_all(pins)?;
            }
        }
        own.write(&self.attach)?;
        Ok(self.kernel)
    }
}

fn load(object: &EmbeddedObject, pins: &Pins, errno: i32) -> Result<Ebpf, KernelError> {
    let mut loader = EbpfLoader::new();
    loader.override_global(errno::GLOBAL, &errno, true);
    for name in pins::MAPS {
        loader.map_pin_path(name, pins.map(name));
    }
    loader.load(object.bytes()).map_err(KernelError::Load)
}

/// Writes the settings. Programs that are attached already and have stopped connections from before them
/// go on to: they have marked none of those that they judged since, and cannot tell the two apart.
fn write_settings(ebpf: &mut Ebpf, settings: Settings, pins: &Pins) -> Result<(), KernelError> {
    let failed = |source| KernelError::Map { map: "CFG", source };
    let mut map: Array<MapData, Settings> = take(ebpf, "CFG")?;
    let earlier = map.get(&0, 0).map_err(failed)?;
    let stops = earlier.is_current() && !earlier.lets_established();
    let settings = if stops && settings.lets_established() && programs::are_pinned(pins)? {
        warn!(
            "established = \"log\" comes too late: connections from before the programs have been stopped since these were attached, and are until `egress cleanup` detaches them"
        );
        settings.stopping()
    } else {
        settings
    };
    map.set(0, settings, 0).map_err(failed)
}

fn strict(
    ebpf: &mut Ebpf,
    setup: &Setup,
    pins: &Pins,
    is_strict: bool,
    known: &Arc<fill::Known>,
    pods: &PodScopes,
) -> Result<Option<(Strict, Peers)>, KernelError> {
    if !is_strict {
        strict::forget_all(pins)?;
        return Ok(None);
    }
    let pins = (setup.on_exit == OnExit::Closed).then(|| pins.clone());
    Strict::new(ebpf, pins, Arc::clone(known), pods.clone()).map(Some)
}

/// Where most governed tasks have the cgroup whose entry decides: the deepest of those that are listed, or the
/// pods below it.
fn level(setup: &Setup) -> u32 {
    let depth = |path: &PathBuf| path.components().skip(1).count();
    let listed = setup.reach.cgroups.iter().map(depth).max().unwrap_or(0);
    let below = setup.pods.as_ref().map_or(0, |_| PODS_BELOW);
    u32::try_from(listed + below).unwrap_or(0)
}

fn bits(kinds: &[SocketKind]) -> u32 {
    kinds.iter().fold(0, |bits, kind| bits | *kind as u32)
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
