//! The registry, compiled, and the one function that decides. No I/O.
//!
//! A service matches a connection if one of its ports does: the port's number is the one the client
//! asked for, the client speaks its protocol, the name is one of `hosts`, and the destination is in
//! `addresses`; what a service does not list does not matter. The name is the one that the client sent
//! or, for `TCP` services with `hosts`, one that the DNS forwarder told it for its destination.
//!
//! If a service with `deny` matches whose `from` may mean the caller, the connection is denied, in
//! whatever protocol. Else, of those that match and whose `from` means the caller, the one that admits
//! it is the one
//!
//! 1. with the most specific selector, no `from` being the least;
//! 2. found by the name that the client sent: the exact name, then the longest suffix; then one with
//!    `addresses` and no `hosts` whose protocol sends a name: any will do; then `TCP` by a learned name;
//!    then `TCP` with `addresses`; then `TCP` without, which leads to the operator's own endpoints;
//! 3. with the longest prefix of `addresses`;
//!
//! and if some match and none is for the caller, it is denied. A route may then lead it elsewhere.
//!
//! Where that neither admits nor denies a connection, the services are asked in the same way that the
//! caller's namespace has of its own.

mod explain;
mod hosts;
mod kernel;
mod lead;
mod matching;
mod nearest;
mod own;
mod permit;
mod ports;
mod profile;
mod registry;
mod resolve;
mod routes;
mod sniff;
mod snippet;
mod target;
mod terms;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

pub use explain::{
    Connection, Explanation, InvalidQuestion, Kind, LetThrough, MAX_MISSES, Miss, NoSpeech,
    Question, Said, Speech, Surroundings, Who,
};
pub use kernel::{address_rules, address_rules_below};
pub use permit::{Denial, Permit, Verdict};
pub use resolve::Resolvable;
pub use sniff::SniffPlan;
pub use snippet::{Admitting, ServiceText};
pub use target::{EndpointHost, EndpointTarget, Required, Target};
pub use terms::{Spread, Terms};

use crate::types::{
    Caller, Claim, DenyReason, Ech, Generation, HostName, Mode, OriginalDst, OutboundTrafficPolicy,
    PodMode, Protocol, Route, Service, Trust,
};
use hosts::HostIndex;
use lead::Name;
use matching::{Match, Ruling};
use own::Own;
use permit::{Admission, Way};
use ports::Ports;
use profile::By;
use registry::Registry;
use routes::Routes;

/// What holds for all services.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether denials take effect, where a caller's namespace does not say so.
    pub mode: Mode,
    /// What happens to what no service admits.
    pub outbound: OutboundTrafficPolicy,
    /// Whether the DNS forwarder knows which names callers were told: then `hosts` of `TCP` services
    /// are matched against them.
    pub learns_names: bool,
}

/// All that a decision depends on, besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where the client wanted to go.
    pub dst: OriginalDst,
    /// What it said in its first bytes.
    pub claim: &'a Claim,
    /// Who it is.
    pub caller: &'a Caller,
    /// Names that the DNS forwarder told this caller `dst` is an address of.
    pub learned: &'a [HostName],
    /// A random number, for what is chosen by weight.
    pub draw: u32,
}

/// A compiled registry. Immutable: a change is a new one.
#[derive(Debug)]
pub struct Policy {
    registry: Registry,
    /// Services by `hosts`, where any of their ports is found by name.
    names: HostIndex,
    ports: Ports,
    routes: Routes,
    /// What namespaces have of their own.
    own: Own,
    options: Options,
    generation: Generation,
}

impl Policy {
    /// Builds the indexes.
    pub fn compile(
        services: &[Service],
        routes: &[Route],
        options: Options,
        generation: Generation,
    ) -> Self {
        let registry = Registry::new(services, options.learns_names);
        let named_ports = |id| {
            let lines = registry
                .profile(id)
                .map_or(&[][..], |profile| profile.lines());
            let named = lines.iter().filter(|line| line.by != By::Address);
            named.map(|line| line.port)
        };
        let named = (0..).zip(services);
        let named = named.filter(|(id, _)| named_ports(*id).next().is_some());
        let hosts = named.flat_map(|(id, s)| s.hosts.iter().map(move |host| (host, id)));
        Self {
            names: HostIndex::new(hosts, named_ports),
            ports: ports::build(&registry, services.len()),
            routes: Routes::new(routes, services),
            own: Own::default(),
            registry,
            options,
            generation,
        }
    }

