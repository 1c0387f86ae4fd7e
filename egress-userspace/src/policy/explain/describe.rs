//! A service that comes near, in a sentence.

use super::near::Near;
use super::{Kind, Miss};
use crate::policy::profile::{By, Line, Profile, Selection};
use crate::policy::words::{instead, list, nets, ports, selector};
use crate::policy::{Facts, Policy};
use crate::types::{Caller, Claim, HostPattern, Selector};

impl Policy {
    /// What is told of a service that comes near.
    pub(super) fn miss(&self, near: &Near, facts: &Facts<'_>) -> Option<Miss> {
        let profile = self.registry.profile(near.id)?;
        let service = self.registry.name(near.id);
        let (key, text) = sentence(near, profile, facts);
        let also = also(near, profile, facts).unwrap_or_default();
        Some(Miss {
            text: format!("`{service}` {text}{also}"),
            service: service.to_string(),
            rule: self.registry.place(near.id).to_string(),
            miss: near.kind,
            key: key.map(Into::into),
            item: key
                .filter(|key| *key == "hosts")
                .and(near.pattern.as_ref())
                .map(ToString::to_string),
        })
    }
}

/// Which key keeps it from admitting the connection, and how, after the service's name.
fn sentence(near: &Near, profile: &Profile, facts: &Facts<'_>) -> (Option<&'static str>, String) {
    let (ip, port) = (facts.dst.ip(), facts.dst.port());
    let pattern = near.pattern.as_ref().map(ToString::to_string);
    let pattern = pattern.unwrap_or_default();
    let listed = nets(&profile.terms.listed);
    match near.kind {
        Kind::Ech => (
            Some("ech"),
            "takes no ClientHello that encrypts a name".into(),
        ),
        Kind::Beaten => (
            None,
            "admits it, but a service with `deny` comes first".into(),
        ),
        Kind::Caller => (
            Some("from"),
            format!("is for other callers: {}", callers(profile, facts.caller)),
        ),
        Kind::Address => (
            Some("addresses"),
            format!("has `{pattern}` towards {listed} alone, and {ip} is outside"),
        ),
        Kind::AddressProtocol => (
            Some("ports"),
            format!("has {ip} on port {port} for {}", spoken(profile, facts)),
        ),
        Kind::Protocol => (
            Some("ports"),
            format!(
                "has `{pattern}` on port {port} for {}",
                spoken(profile, facts)
            ),
        ),
        Kind::Port => (
            Some("ports"),
            format!(
                "has `{pattern}` on port {}, and not on {port}",
                ports(by_name(profile))
            ),
        ),
        Kind::Apex => (
            Some("hosts"),
            format!("has `{pattern}`, which means the names below, and not the name itself"),
        ),
        Kind::Below => (
            Some("hosts"),
            format!("has `{pattern}` itself, and not the names below: those are `*.{pattern}`"),
        ),
        Kind::Slip => (Some("hosts"), slip(near, &pattern)),
        Kind::Unnamed if pattern.is_empty() => (
            Some("hosts"),
            format!(
                "is found on port {port} by its names alone, and the client {}",
                lacks(profile, facts)
            ),
        ),
        Kind::Unnamed => (
            Some("hosts"),
            format!(
                "has `{pattern}` on port {port}, and the client {}",
                lacks(profile, facts)
            ),
        ),
        Kind::AddressPort => (
            Some("ports"),
            format!(
                "has {ip} on port {}, and not on {port}",
                ports(profile.lines().iter().filter(|line| line.by == By::Address))
            ),
        ),
        Kind::Elsewhere => (
            Some("addresses"),
            format!("has port {port} towards {listed} alone"),
        ),
    }
}

fn slip(near: &Near, pattern: &str) -> String {
    let meant = near.meant.as_ref().map(ToString::to_string);
    let meant = meant.unwrap_or_default();
    if matches!(near.pattern, Some(HostPattern::Exact(_))) {
        format!("has `{meant}`, which differs in one character")
    } else {
        format!("has `{pattern}`, and so `{meant}`, which differs in one character")
    }
}

/// What else would keep it from admitting the connection.
fn also(near: &Near, profile: &Profile, facts: &Facts<'_>) -> Option<String> {
    let port = facts.dst.port();
    let on_port = by_name(profile).any(|line| line.port == port);
    let by_pattern = matches!(near.kind, Kind::Apex | Kind::Below | Kind::Slip);
    if by_pattern && !on_port {
        let ports = ports(by_name(profile));
        return Some(format!("; and on port {ports} alone"));
    }
    let is_barred = profile.selects(facts.caller) == Selection::Nobody;
    (is_barred && near.kind != Kind::Caller).then(|| "; and for other callers alone".into())
}

/// For whom a service is, and what the caller is instead.
fn callers(profile: &Profile, caller: &Caller) -> String {
    let meant = list(profile.from.iter().map(selector));
    let nearest = |selector: &&Selector| instead(selector, caller).len();
    let instead = profile
        .from
        .iter()
        .min_by_key(nearest)
        .map(|selector| list(instead(selector, caller)));
    match instead {
        Some(instead) => format!("{meant}; this one's {instead}"),
        None => meant,
    }
}

/// "TLS, and the client speaks HTTP".
fn spoken(profile: &Profile, facts: &Facts<'_>) -> String {
    let lines = profile.on(facts.dst.port());
    let protocols = list(lines.map(|line| line.protocol.word().to_owned()));
    let client = match facts.claim {
        Claim::Tls(_) => "TLS",
        Claim::Http1 { .. } => "HTTP/1",
        Claim::Http2 { .. } => "HTTP/2",
        Claim::Opaque | Claim::Malformed(_) => "none that carries a name",
    };
    format!("{protocols}, and the client speaks {client}")
}

/// What a client does not do by which a service would be found.
fn lacks(profile: &Profile, facts: &Facts<'_>) -> String {
    let mut sent = profile.on(facts.dst.port());
    match (sent.find(|line| line.by == By::Claim), facts.claim) {
        (Some(line), Claim::Opaque | Claim::Malformed(_)) => {
            format!(
                "sends none, as one that speaks {} does",
                line.protocol.word()
            )
        }
        (Some(_), Claim::Tls(_) | Claim::Http1 { .. } | Claim::Http2 { .. }) => "sends none".into(),
        (None, _) => "looked none of them up".into(),
    }
}

fn by_name(profile: &Profile) -> impl Iterator<Item = &Line> {
    let lines = profile.lines().iter();
    lines.filter(|line| line.by != By::Address)
}
