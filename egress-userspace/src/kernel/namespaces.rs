//! Which network namespaces have listeners.

use std::net::IpAddr;

use aya::maps::{HashMap, MapData, MapError};
use egress_common::{Address, Namespace};

use super::KernelError;

/// The kernel's table of listeners.
#[derive(Debug)]
pub struct Namespaces(HashMap<MapData, u64, Namespace>);

impl Namespaces {
    pub(super) fn new(map: HashMap<MapData, u64, Namespace>) -> Self {
        Self(map)
    }

    /// Turns connections of the namespace with this cookie to its listeners on `port`, from
    /// `sources`: at most one address of each family.
    pub fn serve(&mut self, cookie: u64, port: u16, sources: &[IpAddr]) -> Result<(), KernelError> {
        let source = |v4| {
            let found = sources.iter().find(|ip| ip.is_ipv4() == v4);
            found.map_or(Address::NONE, |ip| Address::from(*ip))
        };
        // What a gateway before this one listens on, while it hands over.
        let before = self.0.get(&cookie, 0).map_or([0; 2], |entry| entry.port());
        let entry = Namespace::new(port.to_be_bytes(), before, source(true), source(false));
        self.0.insert(cookie, entry, 0).map_err(netns)
    }

    /// The namespaces that a gateway before this one served.
    pub fn cookies(&self) -> Result<Vec<u64>, KernelError> {
        self.0.keys().collect::<Result<_, _>>().map_err(netns)
    }

    /// Forgets a namespace: its connections wait again.
    pub fn release(&mut self, cookie: u64) -> Result<(), KernelError> {
        self.0.remove(&cookie).map_err(netns)
    }
}

fn netns(source: MapError) -> KernelError {
    KernelError::Map {
        map: "NETNS",
        source,
    }
}
