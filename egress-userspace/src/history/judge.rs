//! What enforcement of a configuration would say.

use std::net::IpAddr;

use ipnet::IpNet;

use super::question::{Connection, Question, Unjudged};
use crate::config::Config;
use crate::dns::{self, ForwardSettings, Scope};
use crate::policy::{Denial, Facts, Options, Permit, Policy, SniffPlan, Verdict, address_rules};
use crate::settings;
use crate::types::{
    AddressAction, AddressRule, Claim, DenyReason, Generation, Mode, OriginalDst,
    OutboundTrafficPolicy, Transport,
};

/// Answers questions as a gateway with this configuration would that enforces it, whatever its `mode` is.
#[derive(Debug)]
pub struct Judge {
    policy: Policy,
    internal: Vec<IpNet>,
    /// Whether datagrams pass that no service has.
    lenient: bool,
    /// Of datagrams alone, ordered by port.
    datagrams: Vec<AddressRule>,
    forward: ForwardSettings,
}

/// What a configuration says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It goes on.
    Permit(Permit),
    /// It goes on: nothing there is judged.
    Untouched,
    /// It is a datagram, or a lookup, that goes on.
    Passed,
    /// It is denied.
    Deny(Denial),
    /// That can't be told.
    Unknown(Unjudged),
}

impl Judge {
    /// Of this configuration, compiled.
    pub fn new(config: &Config) -> Self {
        let options = Options {
            mode: Mode::Enforce,
            ..settings::policy(config)
        };
        let (services, routes) = (&config.services, &config.routes);
        let rules = address_rules(services, routes, options).into_iter();
        let mut datagrams: Vec<_> = rules
            .filter(|rule| rule.transport == Transport::Udp)
            .collect();
        datagrams.sort_unstable_by_key(|rule| rule.port);
        let internal = config.gateway.internal.iter();
        Self {
            policy: Policy::compile(services, routes, options, Generation(1))
                .with_own(config.namespaces.services()),
            internal: internal.map(|internal| internal.net()).collect(),
            lenient: options.outbound == OutboundTrafficPolicy::AllowAny,
            datagrams,
            forward: settings::forwarder(config, Vec::new()),
        }
    }

    /// What it says of a connection, a datagram or a lookup.
    pub fn answer(&self, question: &Question<'_>) -> Answer {
        match question {
            Question::Connection(connection) => self.connection(connection),
            Question::Datagram(dst) => self.datagram(*dst),
            // Then the servers are asked, and not the gateway.
            Question::Lookup { .. } if self.forward.scope == Scope::Off => {
                Answer::Unknown(Unjudged::Lookup)
            }
            Question::Lookup { name, caller } => {
                dns::may_ask(&self.policy, &self.forward, name, caller)
                    .map_or_else(Answer::Deny, |()| Answer::Passed)
            }
        }
    }

    fn connection(&self, connection: &Connection<'_>) -> Answer {
        if self.passes(connection.dst.ip()) {
            return Answer::Untouched;
        }
        let facts = connection.facts();
        if !connection.was_read && self.wants_name(&facts) {
            return Answer::Unknown(Unjudged::Unread);
        }
        match self.policy.decide(&facts) {
            Verdict::Permit(_) if connection.failed_to_dial => Answer::Unknown(Unjudged::Dialled),
            Verdict::Permit(permit) => Answer::Permit(permit),
            Verdict::Deny(denial) => Answer::Deny(denial),
        }
    }

    /// The rule with the longest prefix holds.
    fn datagram(&self, dst: OriginalDst) -> Answer {
        if self.passes(dst.ip()) {
            return Answer::Untouched;
        }
        let from = self
            .datagrams
            .partition_point(|rule| rule.port < dst.port());
        let on_port = self
            .datagrams
            .iter()
            .skip(from)
            .take_while(|rule| rule.port == dst.port());
        let covering = on_port.filter(|rule| rule.net.contains(&dst.ip()));
        match covering.max_by_key(|rule| rule.net.prefix_len()) {
            Some(rule) if rule.action == AddressAction::Allow => Answer::Passed,
            None if self.lenient => Answer::Passed,
            _ => Answer::Deny(DenyReason::DatagramNotInRegistry.into()),
        }
    }

    /// Whether nothing that goes there is judged.
    fn passes(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.internal.iter().any(|net| net.contains(&ip))
    }

    /// Whether it would look for a name in the first bytes, where that matters.
    fn wants_name(&self, facts: &Facts<'_>) -> bool {
        let silent = Facts {
            claim: &Claim::Opaque,
            ..*facts
        };
        match self.policy.sniff_plan(&silent) {
            SniffPlan::Named | SniffPlan::Either => true,
            SniffPlan::Skip | SniffPlan::Unregistered => false,
        }
    }
}
