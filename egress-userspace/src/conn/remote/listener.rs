//! A listener, with what a reload replaces of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::super::limits::{Bounds, CallerSlot, Limits, Slot};
use super::dial::is_here;
use super::identity::Identity;
use super::whose::Whose;
use crate::dial::TlsError;
use crate::types::{Caller, CallerKey, DenyReason, Listener, ListenerProtocol, Peer, Pod, Remote};

/// Connections at one listener of which it is not known yet who they are: TLS that is being agreed on, addresses
/// that are waited for, and those that are told that nobody knows them. They have no room among all others, which
/// is for callers that are known; each is done with in the time of a first message.
const STRANGERS: usize = 1024;
/// Of these, those of one address, or of one network of IPv6: whoever has one address there has all.
const STRANGERS_OF_ONE: usize = STRANGERS / 4;
/// What an end site has at least (RFC 6177), and a host by itself.
const NETWORK_OF_ONE: u8 = 64;

/// A listener for callers of other nodes.
pub struct RemoteListener {
    name: Arc<str>,
    address: SocketAddr,
    protocol: ListenerProtocol,
    terms: ArcSwap<Terms>,
    whose: Arc<Whose>,
    strangers: Limits,
    own_ports: Arc<[u16]>,
}

/// Room for one of which it is not known yet who it is, given back when dropped.
pub(super) struct StrangerRoom {
    _slot: Slot,
    _share: CallerSlot,
}

/// Who may come, and how that is known.
pub struct Terms {
    identity: Identity,
    peers: Vec<Peer>,
    trusted: Vec<IpNet>,
}

impl Terms {
    /// Reads the files that `listener` names.
    pub fn load(listener: &Listener) -> Result<Self, TlsError> {
        Ok(Self {
            identity: Identity::load(listener)?,
            peers: listener.peers.clone(),
            trusted: listener.trusted.clone(),
        })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether `peer` is believed about where a connection comes from. One of this node is not: any process here
    /// has such an address.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&peer)) && !is_here(peer)
    }

    /// Who has an address, by the operator's word: the narrowest that has it.
    fn peer(&self, address: IpAddr) -> Option<&Arc<Pod>> {
        let peers = self.peers.iter();
        let having = peers.filter_map(|peer| Some((peer.closeness(address)?, peer)));
        let closest = having.max_by_key(|(closeness, _)| *closeness);
        closest.map(|(_, peer)| &peer.pod)
    }
}

