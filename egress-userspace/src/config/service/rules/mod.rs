//! What makes one service consistent: no key without effect, no target that cannot be found, and
//! nothing admitted that its author did not write down.

mod datagrams;
mod deny;
mod endpoints;
mod names;
mod ports;
mod resolution;
mod tls;

use serde_spanned::Spanned;

use super::RawService;
use super::parts::missing;
use crate::config::problem::{Problem, Span};
use crate::config::unique::repeated;
use crate::types::Protocol;

/// Checks a service whose every key is right.
pub(super) fn check(service: &RawService, header: &Span, problems: &mut Vec<Problem>) {
    let before = problems.len();
    required(service, header, problems);
    repetitions(service, problems);
    datagrams::check(service, problems);
    if service.deny {
        deny::check(service, header, problems);
    } else {
        resolution::check(service, header, problems);
        ports::check(service, problems);
        endpoints::check(service, problems);
        names::check(service, problems);
        tls::check(service, problems);
    }
    for problem in problems.iter_mut().skip(before) {
        problem.key = Some(service.title());
    }
}

fn required(service: &RawService, header: &Span, problems: &mut Vec<Problem>) {
    if service.name.is_none() {
        problems.push(missing("name", header));
    }
    if service.ports.is_empty() {
        let help = "as in ports = [{ number = 443, protocol = \"TLS\" }]";
        problems.push(missing("ports", header).help(help));
    }
}

fn repetitions(service: &RawService, problems: &mut Vec<Problem>) {
    let ports = || service.ports.iter();
    problems.extend(repeated("host", places(&service.hosts)));
    problems.extend(repeated("address", places(&service.addresses)));
    problems.extend(repeated(
        "port",
        ports().map(|port| (port.span(), port.get_ref().number)),
    ));
    problems.extend(repeated(
        "port name",
        ports().filter_map(|port| Some((port.span(), port.get_ref().name.as_ref()?))),
    ));
    problems.extend(repeated("name", places(&service.subject_alt_names)));
}

fn places<T>(items: &[Spanned<T>]) -> impl Iterator<Item = (Span, &T)> {
    items.iter().map(|item| (item.span(), item.get_ref()))
}

/// Whether a port of the service has such a protocol.
fn speaks(service: &RawService, is_such: impl Fn(Protocol) -> bool) -> bool {
    let mut ports = service.ports.iter();
    ports.any(|port| is_such(port.get_ref().protocol))
}
