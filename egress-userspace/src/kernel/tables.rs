//! The tables that say which connections concern the gateway.

use std::collections::BTreeSet;

use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{HashMap, MapData};
use egress_common::{Address, Scope, size};
use ipnet::IpNet;

use super::visible::Visible;
use super::{Hierarchy, KernelError, Reach, take};

/// Added to an IPv4 prefix's length, for the address is in its IPv4-mapped form.
const V4_PREFIX: u8 = 96;
/// What the value is does not matter; that the prefix is there does.
const PRESENT: u32 = 1;

/// The kernel's tables, with what is in them.
#[derive(Debug)]
pub(super) struct Tables {
    visible: Visible,
    scope: HashMap<MapData, u64, Scope>,
    internal: LpmTrie<MapData, Address, u32>,
    governed: BTreeSet<u64>,
    prefixes: BTreeSet<IpNet>,
}

impl Tables {
    /// Takes the maps, which are empty.
    pub(super) fn new(ebpf: &mut Ebpf, visible: Visible) -> Result<Self, KernelError> {
        Ok(Self {
            visible,
            scope: take(ebpf, "SCOPE")?,
            internal: take(ebpf, "INTERNAL")?,
            governed: BTreeSet::new(),
            prefixes: BTreeSet::new(),
        })
    }

    /// Brings the maps to `reach`. What leaves the gateway's reach goes first where that denies more
    /// (prefixes), last where it denies less (cgroups): a failure half-way never opens a way out.
    pub(super) fn set(&mut self, hierarchy: &Hierarchy, reach: &Reach) -> Result<(), KernelError> {
        check_room("governed cgroups", reach.cgroups.len(), size::SCOPE)?;
        check_room("internal prefixes", reach.internal.len(), size::INTERNAL)?;
        let governed = self.visible.ids(hierarchy, &reach.cgroups)?;
        self.retain_prefixes(&reach.internal)?;
        self.govern(&governed)?;
        self.add_prefixes(&reach.internal)?;
        self.release(&governed)
    }

    fn govern(&mut self, wanted: &BTreeSet<u64>) -> Result<(), KernelError> {
        for id in wanted.difference(&self.governed.clone()) {
            self.scope
                .insert(id, Scope::GOVERNED, 0)
                .map_err(|source| KernelError::Map {
                    map: "SCOPE",
                    source,
                })?;
            self.governed.insert(*id);
        }
        Ok(())
    }

    fn release(&mut self, wanted: &BTreeSet<u64>) -> Result<(), KernelError> {
        for id in self.governed.clone().difference(wanted) {
            self.scope.remove(id).map_err(|source| KernelError::Map {
                map: "SCOPE",
                source,
            })?;
            self.governed.remove(id);
        }
        Ok(())
    }

    fn add_prefixes(&mut self, wanted: &BTreeSet<IpNet>) -> Result<(), KernelError> {
        for net in wanted.difference(&self.prefixes.clone()) {
            self.internal
                .insert(&key(*net), PRESENT, 0)
                .map_err(|source| KernelError::Internal { net: *net, source })?;
            self.prefixes.insert(*net);
        }
        Ok(())
    }

    fn retain_prefixes(&mut self, wanted: &BTreeSet<IpNet>) -> Result<(), KernelError> {
        for net in self.prefixes.clone().difference(wanted) {
            self.internal
                .remove(&key(*net))
                .map_err(|source| KernelError::Internal { net: *net, source })?;
            self.prefixes.remove(net);
        }
        Ok(())
    }
}

fn check_room(what: &'static str, given: usize, room: usize) -> Result<(), KernelError> {
    if given <= room {
        Ok(())
    } else {
        Err(KernelError::Full { what, given, room })
    }
}

fn key(net: IpNet) -> Key<Address> {
    let length = match net {
        IpNet::V4(_) => V4_PREFIX + net.prefix_len(),
        IpNet::V6(_) => net.prefix_len(),
    };
    Key::new(length.into(), net.network().into())
}
