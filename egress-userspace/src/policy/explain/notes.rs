//! What was assumed, what no registry says, and what else becomes of a connection.

use super::asked::{Asked, Whence};
use super::{Ruled, Said};
use crate::policy::matching::Ruling;
use crate::policy::ports::PortRules;
use crate::policy::words::list;
use crate::policy::{EndpointHost, EndpointTarget, Facts, Permit, Policy, Target, Verdict};
use crate::types::{Claim, DenyReason, Ech};

/// Most ports that are told where the one that was asked for is none's.
const MAX_PORTS: usize = 8;
/// Where DNS servers listen (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

impl Policy {
    pub(super) fn notes(&self, ruled: &Ruled, asked: &Asked, facts: &Facts<'_>) -> Vec<String> {
        let mut notes = self.assumed(ruled, asked);
        if ruled.reason == Some(DenyReason::PortNotInRegistry) {
            notes.extend(self.ports_nearby(facts.dst.port()));
        }
        if facts.dst.port() == DNS_PORT && self.options.learns_names {
            notes.push(
                "questions to port 53 are answered, or refused, by the gateway's own DNS".into(),
            );
        }
        if ruled.verdict == Said::Allow
            && let Verdict::Permit(permit) = self.decide(facts)
        {
            notes.extend(self.ways(&permit, asked, facts));
        }
        notes.extend(self.lookup(ruled, asked));
        notes
    }

    fn assumed(&self, ruled: &Ruled, asked: &Asked) -> Vec<String> {
        let mut notes = Vec::new();
        let (ip, port) = (asked.dst.ip(), asked.dst.port());
        let assumed = &asked.assumed;
        if assumed.speech {
            notes.push(format!("no protocol was given: taken for {}", asked.speaks));
        }
        if asked.is_address {
            notes.push("a client that is given an address sends no name".into());
        }
        if asked.unread {
            notes.push(format!(
                "on port {port} the gateway reads no name: what the client sends does not matter"
            ));
        }
        match assumed.ip.filter(|_| self.asks_address(ruled, asked)) {
            Some(Whence::Listed(id)) => notes.push(format!(
                "no address was given: taken to be {ip}, the first that `{}` lists",
                self.registry.name(id)
            )),
            Some(Whence::Nowhere) => notes.push(
                "no address was given: services that list some `addresses` were left out".into(),
            ),
            None => {}
        }
        if assumed.caller && self.asks_caller(ruled, asked) {
            notes.push(
                "nothing was said of the caller: no service with `from` admits it, and what denies some \
                 callers denies it"
                    .into(),
            );
        }
        notes.extend(assumed.cgroup.as_ref().map(|cgroup| {
            format!("the unit was taken to be where units usually are, in {cgroup}")
        }));
        notes
    }

    fn ports_nearby(&self, port: u16) -> Option<String> {
        let mut ports: Vec<_> = self.ports.keys().copied().collect();
        ports.sort_unstable_by_key(|other| (other.abs_diff(port), *other));
        ports.truncate(MAX_PORTS);
        ports.sort_unstable();
        let told = list(ports.iter().map(ToString::to_string));
        (!ports.is_empty()).then(|| format!("ports that services have, near {port}: {told}"))
    }

    /// What becomes of what is admitted.
    fn ways(&self, permit: &Permit, asked: &Asked, facts: &Facts<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((route, services)) = self.routes.destinations(facts)
            && permit.route().is_some()
        {
            let services: Vec<_> = services.map(|service| format!("`{service}`")).collect();
            let by = if services.len() > 1 {
                ", by weight"
            } else {
                ""
            };
            notes.push(format!(
                "route `{route}` leads it to {}{by}",
                list(services)
            ));
        }
        if let Some(name) = resolved(permit.target()) {
            notes.push(format!(
                "where {name} leads is only known by asking: an answer that is neither public nor one of \
                 the service's `addresses` is refused (`resolved_address_refused`)"
            ));
        }
        if let Some(required) = permit.required() {
            let name = &required.name;
            let ip = match asked.assumed.ip {
                Some(_) => "the client's address".into(),
                None => required.ip.to_string(),
            };
            notes.push(format!(
                "{ip} has to be one of `{name}`'s when the gateway asks for them, or it is denied \
                 (`sni_ip_mismatch`)"
            ));
        }
        if let (_, Ruling::Admitted(found)) = self.ruling(facts)
            && let Claim::Tls(tls) = facts.claim
            && !tls.ech
            && found.line.protocol.sends_name()
        {
            notes.extend(match found.profile.ech {
                Ech::AllowOuter => None,
                Ech::Deny => {
                    Some("a client that encrypts the name it wants is denied (`ech_denied`)".into())
                }
                Ech::RequireVerifiedIp => Some(
                    "a client that encrypts the name it wants has to connect to an address of the \
                     name in the clear (`sni_ip_mismatch`)"
                        .into(),
                ),
            });
        }
        notes
    }

    /// What the gateway's DNS says of the name, which clients ask first.
    fn lookup(&self, ruled: &Ruled, asked: &Asked) -> Option<String> {
        let name = asked.learned.first()?;
        let denial = self.resolves(name, &asked.caller).err()?;
        (ruled.reason != Some(denial.reason)).then(|| {
            format!(
                "before that, looking up `{name}` is denied (`{}`), unless `[dns]` says otherwise",
                denial.reason
            )
        })
    }

    /// Whether another destination may have another verdict.
    pub(super) fn asks_address(&self, ruled: &Ruled, asked: &Asked) -> bool {
        let port = asked.dst.port();
        let by_address = self
            .ports
            .get(&port)
            .is_some_and(PortRules::lists_addresses);
        let mut names = asked.host.iter().chain(&asked.learned);
        let lists = |id| {
            let profile = self.registry.profile(id);
            profile.is_some_and(|profile| !profile.terms.listed.is_empty())
        };
        by_address
            || names.any(|name| self.named(port, name).any(|(_, id)| lists(id)))
            || ruled.service.is_some() && self.routes.ask_address()
    }

    /// Whether another caller may have another verdict.
    pub(super) fn asks_caller(&self, ruled: &Ruled, asked: &Asked) -> bool {
        // Whether what is sent is heard may depend on the caller too.
        let facts = Facts {
            claim: &asked.sent,
            ..asked.facts()
        };
        let own = self.owned().flat_map(|own| own.matching(&facts));
        let mut matching = self.matching(&facts).chain(own);
        matching.any(|found| !found.profile.from.is_empty())
            || ruled.service.is_some() && self.routes.ask_caller()
    }
}

/// A name that is resolved.
fn resolved(target: &Target) -> Option<String> {
    let of_endpoint = |endpoint: &EndpointTarget| match &endpoint.host {
        EndpointHost::Name(name, _) => Some(format!("`{name}`")),
        EndpointHost::Address(_) => None,
    };
    match target {
        Target::Name { name, .. } | Target::Answer { name, .. } => Some(format!("`{name}`")),
        Target::Endpoints(endpoints) => endpoints.iter().find_map(of_endpoint),
        Target::Address(_) => None,
    }
}
