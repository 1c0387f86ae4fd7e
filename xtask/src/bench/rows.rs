//! What is measured: who does what, to whom.

use super::client::Load;

/// One thing that is measured with the gateway and without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What it is called.
    pub(super) name: &'static str,
    pub(super) who: Who,
    pub(super) load: Load,
    pub(super) to: &'static str,
}

/// Who does it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// A governed process in the node's own network namespace.
    Governed,
    /// A process beside it that no scope names.
    Ungoverned,
    /// A governed process in a pod: its frames also pass the programs at its veth.
    Pod,
}

/// The port that [`CONFIG`] lets the kernel decide about, and the one that it leaves to the gateway.
pub(super) const PORTS: [u16; 2] = [7001, 7002];

/// With `on_exit = "open"` the programs go when the gateway is ended, as each round wants it.
pub(super) const CONFIG: &str = r#"
[gateway]
on_exit = "open"
internal = ["10.20.0.0/16"]

[[service]]
name = "by-address"
addresses = ["203.0.113.200"]
ports = [{ number = 7001, protocol = "TCP" }]

[[service]]
name = "datagrams"
addresses = ["203.0.113.200"]
ports = [{ number = 7001, protocol = "UDP" }]

[[service]]
name = "by-name"
hosts = ["api.example.com"]
ports = [{ number = 7002, protocol = "TLS" }]
resolution = "DNS"
"#;

const ALLOWED: &str = "203.0.113.200:7001";
const INTERNAL: &str = "10.20.0.7:7001";
const REDIRECTED: &str = "203.0.113.200:7002";

/// To a port that no service lists: refused if the governed process is governed indeed.
pub(super) const REFUSED: Row = Row::new(
    "a datagram to nobody",
    Who::Governed,
    Load::SendTo,
    "203.0.113.200:7003",
);

/// All rows, in the order in which they are tried and shown.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "connect: allowed by address",
        Who::Governed,
        Load::Connect,
        ALLOWED,
    ),
    Row::new("connect: internal", Who::Governed, Load::Connect, INTERNAL),
    Row::new(
        "connect: turned to the gateway",
        Who::Governed,
        Load::Connect,
        REDIRECTED,
    ),
    Row::new(
        "connect: not governed",
        Who::Ungoverned,
        Load::Connect,
        ALLOWED,
    ),
    // Before the pod's others: it is by this one that the gateway finds the pod's cable, and puts its
    // programs there.
    Row::new(
        "connect: turned, from a pod",
        Who::Pod,
        Load::Connect,
        REDIRECTED,
    ),
    Row::new(
        "connect: allowed, from a pod",
        Who::Pod,
        Load::Connect,
        ALLOWED,
    ),
    Row::new("UDP send, connected", Who::Governed, Load::Send, ALLOWED),
    Row::new(
        "UDP send to an address",
        Who::Governed,
        Load::SendTo,
        ALLOWED,
    ),
    Row::new(
        "UDP send: not governed",
        Who::Ungoverned,
        Load::Send,
        ALLOWED,
    ),
    Row::new("UDP send, from a pod", Who::Pod, Load::Send, ALLOWED),
];

impl Row {
    const fn new(name: &'static str, who: Who, load: Load, to: &'static str) -> Self {
        Self {
            name,
            who,
            load,
            to,
        }
    }
}
