//! What each port needs, so that it admits what was meant and leads somewhere.

use serde_spanned::Spanned;

use crate::config::problem::Problem;
use crate::config::service::RawService;
use crate::types::{Port, Protocol, Resolution};

/// Checks each port.
pub(super) fn check(service: &RawService, problems: &mut Vec<Problem>) {
    let ports = service.ports.iter();
    problems.extend(ports.filter_map(|port| check_port(service, port)));
}

fn check_port(service: &RawService, port: &Spanned<Port>) -> Option<Problem> {
    let Port {
        protocol,
        target_port,
        ..
    } = port.get_ref();
    let problem = |title: &str, label: &str| Some(Problem::new(port.span(), title, label));
    let resolution = service.resolution();
    let is_udp = *protocol == Protocol::Udp;
    // Datagrams have no names, whatever the service's other ports have.
    let unnamed = service.hosts.is_empty() || is_udp;
    let anywhere = service.addresses.is_empty();
    if is_udp && resolution != Resolution::None {
        return problem(
            "datagrams go where the client sends them: no gateway resolves their names",
            "expected another protocol, or resolution NONE",
        );
    }
    if resolution == Resolution::None && target_port.is_some() {
        return problem(
            "`target_port` has no effect: NONE dials the address the client asked for",
            "expected no `target_port`, or another `resolution`",
        );
    }
    if !unnamed || !anywhere {
        return None;
    }
    if protocol.sends_name() {
        return problem(
            "nothing says which connections this port admits",
            "expected `hosts` or `addresses` in this service",
        );
    }
    // Any address will do if the operator's own endpoints are dialled.
    (resolution == Resolution::None).then(|| {
        let title = "TCP or UDP with NONE and no `addresses` would admit every address on the port";
        let label = "expected `addresses` in this service";
        Problem::new(port.span(), title, label).help("as in addresses = [\"192.0.2.0/24\"]")
    })
}
