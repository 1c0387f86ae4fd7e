//! The gateway itself, as it is shipped: what is set here are its registry and what the machine can hold.

use super::super::relay::Relay;
use super::super::stage::SERVER;
use super::names;

/// More than are idle at once; with two descriptors each they fit into 20,000.
const MOST_CONNECTIONS: u32 = 9_400;

/// With `on_exit = "open"` the programs go when it ends, before another relay is measured.
pub(in super::super) fn config(relay: Relay) -> String {
    let address = SERVER.ip();
    let service = if relay == Relay::EgressAddress {
        format!("addresses = [\"{address}\"]\n{}", port("TCP"))
    } else {
        format!(
            "hosts = {:?}\nresolution = \"STATIC\"\nendpoints = [{{ address = \"{address}\" }}]\n{}",
            names().collect::<Vec<_>>(),
            port("TLS")
        )
    };
    format!(
        "[gateway]\non_exit = \"open\"\n\
         [limits]\nconnections = {MOST_CONNECTIONS}\nconnections_per_cgroup = {MOST_CONNECTIONS}\n\
         [[service]]\nname = \"server\"\n{service}"
    )
}

fn port(protocol: &str) -> String {
    let number = SERVER.port();
    format!("ports = [{{ number = {number}, protocol = \"{protocol}\" }}]\n")
}
