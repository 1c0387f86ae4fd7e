//! How long the first bytes of a connection are waited for.

use super::lead::Name;
use super::matching::Ruling;
use super::{Facts, Policy};
use crate::types::{Claim, PodMode};

/// Whether to look for a name on a connection, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniffPlan {
    /// Not at all: no name decides here, or the server is the one that speaks first.
    Skip,
    /// For `sniff.timeout`: a service on the port depends on what the client sends.
    Named,
    /// As `Named`, but the connection is admitted without a name too: it is dialled at once by that,
    /// and the first bytes of either side decide whether it stays so.
    Either,
    /// For `sniff.detect_timeout`: a name changes nothing but what the log says, and how a client is
    /// told that it is denied.
    Unregistered,
}

/// Ports of protocols in which the client waits for the server's greeting (IANA's numbers). Looking
/// for a name there finds none and delays everyone; Istio's proxies leave them alone too.
const SERVER_FIRST: [u16; 11] = [
    21,   // FTP (RFC 959 section 5.4)
    22,   // SSH: both sides may begin, and some clients wait (RFC 4253 section 4.2)
    23,   // Telnet (RFC 854)
    25,   // SMTP (RFC 5321 section 3.1)
    110,  // POP3 (RFC 1939 section 4)
    119,  // NNTP (RFC 3977 section 5.1)
    143,  // IMAP (RFC 9051 section 7.1)
    220,  // IMAP3 (RFC 1203)
    587,  // message submission: SMTP (RFC 6409)
    3306, // MySQL: the server sends the first handshake packet
    5900, // VNC (RFC 6143 section 7.1.1)
];

impl Policy {
    /// How to look for a name on a connection of which all but its claim is known.
    pub fn sniff_plan(&self, facts: &Facts<'_>) -> SniffPlan {
        if self.mode(facts.caller) == PodMode::Off {
            return SniffPlan::Skip;
        }
        let silent = Facts {
            claim: &Claim::Opaque,
            ..*facts
        };
        let ruling = self.rule(&silent);
        let own = self.own_beside(&ruling, facts.caller);
        let ports = || {
            let layers = [Some(self), own].into_iter().flatten();
            layers.filter_map(|layer| Some((layer, layer.ports.get(&facts.dst.port())?)))
        };
        if ports().next().is_none() {
            return SniffPlan::unregistered(facts.dst.port());
        }
        let named = ports()
            .any(|(layer, port)| port.wants_claim(&layer.registry, facts.caller, facts.dst.ip()));
        match self.ruling_beside(ruling, own, &silent).1 {
            Ruling::Admitted(_) if !named => SniffPlan::Skip,
            _ if !ports().any(|(_, port)| port.has_claims()) => SniffPlan::Skip,
            // A service with the name may be for others: the log and the client are to be told so.
            _ if !named => SniffPlan::unregistered(facts.dst.port()),
            // What is denied by address is denied whatever is sent.
            Ruling::Denied(by) if by.name == Name::None => {
                SniffPlan::unregistered(facts.dst.port())
            }
            Ruling::Admitted(_) => SniffPlan::Either,
            Ruling::Denied(_) | Ruling::Barred(_) | Ruling::Unknown => SniffPlan::Named,
        }
    }
}

impl SniffPlan {
    /// Where no name decides.
    fn unregistered(port: u16) -> Self {
        if SERVER_FIRST.contains(&port) {
            Self::Skip
        } else {
            Self::Unregistered
        }
    }
}
