//! `[[listener]]`: where callers of other nodes come to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::from::PodWord;
use super::net::LoopbackAddr;
use super::problem::{Problem, Span};
use super::section::section;
use super::sections::Admin;
use super::service::{Label, bare, missing};
use super::unique::repeated;
use super::value::{Reject, Value, string};
use super::words::IdentityWord;
use crate::types::{HostName, Listener, ListenerProtocol, Peer, PeerIdentity, Pod, ServerTls};

section! {
    /// A listener as the file has it.
    pub(super) RawListener = "listener", needs name, needs address, needs protocol, needs identity, checked by complete {
        /// Unique among listeners; the access log has it.
        name: Option<Spanned<Label>> = None;
        /// Where it listens: an address of the gateway's own network namespace, and a port.
        address: Option<Spanned<ListenAddr>> = None;
        /// How callers say where they want to go: by a `CONNECT` request of HTTP/1.1, or by a header of the
        /// `PROXY` protocol.
        protocol: Option<Spanned<ListenerProtocol>> = None;
        /// How it is known who a caller is: by its certificate, or by its address.
        identity: Option<Spanned<IdentityWord>> = None;
        /// With `MUTUAL_TLS`: what the listener shows, with intermediate certificates, in PEM.
        server_certificate: Option<Spanned<PathBuf>> = None;
        /// With `MUTUAL_TLS`: its key, in PEM.
        private_key: Option<Spanned<PathBuf>> = None;
        /// With `MUTUAL_TLS`: who signs what callers show, in PEM.
        ca_certificates: Option<Spanned<PathBuf>> = None;
        /// With `MUTUAL_TLS`: callers show `spiffe://` and this, then `/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
        trust_domain: Option<Spanned<HostName>> = None;
        /// Whose the addresses are that no pod is known to have.
        peers: Vec<Spanned<Peer>> = Vec::new();
        /// With `PROXY`: who is believed about the source that a header tells, which then says who the caller is.
        trusted: Vec<Spanned<IpNet>> = Vec::new();
    }
}

section! {
    /// Who has some addresses.
    pub(super) RawPeer = "listener.peers", needs addresses, needs namespace, checked by complete_peer {
        /// Addresses and CIDRs; of those that have an address the longest counts.
        addresses: Vec<Spanned<IpNet>> = Vec::new();
        /// The namespace, for `from`.
        namespace: Option<Spanned<PodWord>> = None;
        /// The service account, for `from`; without, it is not known.
        service_account: Option<Spanned<PodWord>> = None;
    }
}

/// An address with a port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ListenAddr(SocketAddr);

impl Value for ListenAddr {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        string(value, problems, "an address with a port", |text| {
            let address = text.parse::<SocketAddr>().ok();
            let address = address.filter(|address| address.port() != 0);
            let reject = || Reject::new(format!("{text:?} is no address to listen on"));
            address.map(Self).ok_or_else(reject)
        })
    }
}

impl Value for Peer {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let raw = RawPeer::read(value, problems)?;
        let pod = Pod {
            namespace: raw.namespace?.into_inner().into_word(),
            service_account: raw
                .service_account
                .map(|account| account.into_inner().into_word())
                .unwrap_or_default(),
            ..Pod::default()
        };
        Some(Self {
            addresses: bare(raw.addresses),
            pod: Arc::new(pod),
        })
    }
}

impl RawListener {
    /// `None`: something is missing, which was reported.
    pub(super) fn into_listener(self) -> Option<Listener> {
        Some(Listener {
            name: self.name?.into_inner().0.into(),
            address: self.address?.into_inner().0,
            protocol: self.protocol?.into_inner(),
            identity: match self.identity?.into_inner() {
                IdentityWord::Address => PeerIdentity::Address,
                IdentityWord::MutualTls => PeerIdentity::MutualTls(ServerTls {
                    certificate: self.server_certificate?.into_inner(),
                    private_key: self.private_key?.into_inner(),
                    ca_certificates: self.ca_certificates?.into_inner(),
                    trust_domain: self.trust_domain?.into_inner(),
                }),
            },
            peers: bare(self.peers),
            trusted: bare(self.trusted),
        })
    }

