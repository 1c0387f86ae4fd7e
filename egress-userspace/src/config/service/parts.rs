//! What a service is made of: its name, its ports, its endpoints.

use std::num::NonZeroU16;

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::config::problem::{Problem, Span};
use crate::config::schema::{Described, Schema};
use crate::config::section::section;
use crate::config::value::{Reject, Value, string, wrong_kind};
use crate::types::{Endpoint, EndpointAddress, Locality, Port, Protocol, ServiceName};

/// Longest name of a service or port, as for a DNS name: it is a metric label.
const MAX_NAME: usize = 253;
/// What Istio's metrics call connections that no service admitted, and values that are missing.
const RESERVED: [&str; 3] = ["BlackHoleCluster", "PassthroughCluster", "unknown"];

section! {
    /// A port of a service.
    pub(in crate::config) RawPort = "service.ports", needs number, needs protocol, checked by complete_port {
        /// The port that the client asks for.
        number: Option<Spanned<NonZeroU16>> = None;
        /// What is spoken on it, and so where the name is found.
        protocol: Option<Spanned<Protocol>> = None;
        /// What endpoints call the port.
        name: Option<Spanned<Label>> = None;
        /// The port to dial, if another.
        target_port: Option<Spanned<NonZeroU16>> = None;
    }
}

section! {
    /// A place where a service is served.
    pub(in crate::config) RawEndpoint = "service.endpoints", needs address, checked by complete_endpoint {
        /// An address; with `DNS` also a name.
        address: Option<Spanned<EndpointAddress>> = None;
        /// The port to dial here, by the name of the service's port.
        ports: PortMap = PortMap::default();
        /// Its share of the connections, relative to the other endpoints'.
        // Istio's weights are any 32 bits; with a million there is room for every share, and none
        // for a sum that overflows.
        weight: u32 = 1, within 1..=1_000_000;
        /// Where it is: `region`, `region/zone` or `region/zone/subzone`.
        locality: Option<Locality> = None;
    }
}

/// The name of a port, or of a route.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) struct Label(pub(in crate::config) String);

/// Names of ports, and the number that an endpoint has for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::config) struct PortMap(Vec<(String, u16)>);

fn complete_port(port: &RawPort, span: &Span, problems: &mut Vec<Problem>) {
    if port.number.is_none() {
        problems.push(missing("number", span));
    }
    if port.protocol.is_none() {
        problems.push(missing("protocol", span).help("the usual one is protocol = \"TLS\""));
    }
}

fn complete_endpoint(endpoint: &RawEndpoint, span: &Span, problems: &mut Vec<Problem>) {
    if endpoint.address.is_none() {
        problems.push(missing("address", span));
    }
}

/// The problem of a table without a key that it must have.
pub(in crate::config) fn missing(key: &str, span: &Span) -> Problem {
    let label = format!("expected the key `{key}` in this table");
    Problem::new(span.clone(), format!("`{key}` is missing"), label)
}

impl Value for Port {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let raw = RawPort::read(value, problems)?;
        Some(Self {
            number: raw.number?.get_ref().get(),
            protocol: raw.protocol?.into_inner(),
            target_port: raw.target_port.map(|port| port.get_ref().get()),
            name: raw.name.map(|name| name.into_inner().0),
        })
    }
}

impl Value for Endpoint {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let raw = RawEndpoint::read(value, problems)?;
        Some(Self {
            address: raw.address?.into_inner(),
            ports: raw.ports.0,
            weight: raw.weight,
            locality: raw.locality,
        })
    }
}

impl Value for ServiceName {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let name = label(value, problems)?;
        if RESERVED.contains(&name.as_str()) {
            let title = format!("{name:?} has a meaning of its own in the metrics");
            problems.push(Problem::new(value.span(), title, "expected another name"));
            return None;
        }
        Some(Self::new(&name))
    }
}

impl Value for Label {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        label(value, problems).map(Self)
    }
}

fn label(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<String> {
    string(
        value,
        problems,
        "letters, digits, `-`, `_` and `.`, at most 253",
        |text| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(allowed) {
                return Err(Reject::new(format!("{text:?} cannot be a name")));
            }
            Ok(text.to_owned())
        },
    )
}

impl Value for PortMap {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(ports) = value.get_ref().as_table() else {
            let expected = "port names with numbers, as in { https = 8443 }";
            problems.push(wrong_kind(value, "a table", expected));
            return None;
        };
        let ports = ports.iter().filter_map(|(name, number)| {
            let number = NonZeroU16::read(number, problems)?;
            Some((name.get_ref().clone().into_owned(), number.get()))
        });
        Some(Self(ports.collect()))
    }
}

impl Described for Port {
    fn schema() -> Schema {
        RawPort::schema()
    }
}

impl Described for Endpoint {
    fn schema() -> Schema {
        RawEndpoint::schema()
    }
}

impl Described for Label {
    fn schema() -> Schema {
        ServiceName::schema()
    }
}

impl Described for PortMap {
    fn schema() -> Schema {
        Schema::map(NonZeroU16::schema())
    }
}
