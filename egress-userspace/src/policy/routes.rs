//! Routes: where admitted connections go instead.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use ipnet::IpNet;

use super::Facts;
use super::hosts::{HostIndex, offset};
use super::lead::listed;
use super::permit::Way;
use super::target::{EndpointTarget, Target};
use super::terms::Terms;
use crate::types::{
    HostName, Protocol, Route, RouteDestination, RouteMatch, Selected, Selector, Service,
    ServiceName,
};

/// All routes, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Routes {
    compiled: Vec<Compiled>,
    matches: Vec<Condition>,
    /// Matches with `sni_hosts`.
    named: HostIndex,
    /// The others, in their order.
    unnamed: Vec<u32>,
}

#[derive(Debug)]
struct Compiled {
    name: Arc<str>,
    destinations: Box<[Destination]>,
}

/// One of a route's matches, all but its names.
#[derive(Debug)]
struct Condition {
    route: u32,
    subnets: Box<[IpNet]>,
    port: Option<u16>,
    from: Box<[Selector]>,
}

/// A service that a route leads to.
#[derive(Debug)]
struct Destination {
    service: ServiceName,
    weight: u32,
    port: Option<u16>,
    terms: Arc<Terms>,
    /// By port.
    targets: Box<[(u16, Arc<[EndpointTarget]>)]>,
}

impl Routes {
    pub(super) fn new(routes: &[Route], services: &[Service]) -> Self {
        if routes.is_empty() {
            return Self::default();
        }
        let services: HashMap<_, _> = services.iter().map(|s| (&s.name, s)).collect();
        let compiled = routes.iter().map(|route| Compiled {
            name: route.name.as_str().into(),
            destinations: route
                .destinations
                .iter()
                .map(|to| Destination::new(to, services.get(&to.service).copied()))
                .collect(),
        });
        let conditions = || {
            (0..)
                .zip(routes)
                .flat_map(|(route, r)| r.matches.iter().map(move |m| (route, m)))
        };
        let numbered = || (0..).zip(conditions().map(|(_, condition)| condition));
        let hosts = numbered().flat_map(|(id, m)| m.sni_hosts.iter().map(move |host| (host, id)));
        let hosts: Vec<_> = hosts.collect();
        Self {
            compiled: compiled.collect(),
            matches: conditions()
                .map(|(route, m)| Condition::new(route, m))
                .collect(),
            named: HostIndex::new(hosts.iter().copied(), |_| iter::once(ANY_PORT)),
            unnamed: numbered()
                .filter(|(_, m)| m.sni_hosts.is_empty())
                .map(|(id, _)| id)
                .collect(),
        }
    }

    /// Where the first route that applies leads a connection that was admitted on `terms`.
    pub(super) fn way(&self, facts: &Facts<'_>, terms: &Arc<Terms>) -> Option<Way> {
        let route = self.first(facts)?;
        let destination = route.draw(facts.draw);
        let target = destination.and_then(|to| to.target(facts.dst.port()));
        Some(Way {
            route: Some(Box::new((
                Arc::clone(&route.name),
                destination.map_or_else(|| ServiceName::new(""), |to| to.service.clone()),
            ))),
            terms: destination.map_or_else(Arc::default, |to| joined(terms, &to.terms)),
            // A route that leads nowhere must not lead to where it leads away from.
            target: Target::Endpoints(target.unwrap_or_default()),
        })
    }

    /// The first route that applies, and the services that it leads to.
    pub(super) fn destinations(
        &self,
        facts: &Facts<'_>,
    ) -> Option<(&str, impl Iterator<Item = &ServiceName>)> {
        let route = self.first(facts)?;
        let services = route.destinations.iter().map(|to| &to.service);
        Some((&route.name, services))
    }

    /// Whether some route goes by where the client wanted to go.
    pub(super) fn ask_address(&self) -> bool {
        self.matches.iter().any(|given| !given.subnets.is_empty())
    }

    /// Whether some route goes by who asks.
    pub(super) fn ask_caller(&self) -> bool {
        self.matches.iter().any(|given| !given.from.is_empty())
    }

    fn first(&self, facts: &Facts<'_>) -> Option<&Compiled> {
        let applies = |id: &u32| {
            self.matches
                .get(*id as usize)
                .is_some_and(|condition| condition.fits(facts))
        };
        let by_name = |name: &HostName| {
            let ids = self.named.matches(name).flat_map(|(_, ids)| ids.all());
            ids.filter(applies).min()
        };
        let named = facts.claim.name().and_then(by_name);
        let unnamed = self.unnamed.iter().copied().find(applies);
        let first = named.into_iter().chain(unnamed).min()?;
        let route = self.matches.get(first as usize)?.route;
        self.compiled.get(route as usize)
    }
}

/// Matches are told apart by more than the port, so they are all kept under one.
const ANY_PORT: u16 = 0;

impl Condition {
    fn new(route: usize, given: &RouteMatch) -> Self {
        Self {
            route: offset(route),
            subnets: given.destination_subnets.as_slice().into(),
            port: given.port,
            from: given.from.as_slice().into(),
        }
    }

    /// A caller of whom too little is known is none of those that are meant.
    fn fits(&self, facts: &Facts<'_>) -> bool {
        let ip = facts.dst.ip();
        let is_meant = |selector: &Selector| selector.selects(facts.caller) == Selected::Yes;
        self.port.is_none_or(|port| port == facts.dst.port())
            && (self.subnets.is_empty() || self.subnets.iter().any(|net| net.contains(&ip)))
            && (self.from.is_empty() || self.from.iter().any(is_meant))
    }
}

impl Compiled {
    /// One of the destinations, by weight.
    fn draw(&self, draw: u32) -> Option<&Destination> {
        let total: u64 = self
            .destinations
            .iter()
            .map(|to| u64::from(to.weight))
            .sum();
        let mut point = (u64::from(draw) * total) >> u32::BITS;
        self.destinations.iter().find(|to| {
            let hit = point < u64::from(to.weight);
            point = point.saturating_sub(u64::from(to.weight));
            hit
        })
    }
}

impl Destination {
    fn new(to: &RouteDestination, service: Option<&Service>) -> Self {
        // What is denied is no destination, and neither is what says not where it is.
        let service = service.filter(|service| !service.deny);
        let ports = service
            .into_iter()
            .flat_map(|s| s.ports.iter().map(move |port| (s, port)));
        let ports = ports.filter(|(_, port)| port.protocol != Protocol::Udp);
        Self {
            service: to.service.clone(),
            weight: to.weight,
            port: to.port,
            terms: service.map_or_else(Arc::default, |service| Arc::new(Terms::of(service))),
            targets: ports
                .map(|(s, port)| (port.number, listed(s, port)))
                .collect(),
        }
    }

    /// The port that the route names, else the one that the client asked for, else the only one.
    fn target(&self, asked: u16) -> Option<Arc<[EndpointTarget]>> {
        let on = |port| self.targets.iter().find(|(number, _)| *number == port);
        let target = match (self.port, &*self.targets) {
            (Some(port), _) => on(port),
            (None, [only]) => Some(only),
            (None, _) => on(asked),
        };
        target.map(|(_, target)| Arc::clone(target))
    }
}

/// The destination's terms, but for what is the admitting service's to say.
fn joined(admitting: &Arc<Terms>, destination: &Arc<Terms>) -> Arc<Terms> {
    let Terms {
        http, on_revoke, ..
    } = **admitting;
    if (http, on_revoke) == (destination.http, destination.on_revoke) {
        return Arc::clone(destination);
    }
    Arc::new(Terms {
        http,
        on_revoke,
        ..Terms::clone(destination)
    })
}