    /// The keys of TLS, with the places of those that are there.
    fn tls(&self) -> [(&'static str, Option<Span>); 4] {
        fn place<T>(key: Option<&Spanned<T>>) -> Option<Span> {
            key.map(Spanned::span)
        }
        [
            (
                "server_certificate",
                place(self.server_certificate.as_ref()),
            ),
            ("private_key", place(self.private_key.as_ref())),
            ("ca_certificates", place(self.ca_certificates.as_ref())),
            ("trust_domain", place(self.trust_domain.as_ref())),
        ]
    }
}

/// Checks what holds between listeners, and with what `admin` listens on: addresses that the next gateway
/// takes while this one still has them could be had twice by one, too.
pub(super) fn check(listeners: &[RawListener], admin: &Admin, problems: &mut Vec<Problem>) {
    let served = [
        ("metrics", admin.metrics),
        ("health", admin.health),
        ("api", admin.api.map(LoopbackAddr::socket_addr)),
    ];
    for address in listeners
        .iter()
        .filter_map(|listener| listener.address.as_ref())
    {
        let own = address.get_ref().0;
        let taken =
            |(_, other): &(_, Option<SocketAddr>)| other.is_some_and(|other| overlap(own, other));
        if let Some((key, _)) = served.iter().find(|served| taken(served)) {
            let title = format!("{own} is where `[admin] {key}` is served");
            problems.push(Problem::new(address.span(), title, "expected another port"));
        }
    }
    let names = listeners.iter().filter_map(|listener| {
        let name = listener.name.as_ref()?;
        Some((name.span(), &*name.get_ref().0))
    });
    problems.extend(repeated("listener", names));
    let addresses = listeners.iter().filter_map(|listener| {
        let address = listener.address.as_ref()?;
        Some((address.span(), address.get_ref().0))
    });
    problems.extend(repeated("address", addresses));
}

/// Whether a connection could be for both.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port()
        && one.is_ipv4() == other.is_ipv4()
        && (any || one.ip() == other.ip())
}

/// Checks one whose every key is right.
fn complete(listener: &RawListener, header: &Span, problems: &mut Vec<Problem>) {
    let said = [
        ("name", listener.name.is_some()),
        ("address", listener.address.is_some()),
        ("protocol", listener.protocol.is_some()),
        ("identity", listener.identity.is_some()),
    ];
    let silent = said.iter().filter(|(_, said)| !said);
    problems.extend(silent.map(|(key, _)| missing(key, header)));
    match listener.identity.as_ref().map(Spanned::get_ref) {
        Some(IdentityWord::MutualTls) => {
            let absent = listener
                .tls()
                .into_iter()
                .filter(|(_, place)| place.is_none());
            problems.extend(absent.map(|(key, _)| missing(key, header)));
        }
        Some(IdentityWord::Address) => {
            let idle = listener.tls().into_iter();
            let idle = idle.filter_map(|(key, place)| Some((key, place?)));
            problems.extend(idle.map(|(key, place)| {
                let title = format!("`{key}` has no effect with identity ADDRESS");
                let label = format!("expected no `{key}`, or identity MUTUAL_TLS");
                Problem::new(place, title, label)
            }));
        }
        None => {}
    }
    no_effect(listener, problems);
}

/// What one says that is never asked about.
fn no_effect(listener: &RawListener, problems: &mut Vec<Problem>) {
    let protocol = listener.protocol.as_ref().map(Spanned::get_ref);
    if let (Some(ListenerProtocol::Connect), Some(trusted)) = (protocol, listener.trusted.first()) {
        let title = "`trusted` has no effect with protocol CONNECT: it tells no source";
        problems.push(Problem::new(
            trusted.span(),
            title,
            "expected protocol PROXY",
        ));
    }
    let identity = listener.identity.as_ref().map(Spanned::get_ref);
    if let (Some(IdentityWord::MutualTls), Some(peer)) = (identity, listener.peers.first())
        && listener.trusted.is_empty()
    {
        let title = "`peers` have no effect with MUTUAL_TLS: certificates say who callers are";
        let label = "expected identity ADDRESS, or `trusted`";
        problems.push(Problem::new(peer.span(), title, label));
    }
    let peers = listener.peers.iter();
    let places = peers.flat_map(|peer| {
        let nets = peer.get_ref().addresses.iter();
        nets.map(|net| (peer.span(), net))
    });
    problems.extend(repeated("address", places));
}

fn complete_peer(peer: &RawPeer, span: &Span, problems: &mut Vec<Problem>) {
    if peer.addresses.is_empty() {
        problems.push(missing("addresses", span));
    }
    if peer.namespace.is_none() {
        problems.push(missing("namespace", span));
    }
}
