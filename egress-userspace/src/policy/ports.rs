//! What the registry has on each port, other than names.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use super::rule::Rule;
use crate::types::Claim;

/// The rules of one port.
#[derive(Debug, Default)]
pub(super) struct PortRules {
    /// Rules that are found by address.
    by_address: JointPrefixMap<IpNet, Vec<Arc<Rule>>>,
    /// `TCP` rules without addresses, which lead to the operator's own endpoints.
    anywhere: Option<Arc<Rule>>,
    /// Some rule is found by name.
    pub(super) has_names: bool,
    /// Some rule depends on what the client sends.
    pub(super) wants_claim: bool,
}

impl PortRules {
    pub(super) fn add(&mut self, rule: &Arc<Rule>, by_name: bool) {
        self.wants_claim |= rule.protocol.sends_name();
        self.has_names |= by_name;
        if by_name {
            return;
        }
        if rule.terms.listed.is_empty() && !rule.protocol.sends_name() {
            self.anywhere.get_or_insert_with(|| Arc::clone(rule));
        }
        for net in &rule.terms.listed {
            self.by_address
                .entry(*net)
                .or_default()
                .push(Arc::clone(rule));
        }
    }

    /// The rule that admits `claim` towards `ip`, whatever name it has. One whose protocol sends a
    /// name comes before `TCP`, a longer prefix before a shorter one, and any prefix before none.
    pub(super) fn find(&self, ip: IpAddr, claim: &Claim) -> Option<&Rule> {
        let spoken = self
            .covering(ip)
            .filter(|rule| rule.protocol.is_spoken_by(claim));
        // Of equal keys the last wins, and longer prefixes come later.
        spoken
            .max_by_key(|rule| rule.protocol.sends_name())
            .or(self.anywhere.as_deref())
    }

    /// The rules whose addresses have `ip`, shorter prefixes first.
    pub(super) fn covering(&self, ip: IpAddr) -> impl Iterator<Item = &Rule> {
        self.by_address
            .cover_values(&IpNet::from(ip))
            .flatten()
            .map(Arc::as_ref)
    }
}
