//! How far names are believed: what is compared must be there, and what is read must be sent.

use serde_spanned::Spanned;

use super::speaks;
use crate::config::problem::{Problem, Span};
use crate::config::service::RawService;
use crate::types::{Ech, Protocol, Resolution, Trust};

/// Checks `trust`, `ech` and `http`.
pub(super) fn check(service: &RawService, problems: &mut Vec<Problem>) {
    if let Some(trust) = &service.trust {
        problems.extend(match trust.get_ref() {
            Trust::Redial => None,
            Trust::Verify => incomparable(service, trust.span(), "verify"),
            Trust::Original => unlimited(service, trust.span()),
        });
    }
    if let Some(ech) = &service.ech {
        problems.extend(unencrypted(service, ech));
    }
    if let Some(http) = &service.http
        && !speaks(service, |protocol| {
            protocol.family() == Protocol::Http.family()
        })
    {
        let title = "`http` has no effect: no port has a protocol of HTTP in the clear";
        let label = "expected no `http`, or a port of HTTP, HTTP2 or GRPC";
        problems.push(Problem::new(http.span(), title, label));
    }
}

/// To verify is to compare the client's address with those of the name.
fn incomparable(service: &RawService, span: Span, word: &str) -> Option<Problem> {
    let label = format!("expected `hosts`, or not {word:?}");
    if service.hosts.is_empty() {
        let title = format!("{word:?} has no name to compare the client's address with");
        return Some(Problem::new(span, title, label));
    }
    let elsewhere = match service.resolution() {
        Resolution::Static => "with STATIC",
        Resolution::Dns | Resolution::DnsRoundRobin if !service.endpoints.is_empty() => {
            "with `endpoints`"
        }
        Resolution::None | Resolution::Dns | Resolution::DnsRoundRobin | Resolution::DynamicDns => {
            return None;
        }
    };
    let title = format!("{word:?} has nothing to compare: {elsewhere} the names are not resolved");
    let label = format!("expected another `resolution`, or not {word:?}");
    Some(Problem::new(span, title, label))
}

/// A name that is not checked must not lead just anywhere.
fn unlimited(service: &RawService, span: Span) -> Option<Problem> {
    let (title, label) = if service.resolution() != Resolution::None {
        (
            "\"original\" dials the client's address, and another `resolution` than NONE does not",
            "expected resolution NONE, or another `trust`",
        )
    } else if service.addresses.is_empty() {
        (
            "\"original\" without `addresses` would lead a claimed name to any address",
            "expected `addresses` in this service",
        )
    } else {
        return None;
    };
    Some(Problem::new(span, title, label))
}

fn unencrypted(service: &RawService, ech: &Spanned<Ech>) -> Option<Problem> {
    if *ech.get_ref() == Ech::AllowOuter {
        return None;
    }
    if !speaks(service, |protocol| {
        protocol.family() == Protocol::Tls.family()
    }) {
        let title = "`ech` has no effect: it is a part of TLS, and no port has that";
        let label = "expected no `ech`, or a port of TLS or HTTPS";
        return Some(Problem::new(ech.span(), title, label));
    }
    match ech.get_ref() {
        Ech::RequireVerifiedIp => incomparable(service, ech.span(), "require_verified_ip"),
        Ech::AllowOuter | Ech::Deny => None,
    }
}
