//! Services and claims in a few words.

use std::sync::{Arc, LazyLock};

use crate::policy::{Facts, Options, Policy, Verdict};
use crate::types::{
    Caller, CgroupId, Claim, Ech, Endpoint, EndpointAddress, Generation, HttpJudging, Location,
    OnRevoke, OriginalDst, Place, Port, Protocol, Resolution, Service, ServiceName, Tls, Trust,
};

/// A service under construction.
#[derive(Clone, Debug)]
pub(super) struct Spec(Service);

pub(super) fn service(name: &str) -> Spec {
    Spec(Service {
        name: ServiceName::new(name),
        hosts: vec![],
        addresses: vec![],
        ports: vec![],
        location: Location::MeshExternal,
        resolution: Resolution::None,
        endpoints: vec![],
        deny: false,
        from: vec![],
        trust: Trust::Redial,
        ech: Ech::AllowOuter,
        http: HttpJudging::EveryRequest,
        on_revoke: OnRevoke::Close,
        traffic: Arc::default(),
        place: Place::default(),
    })
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

    pub(super) fn get(&self) -> &Service {
        &self.0
    }
}

pub(super) fn policy(services: &[Spec], options: Options) -> Policy {
    let services: Vec<_> = services.iter().map(|spec| spec.0.clone()).collect();
    Policy::compile(&services, &[], options, Generation(1))
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
    match policy.decide(&facts(dst(to), claim)) {
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
