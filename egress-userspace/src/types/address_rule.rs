//! Rules that need no name, and so no gateway.

use ipnet::IpNet;

/// What holds for destinations by protocol, port and address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRule {
    /// The transport protocol.
    pub transport: Transport,
    /// The destination's port.
    pub port: u16,
    /// The destination's address is in it; of several rules the longest prefix holds.
    pub net: IpNet,
    /// What is done.
    pub action: AddressAction,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP, and MPTCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What is done with a connection or datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressAction {
    /// It goes where it is going.
    Allow,
    /// It is refused.
    Deny,
    /// The gateway judges it.
    Gateway,
}
