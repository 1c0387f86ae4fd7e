//! `egress help reasons`: why connections are denied, and what an operator can do.

use clap::Command;

use crate::cli::pages::{Page, Part};
use crate::types::DenyReason;

/// What to do first, whatever the reason.
const FIRST: &str = "\
The access log has the reason of each denial as `reason`, with the name, the address and the caller that it is \
about; the metric `egress_decisions_total` counts them; a client of plain HTTP is sent it with its status of 403. \
What follows says of each what it means, and what to do if the connection is wanted. If it is not, nothing has to be \
done: the denial is what the gateway is for.

With `mode = \"audit\"` in `[gateway]` the same is logged, and let through.";

/// The page.
pub(super) fn page(_: &Command) -> Page {
    let mut parts = vec![
        Part::section("Description"),
        Part::Text(FIRST.into()),
        Part::section("Reasons"),
    ];
    parts.extend(DenyReason::ALL.iter().map(|reason| {
        let text = format!("{}.\n\n{}", capitalised(reason.sentence()), advice(*reason));
        Part::entry(reason.label(), text)
    }));
    Page {
        name: "egress-reasons".into(),
        section: "7",
        about: "why egress denies connections, and what to do".into(),
        parts,
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What an operator can do about it, if the connection is wanted.
#[expect(clippy::too_many_lines, reason = "a table: an entry for each reason")]
fn advice(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::PortNotInRegistry => {
            "Add the port to the `ports` of the service that has the destination."
        }
        DenyReason::HostNotInRegistry => {
            "Add the name, `requested_server_name` in the log, to the `hosts` of a service with this port. A wildcard \
             `*.example.com` leaves out `example.com` itself."
        }
        DenyReason::NoName => {
            "Have the client send a name (SNI, or Host), have it look the name up through the gateway (`dns.forwarder`), \
             or list the address in a service's `addresses`."
        }
        DenyReason::AddressNotInRegistry => {
            "Add the address to the `addresses` of a service with this port. If the service has `hosts`, the caller must \
             have looked the name up through the gateway before: see `dns.forwarder` and `dns.grace`."
        }
        DenyReason::ProtocolMismatch => {
            "The client speaks another protocol than the `protocol` of the service's port: correct that, or the client."
        }
        DenyReason::PortMismatch => "Add the port to the `ports` of the service that has the name.",
        DenyReason::AddressMismatch => {
            "The client went to an address that the service does not list: add it to `addresses`, or have the client \
             resolve the name anew."
        }
        DenyReason::SniffTimeout => {
            "The client sent too little within `sniff.timeout`. If its protocol lets the server speak first, make it a \
             `TCP` service; on a slow link raise the time."
        }
        DenyReason::SniffTooLarge => "Raise `sniff.max_bytes`, if the client is an honest one.",
        DenyReason::MalformedTls
        | DenyReason::SniDuplicate
        | DenyReason::SniMalformed
        | DenyReason::SniIsAddress => {
            "The client breaks the rules of TLS, or does not speak it: mend the client. For one that cannot be mended \
             make a `TCP` service with the `addresses` that it goes to."
        }
        DenyReason::MalformedHttp
        | DenyReason::HostDuplicate
        | DenyReason::HostMalformed
        | DenyReason::AuthorityMismatch
        | DenyReason::RequestSmuggling => {
            "The request could be read in two ways, and so be judged as one and served as another: mend the client. \
             Nothing makes the gateway take it."
        }
        DenyReason::ServiceDenied => {
            "A service with `deny = true` has the destination, for this caller: `rule` in the log says which. It beats \
             what others admit: make it narrower."
        }
        DenyReason::CallerNotAllowed => {
            "Add the caller to the `from` of the service. What the gateway knows of it is in the log: `src.cgroup`, \
             `src.exe` and `src.uid`, and of a pod `src.namespace` and `src.pod`: without them nothing is known of it."
        }
        DenyReason::SniIpMismatch => {
            "The name does not resolve to where the client went, and the service has `trust = \"verify\"`. The client's \
             resolver and the gateway's may tell different addresses: let the client's lookups go through the gateway \
             (`dns.forwarder`), or use `trust = \"redial\"`."
        }
        DenyReason::EchDenied => {
            "Switch encrypted ClientHello off in the client, or set the service's `ech` to `\"allow_outer\"`. Browsers \
             pretend to use it, and cannot be told apart."
        }
        DenyReason::HostSniMismatch => {
            "The client asked for a tunnel to one name and speaks TLS to another in it. Both may be wanted: then it has to \
             ask for the second one."
        }
        DenyReason::Misdirected => {
            "HTTP clients that get this status (421) ask again on another connection. If one does not, have it use a \
             connection for each host."
        }
        DenyReason::UpgradeRefused => {
            "Have the client go on in HTTP/1, or use TLS. For a service whose later requests need not be judged there is \
             `http = \"first\"`."
        }
        DenyReason::ResolverNotApproved => {
            "Let the caller ask the node's own servers, or add the one that it asks to `dns.resolvers`."
        }
        DenyReason::DnsEncrypted => {
            "Have the caller look names up in the clear, or make a service for the server that it asks; its names are \
             then unknown to the gateway."
        }
        DenyReason::DnsMalformed => {
            "The caller asks for what is no address of a host, or sends no DNS. With `dns.forwarder = \"all\"` more kinds of \
             records are forwarded."
        }
        DenyReason::DnsNameTooLong => {
            "Long names are how data is tunnelled out in lookups. If this one is honest, raise `dns.max_name`."
        }
        DenyReason::LimitDns => {
            "Raise `dns.queries_per_second`, if the caller is an honest one; or have it keep what it was told."
        }
        DenyReason::LimitService => {
            "Raise `max_connections` in the service's `traffic_policy.connection_pool.tcp`, or look for connections that \
             are not closed."
        }
        DenyReason::ResolvedAddressRefused => {
            "A public name that leads to a private address is how callers are led into the own network. If it is meant, add \
             the address to the service's `addresses`."
        }
        DenyReason::KernelUnconfigured => {
            "A gateway of another version is being started, or its start failed: `egress status` tells. Start it anew."
        }
        DenyReason::OwnListener => {
            "Nothing has to connect to the gateway's own ports (`gateway.listen_port`, and through a listener those of \
             listeners and of `[admin]`). If another program wants the port, give the gateway another."
        }
        DenyReason::LinkLocal => {
            "Use an address that is valid beyond one link: which link is meant is not visible where connections are judged."
        }
        DenyReason::KernelMemory => {
            "The node is short of memory, or very many connections are begun at once: `egress status` shows how full the \
             tables are."
        }
        DenyReason::DatagramNotInRegistry => {
            "Make a service with `protocol = \"UDP\"` for the address and port. Clients of QUIC fall back to TCP if it is \
             refused."
        }
        DenyReason::PacketNotInRegistry => {
            "It belongs to no connection that was judged, such as one from before the gateway, or is of another protocol. \
             Have the program connect anew; for whole networks there is `gateway.internal`."
        }
        DenyReason::SocketKind => {
            "If it is for `ping` or for raw sockets, add the kind to `gateway.sockets`; what they send leaves only for \
             `gateway.internal` networks."
        }
        DenyReason::FrameNotInRegistry => {
            "A raw packet socket, or a guest, sent it past the other hooks. What is meant for `gateway.internal` networks \
             passes; `gateway.strict` says more in egress.toml(5)."
        }
        DenyReason::ConnectedBefore => {
            "Nothing was refused: with `established = \"log\"` such connections go on. Have the program connect anew for the \
             connection to be judged."
        }
        DenyReason::UnknownOrigin => {
            "Something connected to the gateway's listener that is not governed, or the gateway and the programs are not of \
             one version: `egress status` tells."
        }
        DenyReason::UnknownPeer => {
            "Add the address to `peers` of the listener, or let the gateway know the cluster's pods. A pod in its node's own \
             network has no address of its own: it wants a certificate."
        }
        DenyReason::PeerCertificate => {
            "The listener wants a certificate of its `ca_certificates` whose only URI is \
             `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`. With `RUST_LOG=egress_userspace::conn=debug` the \
             gateway says what was wrong with it."
        }
        DenyReason::ProxyHeader => {
            "Whoever connects to a listener with `protocol = \"PROXY\"` has to begin with a header of version 1 or 2 for \
             TCP that names where it wants to go. A health check's (`LOCAL`, `UNKNOWN`) names nothing, and is closed."
        }
        DenyReason::NotConnect => {
            "The client sends its requests to the listener instead of asking for a tunnel, as for `http://` URLs. Have it \
             use a tunnel for these too (`curl --proxytunnel`)."
        }
        DenyReason::AddressNotPublic => {
            "Through a listener nobody gets into the gateway's own network, unless a service lists the address in \
             `addresses`."
        }
        DenyReason::LimitConnections => {
            "Raise `limits.connections`, and with it LimitNOFILE of the gateway's unit."
        }
        DenyReason::LimitCaller => {
            "Raise `limits.connections_per_cgroup`, if the caller is an honest one; or look for connections that it does not \
             close."
        }
        DenyReason::LimitSniffMemory => {
            "Raise `limits.sniff_memory`. Many clients that connect and send nothing fill it too."
        }
    }
}
