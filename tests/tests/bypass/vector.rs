//! What there is to say of a way around a gateway.

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
    /// A process in the namespace that the gateway is in, as root: no cable leads out of it.
    Node,
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
    /// They send it to the gateway, which answers for all DNS servers.
    Asked,
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
            Self::Astray | Self::Asked | Self::Kernel | Self::Allowed => None,
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
            alone: Alone::Reaches(Wire::Token),
            stopped,
        }
    }

    pub(crate) const fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    pub(crate) const fn with(self, by: By, helper: &'static str) -> Self {
        Self {
            helper: Some((by, helper)),
            ..self
        }
    }

    pub(crate) const fn port(self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self
        }
    }

    pub(crate) const fn alone(self, alone: Alone) -> Self {
        Self { alone, ..self }
    }

    /// What it gets to the internet without a gateway.
    pub(crate) fn reaches(&self) -> Wire {
        match self.alone {
            Alone::Reaches(wire) => wire,
            Alone::Fails(_) => Wire::Nothing,
        }
    }

    /// What it gets to the internet past a gateway.
    pub(crate) fn passes(&self) -> Wire {
        match self.stopped {
            Stopped::Allowed => Wire::Token,
            _ => Wire::Nothing,
        }
    }
}
