//! `[[service]]`: an entry of the registry.

mod between;
mod parts;
mod rules;
mod traffic;

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use serde_spanned::Spanned;

use super::section::section;
use crate::types::{
    Ech, Endpoint, HostName, HostPattern, HttpJudging, Location, OnRevoke, Place, Port, Resolution,
    Selector, Service, ServiceName, TrafficPolicy, Trust,
};
pub(super) use traffic::RawTraffic;

pub(super) use between::check;
pub(super) use parts::{Label, missing};
#[cfg(test)]
pub(super) use parts::{RawEndpoint, RawPort};
#[cfg(test)]
pub(super) use traffic::{RawKeepalive, RawOutlier, RawPool, RawTcpPool, RawTls};

section! {
    /// A service as the file has it, with the places that later checks speak of.
    pub(super) RawService = "service", needs name, needs ports, checked by rules::check {
        /// Unique; a metric label.
        name: Option<Spanned<ServiceName>> = None;
        /// Names that admit a connection: exact ones, or `*.` and a name.
        hosts: Vec<Spanned<HostPattern>> = Vec::new();
        /// Where the client must have been going: addresses and CIDRs.
        addresses: Vec<Spanned<IpNet>> = Vec::new();
        /// The ports that the client may ask for.
        ports: Vec<Spanned<Port>> = Vec::new();
        /// Who may use it; without, everyone.
        from: Vec<Spanned<Selector>> = Vec::new();
        /// Refuse what it lists, whatever else admits it.
        deny: bool = false;
        /// Inside or outside the mesh; it changes no decision.
        location: Location = Location::MeshExternal;
        /// How the address to dial is found.
        resolution: Option<Spanned<Resolution>> = None;
        /// Where the service is served, for `STATIC` and `DNS`.
        endpoints: Vec<Spanned<Endpoint>> = Vec::new();
        /// How far the name that a client sends is believed.
        trust: Option<Spanned<Trust>> = None;
        /// What becomes of TLS clients that encrypt the name they want.
        ech: Option<Spanned<Ech>> = None;
        /// Which requests of a connection are judged, on ports of HTTP in the clear.
        http: Option<Spanned<HttpJudging>> = None;
        /// What becomes of its connections when a new policy forbids them: `close`, `keep` or `drain(30s)`.
        on_revoke: Option<Spanned<OnRevoke>> = None;
        /// Names of which the upstream's certificate must have one, where the gateway originates TLS.
        subject_alt_names: Vec<Spanned<HostName>> = Vec::new();
        /// How its connections are spread and bounded, as Istio's `DestinationRule`.
        traffic_policy: Option<Box<Spanned<RawTraffic>>> = None;
    }
}

impl RawService {
    /// The service as messages call it.
    pub(super) fn title(&self) -> String {
        self.name.as_ref().map_or("service".into(), |name| {
            format!("service `{}`", name.get_ref())
        })
    }

    /// How the address is found.
    pub(super) fn resolution(&self) -> Resolution {
        said(self.resolution.as_ref())
    }

    pub(super) fn into_service(self, place: Place, common: &mut Common) -> Option<Service> {
        Some(Service {
            resolution: self.resolution(),
            name: self.name?.into_inner(),
            hosts: bare(self.hosts),
            addresses: bare(self.addresses),
            ports: bare(self.ports),
            location: self.location,
            endpoints: bare(self.endpoints),
            deny: self.deny,
            from: bare(self.from),
            trust: said(self.trust.as_ref()),
            ech: said(self.ech.as_ref()),
            http: said(self.http.as_ref()),
            on_revoke: self.on_revoke.map_or(common.on_revoke, Spanned::into_inner),
            traffic: common.traffic(self.traffic_policy, self.subject_alt_names),
            place,
        })
    }
}

/// What services have in common.
#[derive(Debug, Default)]
pub(super) struct Common {
    on_revoke: OnRevoke,
    /// A registry has few different policies: those that say the same share one.
    traffic: HashMap<TrafficPolicy, Arc<TrafficPolicy>>,
    silent: Arc<TrafficPolicy>,
}

impl Common {
    /// For a registry whose services do `on_revoke` unless they say otherwise.
    pub(super) fn new(on_revoke: OnRevoke) -> Self {
        Self {
            on_revoke,
            ..Self::default()
        }
    }

    fn traffic(
        &mut self,
        raw: Option<Box<Spanned<RawTraffic>>>,
        subject_alt_names: Vec<Spanned<HostName>>,
    ) -> Arc<TrafficPolicy> {
        let Some(raw) = raw else {
            return Arc::clone(&self.silent);
        };
        let policy = raw.into_inner().into_policy(bare(subject_alt_names));
        let shared = self.traffic.entry(policy);
        let shared = shared.or_insert_with_key(|policy| Arc::new(policy.clone()));
        Arc::clone(shared)
    }
}

fn said<T: Copy + Default>(key: Option<&Spanned<T>>) -> T {
    key.map(|key| *key.get_ref()).unwrap_or_default()
}

/// The items without their places, and without the memory that those took: `collect` would keep it.
pub(super) fn bare<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    let mut bare = Vec::with_capacity(items.len());
    bare.extend(items.into_iter().map(Spanned::into_inner));
    bare
}
