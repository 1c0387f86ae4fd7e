//! How full the maps are that can fill up, while a gateway runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aya::Pod;
use aya::maps::{HashMap, MapData};
use egress_common::{FlowKey, Namespace, Origin, Scope, Veth, size};

use super::destinations;
use super::pins::Pins;
use super::{KernelError, take};

/// The maps are not walked more often than this, however often somebody asks.
const FRESH: Duration = Duration::from_secs(1);
/// One map is walked for no longer: what is counted until then is told. A full table takes less.
const WALK: Duration = Duration::from_millis(50);

/// How full the maps are.
pub struct Fill {
    known: Arc<Known>,
    walked: Mutex<Walked>,
}

/// Entries of maps that are too large to be walked for this, kept by who makes them or goes through
/// them anyway.
#[derive(Debug, Default)]
pub(super) struct Known {
    destinations: AtomicUsize,
    peers: AtomicUsize,
}

/// How full a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The map's name.
    pub map: &'static str,
    /// Entries in it.
    pub entries: usize,
    /// Entries that it has room for.
    pub room: usize,
}

/// Maps that are walked, and what was counted the last time.
struct Walked {
    scope: HashMap<MapData, u64, Scope>,
    netns: HashMap<MapData, u64, Namespace>,
    veths: HashMap<MapData, u32, Veth>,
    flows: HashMap<MapData, FlowKey, Origin>,
    last: Option<(Instant, [Filled; 4])>,
}

impl Fill {
    /// Opens the maps a second time.
    pub(super) fn new(
        ebpf: &mut aya::Ebpf,
        pins: &Pins,
        known: Arc<Known>,
    ) -> Result<Self, KernelError> {
        let walked = Walked {
            scope: open(pins, "SCOPE")?,
            netns: open(pins, "NETNS")?,
            veths: open(pins, "VETHS")?,
            flows: take(ebpf, "FLOWS")?,
            last: None,
        };
        Ok(Self {
            known,
            walked: Mutex::new(walked),
        })
    }

    /// Counts. Takes a tenth of a second at the most, and no time if it was done a moment ago.
    pub fn read(&self) -> Vec<Filled> {
        let mut walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = [
            Filled {
                map: "DESTINATIONS",
                entries: self.known.destinations.load(Ordering::Relaxed),
                room: destinations::ROOM,
            },
            Filled {
                map: "PEERS",
                entries: self.known.peers.load(Ordering::Relaxed),
                room: size::PEERS,
            },
        ];
        walked.read().into_iter().chain(known).collect()
    }
}

impl Known {
    pub(super) fn destinations(&self, entries: usize) {
        self.destinations.store(entries, Ordering::Relaxed);
    }

    pub(super) fn peers(&self, entries: usize) {
        self.peers.store(entries, Ordering::Relaxed);
    }
}

impl Walked {
    fn read(&mut self) -> [Filled; 4] {
        if let Some((when, last)) = self.last
            && when.elapsed() < FRESH
        {
            return last;
        }
        let filled = [
            filled("SCOPE", count(&self.scope, size::SCOPE), size::SCOPE),
            filled("NETNS", count(&self.netns, size::NETNS), size::NETNS),
            filled("VETHS", count(&self.veths, size::VETHS), size::VETHS),
            filled("FLOWS", count(&self.flows, size::FLOWS), size::FLOWS),
        ];
        self.last = Some((Instant::now(), filled));
        filled
    }
}

fn filled(map: &'static str, entries: usize, room: usize) -> Filled {
    Filled { map, entries, room }
}

/// Counts keys. One that goes while the map is walked sends the walk back to the beginning: where
/// entries come and go as fast as handshakes do, some are counted twice.
fn count<K: Pod, V: Pod>(map: &HashMap<MapData, K, V>, room: usize) -> usize {
    let begun = Instant::now();
    let keys = map.keys().take(room).flatten();
    keys.take_while(|_| begun.elapsed() < WALK).count()
}

fn open<K: Pod, V: Pod>(
    pins: &Pins,
    name: &'static str,
) -> Result<HashMap<MapData, K, V>, KernelError> {
    let failed = |source| KernelError::Map { map: name, source };
    let data = MapData::from_pin(pins.map(name)).map_err(failed)?;
    HashMap::try_from(aya::maps::Map::HashMap(data)).map_err(failed)
}
