//! `[[route]]`: where admitted connections are led.

mod between;

use std::num::NonZeroU16;

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::{Problem, Span};
use super::schema::{Described, Schema};
use super::section::section;
use super::service::{Label, bare, missing};
use super::value::Value;
use crate::types::{
    HostPattern, Place, Route, RouteDestination, RouteMatch, Selector, ServiceName,
};

pub(super) use between::check;

section! {
    /// A route as the file has it.
    pub(super) RawRoute = "route", needs name, needs r#match, needs destinations, checked by complete {
        /// Unique among routes.
        name: Option<Spanned<Label>> = None;
        /// It applies if one of these does.
        r#match: Vec<Spanned<RawMatch>> = Vec::new();
        /// Where to, by weight.
        destinations: Vec<Spanned<RouteDestination>> = Vec::new();
    }
}

section! {
    /// What a connection is like.
    pub(super) RawMatch = "route.match", checked by says_something {
        /// The name that the client sent is one of these.
        sni_hosts: Vec<Spanned<HostPattern>> = Vec::new();
        /// The address that the client asked for is in one of these.
        destination_subnets: Vec<Spanned<IpNet>> = Vec::new();
        /// The port that the client asked for.
        port: Option<Spanned<NonZeroU16>> = None;
        /// Who asked: one of these.
        from: Vec<Spanned<Selector>> = Vec::new();
    }
}

section! {
    /// A service, and its share.
    pub(super) RawDestination = "route.destinations", needs service, checked by complete_destination {
        /// A service that says itself where it is served.
        service: Option<Spanned<ServiceName>> = None;
        /// Which of its ports; without, the one that the client asked for, or the only one.
        port: Option<Spanned<NonZeroU16>> = None;
        /// Its share of the connections, relative to the other destinations'.
        weight: u32 = 1, within 1..=1_000_000;
    }
}

fn complete(route: &RawRoute, header: &Span, problems: &mut Vec<Problem>) {
    let before = problems.len();
    if route.name.is_none() {
        problems.push(missing("name", header));
    }
    if route.r#match.is_empty() {
        let help = "for every connection, destination_subnets = [\"0.0.0.0/0\", \"::/0\"]";
        problems.push(missing("match", header).help(help));
    }
    if route.destinations.is_empty() {
        let help = "as in destinations = [{ service = \"proxy\" }]";
        problems.push(missing("destinations", header).help(help));
    }
    for problem in problems.iter_mut().skip(before) {
        problem.key = Some(route.title());
    }
}

fn says_something(matched: &RawMatch, span: &Span, problems: &mut Vec<Problem>) {
    if *matched == RawMatch::default() {
        let label = "expected at least one key that says which";
        let problem = Problem::new(span.clone(), "an empty table means every connection", label);
        let help = "to mean it, write destination_subnets = [\"0.0.0.0/0\", \"::/0\"]";
        problems.push(problem.help(help));
    }
}

fn complete_destination(to: &RawDestination, span: &Span, problems: &mut Vec<Problem>) {
    if to.service.is_none() {
        problems.push(missing("service", span));
    }
}

impl Value for RouteDestination {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let raw = RawDestination::read(value, problems)?;
        Some(Self {
            service: raw.service?.into_inner(),
            port: raw.port.map(|port| port.get_ref().get()),
            weight: raw.weight,
        })
    }
}

impl Described for RouteDestination {
    fn schema() -> Schema {
        RawDestination::schema()
    }
}

impl RawRoute {
    /// The route as messages call it.
    fn title(&self) -> String {
        let name = self.name.as_ref();
        name.map_or("route".into(), |name| {
            format!("route `{}`", name.get_ref().0)
        })
    }

    pub(super) fn into_route(self, place: Place) -> Option<Route> {
        Some(Route {
            name: self.name?.into_inner().0,
            matches: bare(self.r#match)
                .into_iter()
                .map(RawMatch::into_match)
                .collect(),
            destinations: bare(self.destinations),
            place,
        })
    }
}

impl RawMatch {
    fn into_match(self) -> RouteMatch {
        RouteMatch {
            sni_hosts: bare(self.sni_hosts),
            destination_subnets: bare(self.destination_subnets),
            port: self.port.map(|port| port.get_ref().get()),
            from: bare(self.from),
        }
    }
}
