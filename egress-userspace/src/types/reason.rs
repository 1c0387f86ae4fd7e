//! Why a connection was denied: one stable label each, used by the log, the metrics and the CLI.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $kind:ident, $label:literal, $text:literal;)*) => {
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

            /// What kind of reason it is: how clients are told, and which flag it has.
            pub fn kind(self) -> ReasonKind {
                match self {
                    $(Self::$variant => ReasonKind::$kind,)*
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

/// What kind of thing was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonKind {
    /// The policy does not admit it.
    Policy,
    /// The policy does not know its name.
    Name,
    /// The policy admits its name, but not here (RFC 9110 section 15.5.20).
    Misdirected,
    /// The client broke a protocol's rules.
    Protocol,
    /// The client was too slow.
    Slow,
    /// The client sent too much.
    Large,
    /// There is no room.
    Limit,
    /// The client asks for what is not done here (RFC 9110 section 15.6.2).
    Unsupported,
}

reasons! {
    /// No service has the destination's port.
    PortNotInRegistry => Policy, "port_not_in_registry", "no registered service has this port";
    /// The name matches no service's `hosts`.
    HostNotInRegistry => Name, "host_not_in_registry", "this name is not in the registry";
    /// The services on the port are found by name, and none was sent.
    NoName => Policy, "no_name", "no name was sent, and no service admits this address";
    /// The port's services list addresses, and this is none of them.
    AddressNotInRegistry => Policy, "address_not_in_registry", "no service admits this address";
    /// The name, or the address, is registered on this port, but for another protocol.
    ProtocolMismatch => Policy, "protocol_mismatch", "this destination is registered for another protocol";
    /// The name is registered, but on other ports.
    PortMismatch => Policy, "port_mismatch", "this name is registered for other ports";
    /// The name is registered, but the client's destination is outside the service's `addresses`.
    AddressMismatch => Misdirected, "address_mismatch", "the destination is not an address of the named service";
    /// Nothing came in time on a port whose services need a name.
    SniffTimeout => Slow, "sniff_timeout", "no name came in time";
    /// The first message is longer than the cap.
    SniffTooLarge => Large, "sniff_too_large", "the first message is too long";
    /// A `ClientHello` that breaks RFC 8446 or RFC 6066.
    MalformedTls => Protocol, "malformed_tls", "the TLS ClientHello is malformed";
    /// A request head that breaks RFC 9112 or RFC 9113.
    MalformedHttp => Protocol, "malformed_http", "the HTTP request is malformed";
    /// A service with `deny` says so.
    ServiceDenied => Policy, "service_denied", "this destination is denied";
    /// The services that have the destination are for other callers.
    CallerNotAllowed => Policy, "caller_not_allowed", "this caller may not use the service";
    /// The client's destination is not an address of the name it sent.
    SniIpMismatch => Misdirected, "sni_ip_mismatch", "the destination is not an address of the name sent";
    /// The `ClientHello` encrypts a name, and the service does not take that.
    EchDenied => Policy, "ech_denied", "encrypted ClientHello is not taken here";
    /// `server_name` is there twice, or has two host names (RFC 6066 section 3).
    SniDuplicate => Protocol, "sni_duplicate", "the SNI was sent twice";
    /// The SNI is not a host name.
    SniMalformed => Protocol, "sni_malformed", "the SNI is not a host name";
    /// The SNI is an IP address, which RFC 6066 section 3 forbids.
    SniIsAddress => Protocol, "sni_is_address", "the SNI is an address, not a name";
    /// `Host` is there twice (RFC 9112 section 3.2).
    HostDuplicate => Protocol, "host_duplicate", "the Host was sent twice";
    /// `Host`, or the target's authority, is not a host name.
    HostMalformed => Protocol, "host_malformed", "the Host is not a host name";
    /// The target's authority and `Host` are not the same.
    AuthorityMismatch => Protocol, "authority_mismatch", "the request's target and its Host differ";
    /// Inside a tunnel that was asked for by name, TLS asks for another.
    HostSniMismatch => Protocol, "host_sni_mismatch", "the SNI is not the name that the tunnel was asked for";
    /// A request whose end two readers could see at different places (RFC 9112 section 11.2).
    RequestSmuggling => Protocol, "request_smuggling", "the request's end is ambiguous";
    /// A later request of a connection leads elsewhere than its first (RFC 9110 section 15.5.20).
    Misdirected => Misdirected, "misdirected_request", "this connection leads to another host";
    /// HTTP asks to become what carries names that nobody would judge: `h2c`, TLS, or a tunnel in HTTP/2.
    UpgradeRefused => Policy, "upgrade_refused", "the names in what this would become cannot be judged";
    /// DNS asked of a server that is not an approved one.
    ResolverNotApproved => Policy, "resolver_not_approved", "this DNS server is not an approved one";
    /// DNS over TLS, or over QUIC, to a server that no service has.
    DnsEncrypted => Policy, "dns_encrypted", "encrypted DNS goes past the gateway's names";
    /// A DNS query that is no query, or not for addresses of a host.
    DnsMalformed => Protocol, "dns_malformed", "the DNS query is malformed";
    /// A name longer than names asked for may be.
    DnsNameTooLong => Protocol, "dns_name_too_long", "the name asked for is too long";
    /// More queries than a caller may send.
    LimitDns => Limit, "limit_dns", "the caller sends too many DNS queries";
    /// The service has as many connections as it may.
    LimitService => Limit, "limit_service", "the service has as many connections as it may";
    /// The name resolves to an address that is refused unless a service lists it.
    ResolvedAddressRefused => Policy, "resolved_address_refused", "the name resolves to an address that is not public";
    /// In the kernel: the programs have no settings of their version.
    KernelUnconfigured => Policy, "kernel_unconfigured", "the kernel programs are not configured";
    /// A connection to the gateway's own listener: in the kernel, or by way of a listener for other nodes.
    OwnListener => Policy, "own_listener", "the gateway's listener is not a destination";
    /// In the kernel: an IPv6 link-local destination, whose scope is not visible there.
    LinkLocal => Policy, "link_local", "link-local addresses are not judged";
    /// In the kernel: no memory for the connection's record.
    KernelMemory => Policy, "kernel_memory", "the kernel has no memory for the connection";
    /// In the kernel: a datagram to a destination that no rule allows.
    DatagramNotInRegistry => Policy, "datagram_not_in_registry", "no service admits datagrams to this address and port";
    /// In the kernel: a packet that was neither redirected nor allowed.
    PacketNotInRegistry => Policy, "packet_not_in_registry", "no service admits this packet";
    /// In the kernel: a socket of another kind than TCP and UDP.
    SocketKind => Policy, "socket_kind", "sockets of this kind are not for governed processes";
    /// In the kernel: a frame that came out of a governed network namespace past every other hook.
    FrameNotInRegistry => Policy, "frame_not_in_registry", "no service admits this frame";
    /// In the kernel: a connection that is older than the programs, and goes on.
    ConnectedBefore => Policy, "connected_before", "the connection was made before the gateway came";
    /// The kernel has no record of the connection: it did not come by way of the programs.
    UnknownOrigin => Policy, "unknown_origin", "the connection has no original destination";
    /// At a listener for other nodes: an address of which nobody says whose it is.
    UnknownPeer => Policy, "unknown_peer", "nobody says who has this address";
    /// At a listener for other nodes: no certificate, or none that says who has it, by whoever is believed.
    PeerCertificate => Policy, "peer_certificate", "the peer's certificate is missing, or is refused";
    /// At a listener for other nodes: a PROXY header that is none, is broken, or leads nowhere.
    ProxyHeader => Protocol, "proxy_header", "the PROXY header is missing, malformed, or names no destination";
    /// At a listener for CONNECT: another request (RFC 9110 section 9.3.6).
    NotConnect => Unsupported, "not_connect", "only CONNECT is served here";
    /// At a listener for other nodes: a destination in the gateway's own network, or on its node.
    AddressNotPublic => Policy, "address_not_public", "the destination is not a public address, and no service lists it";
    /// The gateway has as many connections as it may.
    LimitConnections => Limit, "limit_connections", "the gateway has no room for more connections";
    /// The caller's cgroup, or its address, has as many connections as it may.
    LimitCaller => Limit, "limit_caller", "the caller has as many connections as it may";
    /// All memory for first messages is taken.
    LimitSniffMemory => Limit, "limit_sniff_memory", "the gateway has no memory for more first messages";
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
