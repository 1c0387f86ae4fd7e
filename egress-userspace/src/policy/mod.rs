//! The registry, compiled, and the one function that decides. No I/O.
//!
//! A service admits a connection if one of its ports does: the port's number is the one the client
//! asked for, the client speaks its protocol, the name sent is one of `hosts`, and the destination
//! is in `addresses`; what a service does not list does not matter. Of several that admit it:
//!
//! 1. one that was found by name comes first: the exact name, then the longest suffix;
//! 2. then one with `addresses` and no `hosts`, whose protocol sends a name: any name will do;
//! 3. then `TCP` with `addresses`;
//! 4. then `TCP` without, which leads to the operator's own endpoints;
//!
//! and within each the one with the longest prefix of `addresses`.

mod hosts;
mod kernel;
mod nearest;
mod permit;
mod ports;
mod rule;
mod sniff;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

pub use kernel::{address_rules, enforces};
pub use permit::{Denial, EndpointHost, EndpointTarget, Permit, Spread, Target, Terms, Verdict};
pub use sniff::SniffPlan;

use crate::types::{
    Caller, Claim, Generation, HostName, Mode, OriginalDst, OutboundTrafficPolicy, Protocol, Route,
    Service,
};
use hosts::HostIndex;
use ports::PortRules;
use rule::Rule;

/// What holds for all services.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether denials take effect.
    pub mode: Mode,
    /// What happens to what no service admits.
    pub outbound: OutboundTrafficPolicy,
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
    /// Rules that are found by name; those of one pattern are ordered by port.
    names: HostIndex<Arc<Rule>>,
    ports: HashMap<u16, PortRules>,
    options: Options,
    generation: Generation,
}

impl Policy {
    /// Builds the indexes.
    pub fn compile(
        services: &[Service],
        _routes: &[Route],
        options: Options,
        generation: Generation,
    ) -> Self {
        let mut named = Vec::new();
        let mut ports: HashMap<u16, PortRules> = HashMap::new();
        for service in services {
            let terms = Arc::new(Terms::of(service));
            // Datagrams are judged in the kernel alone.
            for port in service
                .ports
                .iter()
                .filter(|port| port.protocol != Protocol::Udp)
            {
                let rule = Arc::new(Rule::new(service, port, Arc::clone(&terms)));
                let by_name = port.protocol.sends_name() && !service.hosts.is_empty();
                ports.entry(port.number).or_default().add(&rule, by_name);
                if by_name {
                    named.extend(service.hosts.iter().map(|host| (host, Arc::clone(&rule))));
                }
            }
        }
        named.sort_by_key(|(_, rule)| rule.port);
        Self {
            names: HostIndex::new(named),
            ports,
            options,
            generation,
        }
    }

    /// Which policy this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How to look for a name on a connection to `dst`.
    pub fn sniff_plan(&self, dst: OriginalDst) -> SniffPlan {
        match self.ports.get(&dst.port()) {
            None => SniffPlan::unregistered(dst.port()),
            Some(port) if port.wants_claim => SniffPlan::Named,
            Some(_) => SniffPlan::Skip,
        }
    }

    /// Decides on one connection.
    pub fn decide(&self, facts: &Facts<'_>) -> Verdict {
        match self.find(facts) {
            Some(rule) => {
                Verdict::Permit(rule.permit(facts.dst, facts.claim.name(), self.options.mode))
            }
            None => self.unadmitted(facts),
        }
    }

    fn find(&self, facts: &Facts<'_>) -> Option<&Rule> {
        self.find_by_name(facts).or_else(|| {
            self.ports
                .get(&facts.dst.port())?
                .find(facts.dst.ip(), facts.claim)
        })
    }

    fn find_by_name(&self, facts: &Facts<'_>) -> Option<&Rule> {
        let mut lists = self.names.matches(facts.claim.name()?);
        lists.find_map(|rules| closest(on_port(rules, facts.dst.port()), facts))
    }

    /// What becomes of a connection that no service admits.
    fn unadmitted(&self, facts: &Facts<'_>) -> Verdict {
        let Options { mode, outbound } = self.options;
        match (outbound, mode) {
            // Nothing is denied, so nothing would be. What a name would have been checked for
            // does not matter either: the connection goes where it would go without a gateway.
            (OutboundTrafficPolicy::AllowAny, _) => {
                Verdict::Permit(Permit::passed(facts.dst, None, mode))
            }
            (OutboundTrafficPolicy::RegistryOnly, Mode::Enforce) => {
                Verdict::Deny(self.denial(facts))
            }
            (OutboundTrafficPolicy::RegistryOnly, Mode::Audit) => {
                Verdict::Permit(Permit::passed(facts.dst, Some(self.denial(facts)), mode))
            }
        }
    }
}

/// Of one pattern's rules, which are ordered by port, those on `port`.
fn on_port(rules: &[Arc<Rule>], port: u16) -> &[Arc<Rule>] {
    let start = rules.partition_point(|rule| rule.port < port);
    let rest = rules.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(|rule| rule.port == port))
        .unwrap_or_default()
}

/// The rule that admits the connection and describes its destination most closely.
fn closest<'a>(rules: &'a [Arc<Rule>], facts: &Facts<'_>) -> Option<&'a Rule> {
    let spoken = rules
        .iter()
        .filter(|rule| rule.protocol.is_spoken_by(facts.claim));
    let admitting = spoken.filter_map(|rule| Some((rule.closeness(facts.dst.ip())?, rule)));
    admitting
        .max_by_key(|(closeness, _)| *closeness)
        .map(|(_, rule)| rule.as_ref())
}
