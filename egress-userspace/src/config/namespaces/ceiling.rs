//! `[[namespaces.ceiling]]`: the most that files of namespaces may admit.

use std::num::NonZeroU16;

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::config::problem::{Problem, Span};
use crate::config::registry::Settings;
use crate::config::schema::{Described, Schema};
use crate::config::section::section;
use crate::config::service::{bare, missing};
use crate::config::value::{Reject, Value, string};
use crate::config::words::words;
use crate::types::{
    Ceiling, Ech, HostPattern, HttpJudging, OnRevoke, PathPattern, Place, Port, Protocol, Trust,
};

section! {
    /// A ceiling as the file has it: what services of the namespaces' own are within. Like a service it is for
    /// every name, or every destination, where it lists none.
    pub(in crate::config) RawCeiling = "namespaces.ceiling", needs namespaces, needs ports, checked by bounds {
        /// For which namespaces; a `*` stands for any text.
        namespaces: Vec<Spanned<NamespacePattern>> = Vec::new();
        /// Names within which their services' `hosts` are; without, they have none.
        hosts: Vec<Spanned<HostPattern>> = Vec::new();
        /// Networks within which their services' `addresses` are; without, they have none.
        addresses: Vec<Spanned<IpNet>> = Vec::new();
        /// The ports that their services may have.
        ports: Vec<Spanned<RawCeilingPort>> = Vec::new();
        /// The `trust` that their services have.
        trust: TrustWord = TrustWord::Redial;
        /// The `ech` that their services have.
        ech: Ech = Ech::AllowOuter;
        /// The `http` that their services have.
        http: HttpJudging = HttpJudging::EveryRequest;
        /// The `on_revoke` that their services have.
        on_revoke: Option<Spanned<OnRevoke>> = None;
    }
}

section! {
    /// A port that a client may ask for.
    pub(in crate::config) RawCeilingPort = "namespaces.ceiling.ports", needs number, needs protocol, checked by complete {
        /// Its number.
        number: Option<Spanned<NonZeroU16>> = None;
        /// What is spoken on it: any of the same kind. Not `UDP`.
        protocol: Option<Spanned<Protocol>> = None;
    }
}

/// How far names are believed. What a client claims never leads to an address of its choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum TrustWord {
    /// [`Trust::Redial`].
    Redial,
    /// [`Trust::Verify`].
    Verify,
}

words!(TrustWord {
    "redial" => Redial,
    "verify" => Verify,
});

/// Names of namespaces, with `*` for any text.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) struct NamespacePattern(PathPattern);

impl Value for NamespacePattern {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "the name of a namespace, in which a `*` stands for any text";
        string(value, problems, expected, |text| {
            let allowed =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*".contains(&b);
            if !text.bytes().all(allowed) {
                return Err(Reject::new(format!("{text:?} is no namespace's name")));
            }
            text.parse().map(Self).map_err(Reject::new)
        })
    }
}

impl Described for NamespacePattern {
    fn schema() -> Schema {
        Schema::pattern(r"^[a-z0-9*-]+$")
    }
}

fn bounds(ceiling: &RawCeiling, header: &Span, problems: &mut Vec<Problem>) {
    if ceiling.namespaces.is_empty() {
        let help = "as in namespaces = [\"team-*\"]";
        problems.push(missing("namespaces", header).help(help));
    }
    if ceiling.ports.is_empty() {
        let help = "as in ports = [{ number = 443, protocol = \"TLS\" }]";
        problems.push(missing("ports", header).help(help));
    }
    if ceiling.hosts.is_empty() && ceiling.addresses.is_empty() {
        let label = "expected `hosts` or `addresses`";
        let title = "nothing says which destinations these namespaces may admit";
        problems.push(Problem::new(header.clone(), title, label));
    }
}

fn complete(port: &RawCeilingPort, span: &Span, problems: &mut Vec<Problem>) {
    if port.number.is_none() {
        problems.push(missing("number", span));
    }
    match &port.protocol {
        None => problems.push(missing("protocol", span)),
        Some(protocol) if *protocol.get_ref() == Protocol::Udp => {
            let title = "datagrams are judged in the kernel, which knows no namespaces";
            let label = "expected another protocol";
            problems.push(Problem::new(protocol.span(), title, label));
        }
        Some(_) => {}
    }
}

impl RawCeilingPort {
    fn into_port(self) -> Option<Port> {
        Some(Port {
            number: self.number?.get_ref().get(),
            protocol: self.protocol?.into_inner(),
            target_port: None,
            name: None,
        })
    }
}

impl RawCeiling {
    /// What it says, written there.
    pub(in crate::config) fn into_ceiling(self, place: Place, settings: &Settings) -> Ceiling {
        let namespaces = bare(self.namespaces).into_iter();
        let ports = bare(self.ports).into_iter();
        Ceiling {
            namespaces: namespaces.map(|pattern| pattern.0).collect(),
            hosts: bare(self.hosts),
            addresses: bare(self.addresses),
            ports: ports.filter_map(RawCeilingPort::into_port).collect(),
            trust: match self.trust {
                TrustWord::Redial => Trust::Redial,
                TrustWord::Verify => Trust::Verify,
            },
            ech: self.ech,
            http: self.http,
            on_revoke: self
                .on_revoke
                .map_or(settings.on_revoke, Spanned::into_inner),
            place,
        }
    }
}