    /// Which policy this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many times services list `name`, or a pattern that has it, for this port, whoever calls from
    /// wherever to wherever: the part of a decision that grows with the registry.
    pub fn lists(&self, port: u16, name: &HostName) -> usize {
        self.named(port, name).count()
    }

    /// Decides on one connection.
    pub fn decide(&self, facts: &Facts<'_>) -> Verdict {
        let mode = self.mode(facts.caller);
        if mode == PodMode::Off {
            return Verdict::Permit(Permit::passed(facts.dst, None, mode));
        }
        let (layer, ruling) = self.ruling(facts);
        match ruling {
            Ruling::Admitted(found) if found.denies_ech(facts.claim) => {
                self.denied(facts, layer.denial_by(DenyReason::EchDenied, found.id))
            }
            Ruling::Admitted(found) => Verdict::Permit(self.permit(layer, facts, &found)),
            Ruling::Denied(by) => {
                self.denied(facts, layer.denial_by(DenyReason::ServiceDenied, by.id))
            }
            Ruling::Barred(by) => {
                self.denied(facts, layer.denial_by(DenyReason::CallerNotAllowed, by.id))
            }
            // Nothing is denied, so nothing would be. What a name would have been checked for does not
            // matter either: the connection goes where it would go without a gateway.
            Ruling::Unknown if self.options.outbound == OutboundTrafficPolicy::AllowAny => {
                let permit = Permit::passed(facts.dst, None, mode);
                // A later request may be for what is denied by name.
                Verdict::Permit(match facts.claim {
                    Claim::Http1 { .. } | Claim::Http2 { .. } if self.has_names(facts.dst) => {
                        permit.spoken(Protocol::Http)
                    }
                    _ => permit,
                })
            }
            Ruling::Unknown => self.denied(facts, self.denial_of_all(facts)),
        }
    }

    /// The right to make a connection that a service of `layer` admits.
    fn permit(&self, layer: &Self, facts: &Facts<'_>, found: &Match<'_>) -> Permit {
        let admission = Admission {
            service: layer.registry.name(found.id),
            rule: layer.registry.place(found.id),
            learned: match found.name {
                Name::Learned(name) => Some(name.clone()),
                Name::Sent(_) | Name::None => None,
            },
        };
        let terms = &found.profile.terms;
        let way = self.routes.way(facts, terms).unwrap_or_else(|| Way {
            route: None,
            terms: Arc::clone(terms),
            target: found.line.lead.target(facts.dst, found.name),
        });
        let mode = self.mode(facts.caller);
        Permit::admitted(admission, way, found.required(facts), mode).spoken(found.line.protocol)
    }

    /// Whether some service on the port is found by name.
    fn has_names(&self, dst: OriginalDst) -> bool {
        self.ports
            .get(&dst.port())
            .is_some_and(|port| port.has_names)
    }

    /// What becomes of a connection that is denied.
    fn denied(&self, facts: &Facts<'_>, denial: Denial) -> Verdict {
        let mode = self.mode(facts.caller);
        match mode {
            PodMode::Enforce => Verdict::Deny(denial),
            PodMode::Audit | PodMode::Off => {
                Verdict::Permit(Permit::passed(facts.dst, Some(denial), mode))
            }
        }
    }

    /// What is done with a caller's connections. One that is not governed comes here only if it connected before
    /// the kernel was told so.
    fn mode(&self, caller: &Caller) -> PodMode {
        caller.mode(self.options.mode)
    }
}

impl Match<'_> {
    /// A port of `TCP` is for any bytes, whatever they look like.
    fn denies_ech(&self, claim: &Claim) -> bool {
        self.profile.ech == Ech::Deny && self.line.protocol.sends_name() && has_ech(claim)
    }

    /// The name that the client sent has to have the client's destination.
    fn required(&self, facts: &Facts<'_>) -> Option<Required> {
        let Name::Sent(name) = self.name else {
            return None;
        };
        let verified = self.profile.trust == Trust::Verify
            || self.profile.ech == Ech::RequireVerifiedIp && has_ech(facts.claim);
        verified.then(|| Required {
            name: name.clone(),
            ip: facts.dst.ip(),
        })
    }
}

fn has_ech(claim: &Claim) -> bool {
    matches!(claim, Claim::Tls(tls) if tls.ech)
}
