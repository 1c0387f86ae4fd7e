//! Why a connection was denied: one stable label each, used by the log, the metrics and the CLI.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $label:literal, $text:literal;)*) => {
        /// Why a connection was denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DenyReason {
            $($(#[$doc])* $variant,)*
        }

        impl DenyReason {
            /// Every reason, in the order of the enum.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable label: lower-case words joined by `_`.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }

            /// One sentence for the client and the operator, without a full stop.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// No service has the destination's port.
    PortNotInRegistry => "port_not_in_registry", "no registered service has this port";
    /// The name matches no service's `hosts`.
    HostNotInRegistry => "host_not_in_registry", "this name is not in the registry";
    /// The services on the port are found by name, and none was sent.
    NoName => "no_name", "no name was sent, and no service admits this address";
    /// The port's services list addresses, and this is none of them.
    AddressNotInRegistry => "address_not_in_registry", "no service admits this address";
    /// The name, or the address, is registered on this port, but for another protocol.
    ProtocolMismatch => "protocol_mismatch", "this destination is registered for another protocol";
    /// The name is registered, but on other ports.
    PortMismatch => "port_mismatch", "this name is registered for other ports";
    /// The name is registered, but the client's destination is outside the service's `addresses`.
    AddressMismatch => "address_mismatch", "the destination is not an address of the named service";
    /// Nothing came in time on a port whose services need a name.
    SniffTimeout => "sniff_timeout", "no name came in time";
    /// The first message is longer than the cap.
    SniffTooLarge => "sniff_too_large", "the first message is too long";
    /// A `ClientHello` that breaks RFC 8446 or RFC 6066.
    MalformedTls => "malformed_tls", "the TLS ClientHello is malformed";
    /// A request head that breaks RFC 9112 or RFC 9113.
    MalformedHttp => "malformed_http", "the HTTP request is malformed";
    /// The name sent is not a host name.
    InvalidName => "invalid_name", "the name sent is not a host name";
    /// The name was sent twice, and not the same.
    AmbiguousName => "ambiguous_name", "two different names were sent";
    /// The name resolves to an address that is refused unless a service lists it.
    ResolvedAddressRefused => "resolved_address_refused", "the name resolves to an address that is not public";
    /// In the kernel: the programs have no settings of their version.
    KernelUnconfigured => "kernel_unconfigured", "the kernel programs are not configured";
    /// In the kernel: a connection to the gateway's own listener.
    OwnListener => "own_listener", "the gateway's listener is not a destination";
    /// In the kernel: an IPv6 link-local destination, whose scope is not visible there.
    LinkLocal => "link_local", "link-local addresses are not judged";
    /// In the kernel: no memory for the connection's record.
    KernelMemory => "kernel_memory", "the kernel has no memory for the connection";
    /// In the kernel: a datagram to a destination that no rule allows.
    DatagramNotInRegistry => "datagram_not_in_registry", "no service admits datagrams to this address and port";
    /// In the kernel: a packet that was neither redirected nor allowed.
    PacketNotInRegistry => "packet_not_in_registry", "no service admits this packet";
    /// In the kernel: a socket of another kind than TCP and UDP.
    SocketKind => "socket_kind", "sockets of this kind are not for governed processes";
    /// In the kernel: a frame that came out of a governed network namespace past every other hook.
    FrameNotInRegistry => "frame_not_in_registry", "no service admits this frame";
    /// In the kernel: a connection that is older than the programs, and goes on.
    ConnectedBefore => "connected_before", "the connection was made before the gateway came";
    /// The kernel has no record of the connection: it did not come by way of the programs.
    UnknownOrigin => "unknown_origin", "the connection has no original destination";
    /// The gateway has as many connections as it may.
    LimitConnections => "limit_connections", "the gateway has no room for more connections";
    /// The caller's cgroup has as many connections as it may.
    LimitCaller => "limit_caller", "the caller has as many connections as it may";
    /// All memory for first messages is taken.
    LimitSniffMemory => "limit_sniff_memory", "the gateway has no memory for more first messages";
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct_words() {
        let mut labels: Vec<_> = DenyReason::ALL.iter().map(|r| r.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), DenyReason::ALL.len());
        assert!(
            labels
                .iter()
                .all(|l| l.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
    }
}
