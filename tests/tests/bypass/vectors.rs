//! The ways around a gateway, as data: who tries what, what comes of it alone, and what stops it.

/// A way to get a token from a pod to the internet.
pub(crate) struct Vector {
    /// What the documentation calls it.
    pub(crate) name: &'static str,
    /// The function in `attacks/` that tries it.
    pub(crate) attack: &'static str,
    /// Who runs it.
    pub(crate) by: By,
    /// Somebody who helps: who, and with which function.
    pub(crate) helper: Option<(By, &'static str)>,
    /// The destination port, where another than one of its own matters.
    pub(crate) port: Option<u16>,
    /// What comes of it without a gateway.
    pub(crate) alone: Alone,
    /// What stops it when there is one.
    pub(crate) stopped: Stopped,
}

/// Who does something: a cgroup and a network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A process of a pod, as root.
    Pod,
    /// A process in a pod's namespace that no scope names.
    Stranger,
    /// A process in a pod's namespace, below none of the cgroups that the programs are attached to.
    Alien,
    /// A process on the internet.
    Internet,
}

/// What reached the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wire {
    /// No packet of the attack.
    Nothing,
    /// A packet, but without the token.
    Packet,
    /// The token.
    Token,
}

/// What comes of an attack without a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// This reaches the internet.
    Reaches(Wire),
    /// It cannot work here, for this reason.
    Fails(&'static str),
}

/// What stops an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// `connect4` and `connect6` send it to the gateway, which refuses it.
    Connect,
    /// They send it to the gateway, and no connection comes of it.
    Astray,
    /// They refuse it.
    OwnListener,
    /// `sendmsg4` and `sendmsg6` refuse it.
    SendMsg,
    /// `sock_create` refuses the socket.
    SockCreate,
    /// `cgroup_skb/egress` drops its packets.
    Egress,
    /// The TCX program on the host's end of the pod's cable drops its packets; nothing else sees them.
    Strict,
    /// It cannot work, gateway or not.
    Kernel,
    /// Nothing: it is allowed, and is tried to show that what is allowed works.
    Allowed,
}

impl Stopped {
    /// The reason that the access log gives; `None`: it has no line.
    pub(crate) const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Connect => Some("port_not_in_registry"),
            Self::OwnListener => Some("own_listener"),
            Self::SendMsg => Some("datagram_not_in_registry"),
            Self::SockCreate => Some("socket_kind"),
            Self::Egress => Some("packet_not_in_registry"),
            Self::Strict => Some("frame_not_in_registry"),
            Self::Astray | Self::Kernel | Self::Allowed => None,
        }
    }
}

impl Vector {
    pub(crate) const fn new(name: &'static str, attack: &'static str, stopped: Stopped) -> Self {
        Self {
            name,
            attack,
            by: By::Pod,
            helper: None,
            port: None,
            alone: Reaches(Wire::Token),
            stopped,
        }
    }

    const fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    const fn with(self, by: By, helper: &'static str) -> Self {
        Self {
            helper: Some((by, helper)),
            ..self
        }
    }

    const fn port(self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self
        }
    }

    const fn alone(self, alone: Alone) -> Self {
        Self { alone, ..self }
    }

    /// What it gets to the internet without a gateway.
    pub(crate) fn reaches(&self) -> Wire {
        match self.alone {
            Reaches(wire) => wire,
            Fails(_) => Wire::Nothing,
        }
    }

    /// What it gets to the internet past a gateway.
    pub(crate) fn passes(&self) -> Wire {
        match self.stopped {
            Allowed => Wire::Token,
            _ => Wire::Nothing,
        }
    }
}

use Alone::{Fails, Reaches};
use By::{Alien, Internet, Stranger};
use Stopped::{Allowed, Astray, Connect, Egress, Kernel, OwnListener, SendMsg, SockCreate, Strict};

const DNS: u16 = 53;
const HTTPS: u16 = 443;

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
        "DNS to a resolver that is not configured",
        "another_resolver",
        SendMsg,
    )
    .port(DNS),
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
    Vector::new("DNS to the configured resolver", "resolver", Allowed).port(DNS),
    Vector::new("reply to a connection from outside", "inbound", Allowed)
        .with(Internet, "call_the_pod"),
];
