//! `[[service]]`: an entry of the registry.

mod between;
mod parts;
mod rules;

use std::sync::Arc;

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::problem::Problem;
use super::section::section;
use super::value::Marked;
use crate::types::{
    Ech, Endpoint, HostPattern, HttpJudging, Location, OnRevoke, Place, Port, Resolution, Service,
    ServiceName, Trust,
};

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
    file: &str,
    lines: &[usize],
    problems: &mut Vec<Problem>,
) -> Vec<Service> {
    between::check(&raw, listen_port, problems);
    let file: Arc<str> = file.into();
    let services = raw.into_iter().filter_map(|service| {
        let line = lines.partition_point(|start| *start <= service.span().start);
        service.into_inner().value.into_service(&file, line)
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

    fn into_service(self, file: &Arc<str>, line: usize) -> Option<Service> {
        Some(Service {
            resolution: self.resolution(),
            name: self.name?.into_inner(),
            hosts: bare(self.hosts),
            addresses: bare(self.addresses),
            ports: bare(self.ports),
            location: self.location,
            endpoints: bare(self.endpoints),
            deny: false,
            from: Vec::new(),
            trust: Trust::default(),
            ech: Ech::default(),
            http: HttpJudging::default(),
            on_revoke: OnRevoke::default(),
            traffic: Arc::default(),
            place: Place {
                file: Arc::clone(file),
                line: u32::try_from(line).unwrap_or(u32::MAX),
            },
        })
    }
}

fn bare<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    items.into_iter().map(Spanned::into_inner).collect()
}
