//! How full the maps are.

use aya::Pod;
use aya::maps::lpm_trie::LpmTrie;
use aya::maps::{self, HashMap};
use egress_common::{Asker, Destination, FlowKey, Namespace, Origin, Scope, Veth};

use super::Pin;
use super::fdinfo::Map;

/// A map.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, which is the pin's.
    pub name: String,
    /// Its id.
    pub id: u32,
    /// Entries in it, for those whose fill says something and that this version knows.
    pub entries: Option<usize>,
    /// Entries that it has room for; of a ring buffer, bytes.
    pub room: u32,
    /// Bytes of kernel memory; exact from kernel 6.4.
    pub memory: u64,
}

impl Table {
    pub(super) fn read(pin: &Pin, map: Map) -> Self {
        let name = pin.name();
        // A key that goes while the map is walked sends the walk back to the beginning.
        let entries = pin
            .map()
            .and_then(|open| keys(&name, open, map.room as usize));
        Self {
            name,
            id: map.id,
            entries,
            room: map.room,
            memory: map.memory,
        }
    }
}

/// How many keys a map has, `most` at most. aya refuses one that another version laid out otherwise.
fn keys(name: &str, map: maps::Map, most: usize) -> Option<usize> {
    match name {
        "SCOPE" => hashed::<u64, Scope>(map, most),
        "NETNS" => hashed::<u64, Namespace>(map, most),
        "VETHS" => hashed::<u32, Veth>(map, most),
        "FLOWS" => hashed::<FlowKey, Origin>(map, most),
        "ASKERS" => hashed::<Asker, Origin>(map, most),
        "DESTINATIONS" => {
            let table = LpmTrie::<_, Destination, u32>::try_from(map).ok()?;
            Some(table.keys().take(most).flatten().count())
        }
        _ => None,
    }
}

fn hashed<K: Pod, V: Pod>(map: maps::Map, most: usize) -> Option<usize> {
    let table = HashMap::<_, K, V>::try_from(map).ok()?;
    Some(table.keys().take(most).flatten().count())
}
