//! Peers outside that governed namespaces may answer: as many for each veth as it may have, and none
//! for longer than its flow lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{HashMap as BpfMap, MapData, MapError};
use egress_common::{Answerable, Peer, Veth, size};
use nix::time::{ClockId, clock_gettime};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::types::CgroupId;

use super::fill::Known;
use super::{KernelError, take};

/// How often flows that are over are removed: what a flood leaves is gone in a minute and this.
const SWEEP: Duration = Duration::from_secs(5);
/// `BPF_NOEXIST` and `BPF_EXIST`.
const NEW: u64 = 1;
const CHANGE: u64 = 2;
/// The kernel starts over where an entry goes away under the walk: so many steps are enough for one.
const STEPS: usize = 2 * size::PEERS;

/// Which veths are guarded, and how many flows each may have.
pub(super) struct Quotas(Mutex<Tables>);

struct Tables {
    veths: BpfMap<MapData, u32, Veth>,
    opened: BpfMap<MapData, u32, u64>,
}

/// The flows.
pub struct Peers {
    flows: BpfMap<MapData, Peer, Answerable>,
    quotas: Arc<Quotas>,
    known: Arc<Known>,
}

impl Peers {
    pub(super) fn new(
        ebpf: &mut Ebpf,
        known: Arc<Known>,
    ) -> Result<(Arc<Quotas>, Self), KernelError> {
        let tables = Tables {
            veths: take(ebpf, "VETHS")?,
            opened: take(ebpf, "OPENED")?,
        };
        let quotas = Arc::new(Quotas(Mutex::new(tables)));
        let peers = Self {
            flows: take(ebpf, "PEERS")?,
            quotas: Arc::clone(&quotas),
            known,
        };
        Ok((quotas, peers))
    }

    /// Removes what is over, again and again.
    pub async fn keep(self) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut peers = self;
        loop {
            ticks.tick().await;
            // A full table takes half a second.
            let swept = spawn_blocking(move || {
                let result = peers.sweep();
                (peers, result)
            });
            let Ok((back, result)) = swept.await else {
                return;
            };
            peers = back;
            if let Err(error) = result {
                warn!(%error, "cannot remove the flows that are over");
            }
        }
    }

    fn sweep(&mut self) -> Result<(), KernelError> {
        let now = now().map_err(KernelError::Clock)?;
        let mut live = self.quotas.live()?;
        let mut over = Vec::new();
        for entry in self.flows.iter().take(STEPS) {
            // An entry that goes away under the walk is no error.
            let Ok((peer, flow)) = entry else { continue };
            match live.get_mut(&peer.device()) {
                Some(flows) if !flow.is_over(now) => *flows += 1,
                Some(_) | None => over.push(peer),
            }
        }
        for peer in over {
            gone_is_fine(self.flows.remove(&peer), "PEERS")?;
        }
        let flows = live.values().fold(0, |all, flows| all + *flows);
        self.known
            .peers(usize::try_from(flows).unwrap_or(usize::MAX));
        self.quotas.renew(&live)
    }
}

impl Quotas {
    /// Makes the entries of a veth.
    pub(super) fn admit(
        &self,
        index: u32,
        netns: u64,
        cgroup: CgroupId,
        pod: Option<CgroupId>,
    ) -> Result<(), KernelError> {
        let mut tables = self.lock();
        // Where a gateway before this one made it, it is gone on from.
        let _ = tables.opened.insert(index, 0, NEW);
        let opened = tables.opened.get(&index, 0).map_err(failed("OPENED"))?;
        let quota = opened.saturating_add(size::PEERS_PER_VETH as u64);
        let veth = Veth::new(netns, cgroup.0, pod.map_or(0, |id| id.0), quota);
        tables.veths.insert(index, veth, 0).map_err(failed("VETHS"))
    }

    /// Removes the entries of a veth. Its flows go with the next sweep.
    pub(super) fn dismiss(&self, index: u32) -> Result<(), KernelError> {
        let mut tables = self.lock();
        gone_is_fine(tables.veths.remove(&index), "VETHS")?;
        gone_is_fine(tables.opened.remove(&index), "OPENED")
    }

    /// Removes the entries of the veths that don't stay.
    pub(super) fn retain(&self, stays: impl Fn(u32) -> bool) -> Result<(), KernelError> {
        let gone: Vec<_> = self
            .live()?
            .into_keys()
            .filter(|index| !stays(*index))
            .collect();
        gone.into_iter().try_for_each(|index| self.dismiss(index))
    }

    /// Each veth, with no flow yet.
    fn live(&self) -> Result<HashMap<u32, u64>, KernelError> {
        let tables = self.lock();
        tables
            .veths
            .keys()
            .map(|key| Ok((key.map_err(failed("VETHS"))?, 0)))
            .collect()
    }

    /// Lets each veth have as many flows as it may, counted from those that it has.
    fn renew(&self, live: &HashMap<u32, u64>) -> Result<(), KernelError> {
        let mut tables = self.lock();
        for (index, flows) in live {
            let room = (size::PEERS_PER_VETH as u64).saturating_sub(*flows);
            // A veth that was dismissed meanwhile stays so.
            let (Ok(veth), Ok(opened)) = (tables.veths.get(index, 0), tables.opened.get(index, 0))
            else {
                continue;
            };
            let veth = veth.with_quota(opened.saturating_add(room));
            tables
                .veths
                .insert(index, veth, CHANGE)
                .map_err(failed("VETHS"))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock that the programs have.
fn now() -> nix::Result<u64> {
    let time = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn failed(map: &'static str) -> impl Fn(MapError) -> KernelError {
    move |source| KernelError::Map { map, source }
}

/// Takes it for done that there was nothing to remove.
pub(super) fn gone_is_fine(
    result: Result<(), MapError>,
    map: &'static str,
) -> Result<(), KernelError> {
    match result {
        Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error))
            if error.io_error.raw_os_error() == Some(libc::ENOENT) =>
        {
            Ok(())
        }
        Err(source) => Err(failed(map)(source)),
    }
}
