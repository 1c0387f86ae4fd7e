//! `[[service]]`: an entry of the registry.

mod between;
mod parts;
mod rules;

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::problem::Problem;
use super::section::section;
use super::value::Marked;
use crate::types::{Endpoint, HostPattern, Location, Port, Resolution, Service, ServiceName};

#[cfg(test)]
pub(super) use parts::{RawEndpoint, RawPort};

section! {
    /// A service as the file has it, with the places that later checks speak of.
    pub(super) RawService = "service", checked by rules::check {
        name: Option<Spanned<ServiceName>> = None;
        hosts: Vec<Spanned<HostPattern>> = Vec::new();
        addresses: Vec<Spanned<IpNet>> = Vec::new();
        ports: Vec<Spanned<Port>> = Vec::new();
        location: Location = Location::MeshExternal;
        resolution: Option<Spanned<Resolution>> = None;
        endpoints: Vec<Spanned<Endpoint>> = Vec::new();
    }
}

/// Reads the registry, and reports what is wrong between its services.
pub(super) fn read(
    raw: Vec<Spanned<Marked<RawService>>>,
    listen_port: u16,
    lines: &[usize],
    problems: &mut Vec<Problem>,
) -> Vec<Service> {
    between::check(&raw, listen_port, problems);
    let services = raw.into_iter().filter_map(|service| {
        let line = lines.partition_point(|start| *start <= service.span().start);
        service.into_inner().value.into_service(line)
    });
    services.collect()
}

impl RawService {
    /// The service as messages call it.
    fn title(&self) -> String {
        self.name.as_ref().map_or("service".into(), |name| {
            format!("service `{}`", name.get_ref())
        })
    }

    /// How the address is found.
    fn resolution(&self) -> Resolution {
        self.resolution
            .as_ref()
            .map(|r| *r.get_ref())
            .unwrap_or_default()
    }

    fn into_service(self, line: usize) -> Option<Service> {
        Some(Service {
            resolution: self.resolution(),
            name: self.name?.into_inner(),
            hosts: bare(self.hosts),
            addresses: bare(self.addresses),
            ports: bare(self.ports),
            location: self.location,
            endpoints: bare(self.endpoints),
            line,
        })
    }
}

fn bare<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    items.into_iter().map(Spanned::into_inner).collect()
}