impl RemoteListener {
    /// As `listener` says, with `terms` loaded from it. It leads nobody to `own_ports` of this node.
    pub fn new(
        listener: &Listener,
        terms: Terms,
        whose: Arc<Whose>,
        own_ports: Arc<[u16]>,
    ) -> Self {
        Self {
            name: Arc::clone(&listener.name),
            address: listener.address,
            protocol: listener.protocol,
            terms: ArcSwap::from_pointee(terms),
            whose,
            strangers: Limits::new(Bounds {
                connections: STRANGERS,
                per_cgroup: STRANGERS_OF_ONE,
                // They have sent nothing that is read.
                sniff_memory: 0,
            }),
            own_ports,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the one that `listener` describes: all else of it can be replaced.
    pub fn is(&self, listener: &Listener) -> bool {
        (&self.name, self.address, self.protocol)
            == (&listener.name, listener.address, listener.protocol)
    }

    /// Puts other terms in force, for connections that come from now on.
    pub fn replace(&self, terms: Terms) {
        self.terms.store(Arc::new(terms));
    }

    pub(super) fn terms(&self) -> Arc<Terms> {
        self.terms.load_full()
    }

    pub(super) fn protocol(&self) -> ListenerProtocol {
        self.protocol
    }

    pub(super) fn own_ports(&self) -> &[u16] {
        &self.own_ports
    }

    /// Room for one that comes from `peer`, until it is known who it is.
    pub(super) fn stranger_room(&self, peer: IpAddr) -> Result<StrangerRoom, DenyReason> {
        Ok(StrangerRoom {
            _slot: self.strangers.connection()?,
            _share: self.strangers.caller(CallerKey::Address(network(peer)))?,
        })
    }

    /// Who has an address; `None`: nobody says.
    pub(super) async fn by_address(&self, terms: &Terms, address: IpAddr) -> Option<Caller> {
        let named = || Some(self.whose.as_its_namespace(terms.peer(address)?));
        let pod = self.whose.pod(address).await.or_else(named)?;
        Some(self.stranger(address).in_pod(pod))
    }

    /// Who showed a certificate. What the cluster's API tells of the pod with the address is not said of it: the
    /// certificate says nothing of the address, nor of labels. What is done with its namespace's pods is.
    pub(super) fn by_certificate(&self, address: IpAddr, shown: &Arc<Pod>) -> Caller {
        let pod = self.whose.as_its_namespace(shown);
        let mut caller = self.stranger(address).in_pod(pod);
        if let Some(remote) = &mut caller.remote {
            remote.is_certified = true;
        }
        caller
    }

    /// Somebody of whom nothing is known but the address.
    pub(super) fn stranger(&self, address: IpAddr) -> Caller {
        let remote = Remote {
            listener: Arc::clone(&self.name),
            address,
            is_certified: false,
        };
        Caller::remote(remote, None)
    }
}

/// What one that has an address can come from.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(_) => IpNet::new(ip, NETWORK_OF_ONE).map_or(ip, |net| net.network()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pods::{Freshness, Pods};
    use crate::types::{PeerIdentity, PodMode};

    fn pod(namespace: &str, name: &str) -> Pod {
        Pod {
            namespace: namespace.into(),
            name: name.into(),
            service_account: "web".into(),
            ..Pod::default()
        }
    }

    fn peer(net: &str, namespace: &str) -> Peer {
        Peer {
            addresses: vec![net.parse().expect("a network")],
            pod: Arc::new(pod(namespace, "")),
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn described_listener() -> Listener {
        Listener {
            name: "nodes".into(),
            address: "192.0.2.1:15080".parse().expect("an address"),
            protocol: ListenerProtocol::Connect,
            identity: PeerIdentity::Address,
            peers: vec![peer("10.0.0.0/8", "wide"), peer("10.1.0.0/16", "narrow")],
            trusted: vec!["10.9.0.0/16".parse().expect("a network")],
        }
    }

    fn listener() -> (RemoteListener, Arc<Pods>) {
        let described = described_listener();
        let terms = Terms::load(&described).expect("no file");
        let pods = Arc::<Pods>::default();
        let own_ports = Arc::from([]);
        let whose = Whose::new(
            Arc::clone(&pods),
            Arc::<Freshness>::default(),
            Duration::ZERO,
        );
        let listener = RemoteListener::new(&described, terms, Arc::new(whose), own_ports);
        (listener, pods)
    }

    fn described(caller: &Caller) -> String {
        let pod = caller.pod.as_ref().expect("a pod");
        format!("{}/{}", pod.namespace, pod.name)
    }

    #[tokio::test]
    async fn an_address_is_a_known_pods_else_the_narrowest_peers_else_nobodys() {
        let (listener, pods) = listener();
        let uid = "0".repeat(32).parse().expect("a uid");
        pods.set(uid, pod("shop", "web-1"), vec![ip("10.1.2.3")]);
        for (address, expected) in [
            ("10.1.2.3", Some("shop/web-1")),
            ("10.1.2.4", Some("narrow/")),
            ("10.2.0.1", Some("wide/")),
            ("11.0.0.1", None),
        ] {
            let found = listener.by_address(&listener.terms(), ip(address)).await;
            assert_eq!(found.as_ref().map(described).as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_done_with_whom_the_operator_names_its_namespaces_label_says() {
        let (listener, pods) = listener();
        pods.set_mode("narrow", Some(PodMode::Enforce));
        pods.set_mode("wide", Some(PodMode::Audit));
        for (address, mode) in [("10.1.2.4", PodMode::Enforce), ("10.2.0.1", PodMode::Audit)] {
            let found = listener.by_address(&listener.terms(), ip(address)).await;
            let pod = found.and_then(|caller| caller.pod).expect("a pod");
            assert_eq!(pod.mode, Some(mode), "{address}");
        }
    }

    #[test]
    fn a_certificate_says_all_that_is_known_but_what_is_done_with_its_namespace() {
        let (listener, pods) = listener();
        let uid = "0".repeat(32).parse().expect("a uid");
        let mut labelled = pod("shop", "web-1");
        labelled.labels = [("tier".into(), "front".into())].into();
        pods.set(uid, labelled, vec![ip("10.1.2.3")]);
        pods.set_mode("shop", Some(PodMode::Audit));
        // Whoever has the address.
        for address in ["10.1.2.3", "11.0.0.1"] {
            for (namespace, mode) in [("shop", Some(PodMode::Audit)), ("other", None)] {
                let shown = Arc::new(pod(namespace, ""));
                let found = listener.by_certificate(ip(address), &shown);
                let expected = Pod {
                    mode,
                    ..Pod::clone(&shown)
                };
                assert_eq!(found.pod.as_deref(), Some(&expected), "{address}");
                assert!(found.remote.is_some_and(|remote| remote.is_certified));
            }
        }
        // It may be of that one.
        pods.set_mode("bank", Some(PodMode::Enforce));
        let found = listener.by_certificate(ip("10.1.2.3"), &Arc::new(pod("other", "")));
        let found = found.pod.expect("a pod");
        assert_eq!(found.mode, Some(PodMode::Enforce));
    }

    #[test]
    fn strangers_of_one_network_leave_room_for_others() {
        let (listener, _) = listener();
        let come = |ip: String| listener.stranger_room(ip.parse().expect("an address"));
        let flood = (0..STRANGERS_OF_ONE).map(|host| come(format!("2001:db8::{host:x}")));
        let rooms = flood.collect::<Result<Vec<_>, _>>();
        let rooms = rooms.unwrap_or_else(|reason| panic!("{reason}"));
        assert!(come("2001:db8::ffff".into()).is_err());
        assert!(come("2001:db8:0:1::1".into()).is_ok());
        drop(rooms);
        assert!(come("2001:db8::ffff".into()).is_ok());
    }

    #[test]
    fn only_who_is_listed_is_believed() {
        let mut described = described_listener();
        described
            .trusted
            .push("127.0.0.0/8".parse().expect("a network"));
        let terms = Terms::load(&described).expect("no file");
        assert!(terms.trusts(ip("10.9.0.1")));
        // Whatever is listed, this node's own processes are not believed.
        assert!(!terms.trusts(ip("127.0.0.1")));
        assert!(!terms.trusts(ip("10.1.0.1")));
    }
}
