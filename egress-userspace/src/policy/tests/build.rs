//! Services and claims in a few words.

use std::sync::{Arc, LazyLock};

use crate::policy::{Facts, Options, Policy, Verdict};
use crate::types::{
    Caller, CgroupId, Claim, Ech, Endpoint, EndpointAddress, Generation, HostName, Locality,
    Location, Mode, OnRevoke, OriginalDst, OutboundTrafficPolicy, Place, Port, Protocol,
    Resolution, Route, RouteDestination, RouteMatch, Selector, Service, ServiceName, Tls,
    TrafficPolicy, Trust,
};

/// A service under construction.
#[derive(Clone, Debug)]
pub(super) struct Spec(Service);

pub(super) fn service(name: &str) -> Spec {
    Spec(Service::new(name))
}

impl Spec {
    pub(super) fn named(mut self, name: &str) -> Self {
        self.0.name = ServiceName::new(name);
        self
    }

    pub(super) fn host(mut self, pattern: &str) -> Self {
        self.0.hosts.push(pattern.parse().expect("a pattern"));
        self
    }

    pub(super) fn address(mut self, net: &str) -> Self {
        self.0.addresses.push(net.parse().expect("a CIDR"));
        self
    }

    pub(super) fn port(mut self, number: u16, protocol: Protocol) -> Self {
        self.0.ports.push(Port {
            number,
            protocol,
            target_port: None,
            name: None,
        });
        self
    }

    /// Gives the last port a name and a target.
    pub(super) fn target(mut self, name: &str, target_port: Option<u16>) -> Self {
        let port = self.0.ports.last_mut().expect("a port");
        port.name = Some(name.into());
        port.target_port = target_port;
        self
    }

    pub(super) fn resolution(mut self, resolution: Resolution) -> Self {
        self.0.resolution = resolution;
        self
    }

    /// Adds an endpoint; the service is `STATIC` if it was `NONE`.
    pub(super) fn endpoint(mut self, address: &str) -> Self {
        let address = match address.parse() {
            Ok(ip) => EndpointAddress::Ip(ip),
            Err(_) => EndpointAddress::Name(address.parse().expect("a name")),
        };
        self.0.endpoints.push(Endpoint {
            address,
            ports: vec![],
            weight: 1,
            locality: None,
        });
        if self.0.resolution == Resolution::None {
            self.0.resolution = Resolution::Static;
        }
        self
    }

    /// Maps a port's name at the last endpoint.
    pub(super) fn at(mut self, name: &str, port: u16) -> Self {
        self.0
            .endpoints
            .last_mut()
            .expect("an endpoint")
            .ports
            .push((name.into(), port));
        self
    }

    pub(super) fn deny(mut self) -> Self {
        self.0.deny = true;
        self
    }

    /// Adds a selector of callers.
    pub(super) fn from(mut self, selector: Selector) -> Self {
        self.0.from.push(selector);
        self
    }

    pub(super) fn trust(mut self, trust: Trust) -> Self {
        self.0.trust = trust;
        self
    }

    pub(super) fn ech(mut self, ech: Ech) -> Self {
        self.0.ech = ech;
        self
    }

    pub(super) fn internal(mut self) -> Self {
        self.0.location = Location::MeshInternal;
        self
    }

    pub(super) fn max_connections(mut self, bound: u32) -> Self {
        let mut traffic = TrafficPolicy::default();
        traffic.pool.max_connections = Some(bound);
        self.0.traffic = Arc::new(traffic);
        self
    }

    pub(super) fn on_revoke(mut self, on_revoke: OnRevoke) -> Self {
        self.0.on_revoke = on_revoke;
        self
    }

    /// Gives the last endpoint a weight and a locality.
    pub(super) fn weighing(mut self, weight: u32, locality: &str) -> Self {
        let endpoint = self.0.endpoints.last_mut().expect("an endpoint");
        endpoint.weight = weight;
        endpoint.locality = Some(Locality::new(locality));
        self
    }

    pub(super) fn get_mut(&mut self) -> &mut Service {
        &mut self.0
    }

    pub(super) fn get(&self) -> &Service {
        &self.0
    }
}

pub(super) fn policy(services: &[Spec], options: Options) -> Policy {
    routed(services, &[], options)
}

pub(super) fn routed(services: &[Spec], routes: &[Route], options: Options) -> Policy {
    Policy::compile(&plain(services), routes, options, Generation(1))
}

pub(super) fn plain(services: &[Spec]) -> Vec<Service> {
    services.iter().map(|spec| spec.0.clone()).collect()
}

/// What holds where the DNS forwarder is on.
pub(super) const LEARNING: Options = Options {
    mode: Mode::Enforce,
    outbound: OutboundTrafficPolicy::RegistryOnly,
    learns_names: true,
};

/// Those with this uid.
pub(super) fn uid(uid: u32) -> Selector {
    Selector {
        uid: Some(uid),
        ..Selector::default()
    }
}

/// Those in this cgroup.
pub(super) fn cgroup(path: &str) -> Selector {
    Selector {
        cgroup: Some(path.parse().expect("a pattern")),
        ..Selector::default()
    }
}

/// A caller of whom nothing is known but its uid.
pub(super) fn caller(uid: u32) -> Caller {
    Caller {
        uid,
        ..Caller::unknown(CgroupId(1))
    }
}

/// A route that leads what fits `given` to services by weight.
pub(super) fn route(name: &str, given: RouteMatch, to: &[(&str, u32)]) -> Route {
    let destination = |(service, weight): &(&str, u32)| RouteDestination {
        service: ServiceName::new(service),
        port: None,
        weight: *weight,
    };
    Route {
        name: name.into(),
        matches: vec![given],
        destinations: to.iter().map(destination).collect(),
        place: Place::default(),
    }
}

pub(super) fn names(names: &[&str]) -> Vec<HostName> {
    names
        .iter()
        .map(|name| name.parse().expect("a name"))
        .collect()
}

/// A `ClientHello` with `encrypted_client_hello`.
pub(super) fn ech(name: &str) -> Claim {
    Claim::Tls(Tls {
        sni: name.parse().ok(),
        ech: true,
        ..Tls::default()
    })
}

/// A connection of a caller of whom nothing is known.
pub(super) fn facts(dst: OriginalDst, claim: &Claim) -> Facts<'_> {
    static NOBODY: LazyLock<Caller> = LazyLock::new(|| Caller::unknown(CgroupId(1)));
    Facts {
        dst,
        claim,
        caller: &NOBODY,
        learned: &[],
        draw: 0,
    }
}

/// The service that admits, or the label of the denial.
pub(super) fn outcome(policy: &Policy, to: &str, claim: &Claim) -> String {
    label(&policy.decide(&facts(dst(to), claim)))
}

/// The service that admits, `-` for none, or the label of the denial.
pub(super) fn label(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permit(permit) => permit.service().map_or("-".into(), ToString::to_string),
        Verdict::Deny(denial) => denial.reason.to_string(),
    }
}

pub(super) fn dst(text: &str) -> OriginalDst {
    OriginalDst::new(text.parse().expect("an address"))
}

/// A `ClientHello`; no name if `name` is empty.
pub(super) fn tls(name: &str) -> Claim {
    Claim::Tls(Tls {
        sni: name.parse().ok(),
        ..Tls::default()
    })
}

pub(super) fn http(name: &str) -> Claim {
    Claim::Http1 {
        host: name.parse().ok(),
    }
}

pub(super) fn h2(name: &str) -> Claim {
    Claim::Http2 {
        authority: name.parse().ok(),
    }
}

pub(super) fn opaque() -> Claim {
    Claim::Opaque
}
