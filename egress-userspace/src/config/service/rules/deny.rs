//! A service that denies leads nowhere.

use serde_spanned::Spanned;

use crate::config::problem::{Problem, Span};
use crate::config::service::RawService;

/// Checks that it says what is denied, and nothing of where it would lead.
pub(super) fn check(service: &RawService, header: &Span, problems: &mut Vec<Problem>) {
    if service.hosts.is_empty() && service.addresses.is_empty() {
        let label = "expected `hosts` or `addresses`";
        let problem = Problem::new(header.clone(), "nothing says what is denied", label);
        let help = "for every destination, addresses = [\"0.0.0.0/0\", \"::/0\"]";
        problems.push(problem.help(help));
    }
    let mapped = service.ports.iter();
    let mapped = mapped.filter(|port| port.get_ref().target_port.is_some());
    let keys = [
        ("resolution", service.resolution.as_ref().map(Spanned::span)),
        ("endpoints", service.endpoints.first().map(Spanned::span)),
        ("trust", service.trust.as_ref().map(Spanned::span)),
        ("ech", service.ech.as_ref().map(Spanned::span)),
        ("http", service.http.as_ref().map(Spanned::span)),
        ("on_revoke", service.on_revoke.as_ref().map(Spanned::span)),
        (
            "subject_alt_names",
            service.subject_alt_names.first().map(Spanned::span),
        ),
        (
            "traffic_policy",
            service.traffic_policy.as_ref().map(|policy| policy.span()),
        ),
    ];
    let said = keys
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)));
    let said = said.chain(mapped.map(|port| ("target_port", port.span())));
    problems.extend(said.map(|(key, span)| {
        let title = format!("`{key}` has no effect: what the service matches is denied");
        Problem::new(span, title, format!("expected no `{key}`, or no `deny`"))
    }));
}
