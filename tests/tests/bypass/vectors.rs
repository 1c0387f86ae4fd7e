//! The ways around a gateway, as data: who tries what, what comes of it alone, and what stops it.

use crate::vector::Alone::{Fails, Reaches};
use crate::vector::By::{Alien, Internet, Node, Stranger};
use crate::vector::Stopped::{
    Allowed, Asked, Astray, Connect, Egress, Kernel, OwnListener, SendMsg, SockCreate, Strict,
};
use crate::vector::{Vector, Wire};

const DNS: u16 = 53;
const HTTPS: u16 = 443;
/// Where datagrams may go: see [`WAYPOINT`].
const WAY: u16 = 7000;

/// A service of the suite's own, which the kernel lets datagrams go to: attacks try to get beyond it.
pub(crate) const WAYPOINT: &str = r#"
[[service]]
name = "waypoint"
addresses = ["198.51.100.21"]
ports = [{ number = 7000, protocol = "UDP" }]
resolution = "NONE"
"#;

/// All of them. Those that are allowed are among them, so that a gateway that stops everything fails.
pub(crate) const VECTORS: &[Vector] = &[
    Vector::new("connect, IPv4", "connect_v4", Connect),
    Vector::new("connect, IPv6", "connect_v6", Connect),
    Vector::new("connect, IPv4-mapped IPv6", "connect_mapped", Connect),
    Vector::new("connect, non-blocking", "connect_nonblocking", Connect),
    Vector::new("fast open by `sendto`, IPv4", "fastopen_v4", Connect),
    Vector::new("fast open by `sendto`, IPv6", "fastopen_v6", Connect),
    Vector::new("`TCP_FASTOPEN_CONNECT`", "fastopen_connect", Connect),
    Vector::new("MPTCP, IPv4", "mptcp_v4", Connect),
    Vector::new("MPTCP, IPv6", "mptcp_v6", Connect),
    Vector::new("MPTCP with fast open", "mptcp_fastopen", Connect),
    Vector::new("io_uring: connect, send", "uring_connect", Connect),
    Vector::new(
        "io_uring: the same by a kernel thread",
        "uring_polled",
        Connect,
    ),
    Vector::new("`bind` to the pod's address first", "bind_address", Connect),
    Vector::new("`bind` to a port first", "bind_port", Connect),
    Vector::new(
        "`IP_TRANSPARENT`, from an address of another",
        "transparent",
        Astray,
    )
    .alone(Reaches(Wire::Packet)),
    Vector::new("`IPV6_TRANSPARENT`", "transparent_own", Connect),
    Vector::new("`SO_MARK`", "mark", Connect),
    Vector::new("`SO_BINDTODEVICE`", "bind_to_device", Connect),
    Vector::new("disconnect, connect again", "reconnect", Connect),
    Vector::new("`IPV6_ADDRFORM`, connect again", "change_family", Connect),
    Vector::new("`TCP_REPAIR`", "repair", Astray),
    Vector::new("source route, IPv4 (TCP)", "source_route_v4", Egress),
    Vector::new(
        "segment routing header, IPv6 (TCP)",
        "source_route_v6",
        Egress,
    )
    .alone(Reaches(Wire::Packet)),
    Vector::new("the gateway's own listener", "own_listener", OwnListener)
        .alone(Fails("there is no listener")),
    Vector::new("UDP `sendto`, IPv4", "sendto_v4", SendMsg),
    Vector::new("UDP `sendto`, IPv6", "sendto_v6", SendMsg),
    Vector::new("UDP `sendto`, IPv4-mapped IPv6", "sendto_mapped", SendMsg),
    Vector::new(
        "UDP `sendto`, family unspecified",
        "sendto_unspecified",
        SendMsg,
    ),
    Vector::new(
        "UDP `sendto`, IPv4 address on an IPv6 socket",
        "sendto_v4_on_v6",
        SendMsg,
    ),
    Vector::new("UDP `sendmmsg`", "sendmmsg", SendMsg),
    Vector::new("UDP by io_uring", "uring_sendmsg", SendMsg),
    Vector::new("UDP connected, port 443 (QUIC), IPv4", "quic_v4", Egress).port(HTTPS),
    Vector::new("UDP connected, port 443 (QUIC), IPv6", "quic_v6", Egress).port(HTTPS),
    Vector::new(
        "UDP connected to the resolver, sent elsewhere",
        "resolver_then_elsewhere",
        SendMsg,
    ),
    Vector::new(
        "UDP to the resolver by a source route",
        "resolver_by_source_route",
        Egress,
    ),
    Vector::new(
        "UDP by a source route through an allowed address",
        "allowed_by_source_route",
        Egress,
    )
    .port(WAY),
    Vector::new("UDP-Lite, connected", "udplite_connected", SockCreate),
    Vector::new("UDP-Lite, `sendto`", "udplite_sendto", SockCreate),
    Vector::new("UDP-Lite, IPv6", "udplite_v6", SockCreate),
    Vector::new("ping socket, IPv4", "ping_v4", SockCreate),
    Vector::new("ping socket, IPv6", "ping_v6", SockCreate),
    Vector::new("raw ICMP (a tunnel)", "icmp_tunnel", SockCreate),
    Vector::new(
        "raw IP, a protocol of one's own",
        "raw_protocol",
        SockCreate,
    ),
    Vector::new("raw IP, connected", "raw_connected", SockCreate),
    Vector::new(
        "raw IPv6, a protocol of one's own",
        "raw_protocol_v6",
        SockCreate,
    ),
    Vector::new("raw IP with `IP_HDRINCL`", "own_header", SockCreate),
    Vector::new("SCTP in the program's own memory", "raw_sctp", SockCreate),
    Vector::new("SCTP of the kernel", "sctp", Kernel).alone(Fails("this kernel has no SCTP")),
    Vector::new("`AF_PACKET`, whole frame", "frame", Strict),
    Vector::new("`AF_PACKET`, kernel's frame", "cooked_frame", Strict),
    Vector::new("a guest's packet (tun)", "guest", Strict),
    Vector::new("a VXLAN device to the outside", "tunnel", Strict),
    Vector::new(
        "a forged call from outside, answered",
        "forged_inbound",
        Strict,
    ),
    Vector::new("UDP connected before attach", "udp_before", Egress),
    Vector::new("TCP socket from before attach", "created_before", Connect),
    Vector::new(
        "UDP socket from before attach",
        "udp_created_before",
        SendMsg,
    ),
    Vector::new("raw socket from before attach", "raw_before", Egress),
    // After all others that the egress program stops: its segments are sent again for a long time.
    Vector::new("TCP connected before attach", "tcp_before", Egress),
    Vector::new(
        "TCP socket received from outside of the attach point",
        "received",
        Strict,
    )
    .with(Alien, "give_tcp"),
    Vector::new(
        "connected TCP socket received from outside of the attach point",
        "received_connected",
        Strict,
    )
    .with(Alien, "give_connected"),
    Vector::new(
        "UDP socket received from outside of the attach point",
        "received_udp",
        Strict,
    )
    .with(Alien, "give_udp"),
    Vector::new(
        "raw socket received from outside of the attach point",
        "received_raw",
        Strict,
    )
    .with(Alien, "give_raw"),
    Vector::new(
        "TCP socket received from an ungoverned process",
        "received",
        Connect,
    )
    .with(Stranger, "give_tcp"),
    Vector::new(
        "connected TCP socket received from an ungoverned process",
        "received_connected",
        Strict,
    )
    .with(Stranger, "give_connected"),
    Vector::new(
        "raw socket received from an ungoverned process",
        "received_raw",
        Strict,
    )
    .with(Stranger, "give_raw"),
    Vector::new(
        "process moved into the pod with a TCP socket",
        "moved",
        Connect,
    )
    .by(Stranger),
    Vector::new(
        "process moved into the pod with a UDP socket",
        "moved_udp",
        SendMsg,
    )
    .by(Stranger),
    Vector::new(
        "process moved into the pod with a connection",
        "moved_connected",
        Strict,
    )
    .by(Stranger),
    Vector::new(
        "process moved into the pod from outside of the attach point",
        "moved",
        Strict,
    )
    .by(Alien),
    Vector::new("child cgroup", "child_cgroup", Connect),
    Vector::new("cgroup namespace", "cgroup_namespace", Connect),
    Vector::new("user and network namespace", "empty_namespace", Kernel)
        .alone(Fails("it has no cable")),
    Vector::new("namespace behind the pod's, TCP", "nested", Connect),
    Vector::new("namespace behind the pod's, UDP", "nested_udp", SendMsg),
    Vector::new(
        "namespace behind the pod's, raw frame that the pod forwards",
        "nested_frame",
        Strict,
    ),
    Vector::new("DNS to the configured resolver", "resolver", Asked).port(DNS),
    Vector::new("DNS to another, `sendto`", "another_resolver", Asked).port(DNS),
    Vector::new("DNS to another, `sendto`, IPv6", "sendto_v6", Asked).port(DNS),
    Vector::new(
        "DNS to another, `sendto`, IPv4-mapped IPv6",
        "sendto_mapped",
        Asked,
    )
    .port(DNS),
    Vector::new("DNS to another, `sendmmsg`", "sendmmsg", Asked).port(DNS),
    Vector::new("DNS to another, io_uring", "uring_sendmsg", Asked).port(DNS),
    Vector::new("DNS to another, connected", "quic_v4", Asked).port(DNS),
    Vector::new("DNS to another, connected, IPv6", "quic_v6", Asked).port(DNS),
    Vector::new(
        "DNS to another, by `sendmmsg` on a connected socket",
        "connected_sendmmsg",
        Asked,
    )
    .port(DNS),
    Vector::new("DNS to another, TCP", "connect_v4", Asked).port(DNS),
    Vector::new("DNS to another, TCP, IPv6", "connect_v6", Asked).port(DNS),
    Vector::new(
        "DNS to another, raw socket from before attach",
        "raw_query_before",
        Egress,
    )
    .port(DNS),
    Vector::new(
        "DNS to another, connected before attach",
        "udp_before",
        Egress,
    )
    .port(DNS),
    Vector::new("DNS to another, whole frame", "frame", Strict).port(DNS),
    Vector::new("DNS to another from the node", "another_resolver", Asked)
        .by(Node)
        .port(DNS),
    Vector::new("DNS to another from the node, connected", "quic_v4", Asked)
        .by(Node)
        .port(DNS),
    Vector::new("DNS to another from the node, TCP", "connect_v4", Asked)
        .by(Node)
        .port(DNS),
    Vector::new(
        "DNS to another from the node, raw socket from before attach",
        "raw_query_before",
        Egress,
    )
    .by(Node)
    .port(DNS),
    Vector::new("UDP to an allowed address", "sendto_waypoint", Allowed).port(WAY),
    Vector::new("reply to a connection from outside", "inbound", Allowed)
        .with(Internet, "call_the_pod"),
];
