//! Which names the DNS forwarder may answer.

use std::net::IpAddr;
use std::sync::Arc;

use super::hosts::HostMatch;
use super::profile::{By, Line, Profile, Selection};
use super::{Denial, Policy, Terms};
use crate::types::{
    Caller, DenyReason, HostName, Location, OutboundTrafficPolicy, PodMode, ServiceName,
};

/// The right to have one name resolved.
#[derive(Clone, Debug, Default)]
pub struct Resolvable {
    service: Option<ServiceName>,
    /// Of each service that has the name for this caller.
    terms: Vec<Arc<Terms>>,
    would_deny: Option<Denial>,
}

impl Resolvable {
    /// The closest service that has the name; `None`: it is let through unregistered.
    pub fn service(&self) -> Option<&ServiceName> {
        self.service.as_ref()
    }

    /// Whether a service that has the name lists `ip`: then an answer may be it although it is not
    /// public.
    pub fn lists(&self, ip: IpAddr) -> bool {
        self.terms.iter().any(|terms| terms.lists(ip))
    }

    /// Whether a service that has the name is inside the mesh: then an answer may be private.
    pub fn is_internal(&self) -> bool {
        let internal = |terms: &Arc<Terms>| terms.location == Location::MeshInternal;
        self.terms.iter().any(internal)
    }

    /// What enforcement would have said, in audit mode.
    pub fn would_deny(&self) -> Option<&Denial> {
        self.would_deny.as_ref()
    }
}

/// A service that has a name, for one caller.
#[derive(Clone, Copy)]
struct Holder<'a> {
    id: u32,
    profile: &'a Profile,
    rank: (Selection, HostMatch),
}

impl Policy {
    /// Whether `caller` may have `name` resolved: some connection of its by that name, to some address
    /// and port, could be admitted.
    pub fn resolves(&self, name: &HostName, caller: &Caller) -> Result<Resolvable, Denial> {
        let mode = self.mode(caller);
        if mode == PodMode::Off {
            return Ok(Resolvable::default());
        }
        let denial = match self.resolvable(name, caller) {
            Ok(resolvable) => return Ok(resolvable),
            Err(denial) => denial,
        };
        let unregistered = denial.reason == DenyReason::HostNotInRegistry;
        let passes = unregistered && self.options.outbound == OutboundTrafficPolicy::AllowAny;
        if !passes && let Some(own) = self.resolvable_by_own(name, caller) {
            return Ok(own);
        }
        match (self.options.outbound, mode) {
            (OutboundTrafficPolicy::AllowAny, _) if unregistered => Ok(Resolvable::default()),
            (_, PodMode::Enforce) => Err(denial),
            (_, PodMode::Audit | PodMode::Off) => Ok(Resolvable {
                would_deny: Some(denial),
                ..Resolvable::default()
            }),
        }
    }

    fn resolvable(&self, name: &HostName, caller: &Caller) -> Result<Resolvable, Denial> {
        let holders: Vec<_> = self.holders(name, caller).collect();
        let (denying, allowing): (Vec<_>, Vec<_>) = holders
            .iter()
            .partition::<Vec<&Holder<'_>>, _>(|holder| holder.profile.deny);
        let (barred, allowing): (Vec<_>, Vec<_>) = allowing
            .into_iter()
            .partition::<Vec<&Holder<'_>>, _>(|holder| holder.rank.0 == Selection::Nobody);
        let denied = match self.closest(&allowing, &denying) {
            Ok(resolvable) => return Ok(resolvable),
            Err(denied) => denied,
        };
        let barred = barred.into_iter().max_by_key(|holder| holder.rank);
        Err(match (denied, barred) {
            (Some(by), _) => self.denial_by(DenyReason::ServiceDenied, by.id),
            (None, Some(by)) => self.denial_by(DenyReason::CallerNotAllowed, by.id),
            (None, None) => DenyReason::HostNotInRegistry.into(),
        })
    }

    /// The same by what the caller's namespace has of its own, but for what this registry denies.
    fn resolvable_by_own(&self, name: &HostName, caller: &Caller) -> Option<Resolvable> {
        let own = self.own_of(caller)?;
        let holders: Vec<_> = own.holders(name, caller).collect();
        let allowing = holders.iter();
        let allowing = allowing.filter(|holder| holder.rank.0 != Selection::Nobody);
        let denying: Vec<_> = self.holders(name, caller).collect();
        let denying = denying.iter().filter(|holder| holder.profile.deny);
        own.closest(&allowing.collect::<Vec<_>>(), &denying.collect::<Vec<_>>())
            .ok()
    }

    /// The closest of the services of this registry that have a name; else one that denies it.
    fn closest<'a>(
        &self,
        allowing: &[&Holder<'_>],
        denying: &[&'a Holder<'a>],
    ) -> Result<Resolvable, Option<&'a Holder<'a>>> {
        let denial_on = |line: &Line| {
            let mut denying = denying.iter();
            denying.find(|by| by.denies_everywhere(line.port)).copied()
        };
        let mut denied = None;
        let mut terms = Vec::new();
        let mut closest: Option<&Holder<'_>> = None;
        for holder in allowing {
            // One port on which the name may be asked for is enough.
            if holder.lines().any(|line| denial_on(line).is_none()) {
                terms.push(Arc::clone(&holder.profile.terms));
                if closest.is_none_or(|closest| closest.rank < holder.rank) {
                    closest = Some(holder);
                }
            } else {
                denied = denied.or_else(|| holder.lines().find_map(denial_on));
            }
        }
        closest
            .map(|closest| Resolvable {
                service: Some(self.registry.name(closest.id)),
                terms,
                would_deny: None,
            })
            .ok_or(denied)
    }

    /// Every service that lists `name`, once for each of its patterns.
    fn holders(&self, name: &HostName, caller: &Caller) -> impl Iterator<Item = Holder<'_>> {
        let lists = self.names.matches(name);
        let ids = lists.flat_map(|(host, ids)| ids.all().map(move |id| (host, id)));
        ids.filter_map(move |(host, id)| {
            let profile = self.registry.profile(id)?;
            Some(Holder {
                id,
                profile,
                rank: (profile.selects(caller), host),
            })
        })
    }
}

impl Holder<'_> {
    /// The ports on which the name matters.
    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.profile
            .lines()
            .iter()
            .filter(|line| line.by != By::Address)
    }

    /// Whether nothing that has the name can be admitted on `port`.
    fn denies_everywhere(&self, port: u16) -> bool {
        self.rank.0 != Selection::Nobody
            && self.profile.terms.listed.is_empty()
            && self.profile.on(port).any(|line| line.by != By::Address)
    }
}
