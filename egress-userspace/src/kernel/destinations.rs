//! What the kernel decides by address and port alone.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData, MapError};
use egress_common::{Destination, Rule, protocol, size};
use ipnet::IpNet;

use crate::types::{AddressAction, AddressRule, Transport};

use super::fill::Known;
use super::{KernelError, Reach};

/// Added to an IPv4 prefix's length, for the address is in its IPv4-mapped form.
const V4_PREFIX: u8 = 96;
/// Two sets of rules lie in the table while one takes the other's place.
pub(super) const ROOM: usize = size::DESTINATIONS / 2;

/// The kernel's table of destinations, with what is in it.
pub(super) struct Destinations {
    table: LpmTrie<MapData, Destination, u32>,
    holds: Array<MapData, u32>,
    generation: u32,
    keys: Vec<Key<Destination>>,
    known: Arc<Known>,
}

impl Destinations {
    /// Takes the maps, with what a gateway before this one left in them.
    pub(super) fn new(
        table: LpmTrie<MapData, Destination, u32>,
        holds: Array<MapData, u32>,
        known: Arc<Known>,
    ) -> Result<Self, KernelError> {
        let generation = holds
            .get(&0, 0)
            .map_err(|source| map("GENERATION", source))?;
        let keys = table.keys().collect::<Result<_, _>>();
        let keys = keys.map_err(|source| map("DESTINATIONS", source))?;
        Ok(Self {
            table,
            holds,
            generation,
            keys,
            known,
        })
    }

    /// Puts other rules in the place of those that hold, in one step: a connection is judged by the
    /// ones or the others.
    pub(super) fn replace(&mut self, reach: &Reach) -> Result<(), KernelError> {
        let next = self.generation.wrapping_add(1);
        let mut entries = entries(next, &reach.internal, &reach.addresses);
        let whole = |destination| Key::new(Destination::BITS, destination);
        if reach.audit {
            entries.push((whole(Destination::audit(next)), Rule::Allow));
        }
        if reach.open {
            entries.push((whole(Destination::rest(next)), Rule::Allow));
        }
        if reach.dns {
            entries.push((whole(Destination::names(next)), Rule::Gateway));
        }
        if entries.len() > ROOM {
            let given = entries.len();
            return Err(KernelError::Full {
                what: "address rules",
                given,
                room: ROOM,
            });
        }
        let keys: Vec<_> = entries.iter().map(|(key, _)| *key).collect();
        if let Err(error) = self.fill(&entries).and_then(|()| self.switch(next)) {
            self.remove(&keys);
            return Err(error);
        }
        self.generation = next;
        self.known.destinations(keys.len());
        let old = std::mem::replace(&mut self.keys, keys);
        self.remove(&old);
        Ok(())
    }

    fn fill(&mut self, entries: &[(Key<Destination>, Rule)]) -> Result<(), KernelError> {
        for (key, rule) in entries {
            self.table
                .insert(key, rule.code(), 0)
                .map_err(|source| map("DESTINATIONS", source))?;
        }
        Ok(())
    }

    fn switch(&mut self, generation: u32) -> Result<(), KernelError> {
        self.holds
            .set(0, generation, 0)
            .map_err(|source| map("GENERATION", source))
    }

    /// Rules of a generation that does not hold do nothing but take room.
    fn remove(&mut self, keys: &[Key<Destination>]) {
        for key in keys {
            let _ = self.table.remove(key);
        }
    }
}

fn map(map: &'static str, source: MapError) -> KernelError {
    KernelError::Map { map, source }
}

/// The table's entries for a set of rules; of two rules for the same destination the last counts.
fn entries(
    generation: u32,
    internal: &BTreeSet<IpNet>,
    addresses: &[AddressRule],
) -> Vec<(Key<Destination>, Rule)> {
    let mesh = internal.iter().map(|net| {
        (
            key(*net, Destination::any(generation, net.network().into())),
            Rule::Internal,
        )
    });
    let mut unique = BTreeMap::new();
    for rule in addresses {
        unique.insert((rule.transport, rule.port, rule.net), rule.action);
    }
    let listed = unique.into_iter().map(|((transport, port, net), action)| {
        let port = port.to_be_bytes();
        let destination =
            Destination::new(generation, number(transport), port, net.network().into());
        (key(net, destination), code(action))
    });
    mesh.chain(listed).collect()
}

fn key(net: IpNet, destination: Destination) -> Key<Destination> {
    let length = match net {
        IpNet::V4(_) => V4_PREFIX + net.prefix_len(),
        IpNet::V6(_) => net.prefix_len(),
    };
    Key::new(Destination::prefix(length.into()), destination)
}

fn number(transport: Transport) -> u16 {
    match transport {
        Transport::Tcp => protocol::TCP,
        Transport::Udp => protocol::UDP,
    }
}

fn code(action: AddressAction) -> Rule {
    match action {
        AddressAction::Allow => Rule::Allow,
        AddressAction::Deny => Rule::Deny,
        AddressAction::Gateway => Rule::Gateway,
    }
}
