//! A listener, with what a reload replaces of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::identity::Identity;
use crate::dial::TlsError;
use crate::pods::Pods;
use crate::types::{Caller, Listener, ListenerProtocol, Peer, Pod, Remote};

/// A listener for callers of other nodes.
pub struct RemoteListener {
    name: Arc<str>,
    address: SocketAddr,
    protocol: ListenerProtocol,
    terms: ArcSwap<Terms>,
    pods: Arc<Pods>,
    own_ports: Arc<[u16]>,
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

    /// Whether `peer` is believed about where a connection comes from.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&peer))
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
    pub fn new(listener: &Listener, terms: Terms, pods: Arc<Pods>, own_ports: Arc<[u16]>) -> Self {
        Self {
            name: Arc::clone(&listener.name),
            address: listener.address,
            protocol: listener.protocol,
            terms: ArcSwap::from_pointee(terms),
            pods,
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

    /// Who has an address and, perhaps, showed a certificate; `None`: nobody says.
    ///
    /// A pod of the cluster's API is described in full. One that has the address but not what the
    /// certificate says is another.
    pub(super) fn caller(
        &self,
        terms: &Terms,
        address: IpAddr,
        shown: Option<&Arc<Pod>>,
    ) -> Option<Caller> {
        let known = self.pods.by_ip(address);
        let pod = match shown {
            Some(shown) => known
                .filter(|known| who(known) == who(shown))
                .unwrap_or_else(|| Arc::clone(shown)),
            None => known.or_else(|| terms.peer(address).cloned())?,
        };
        let mut caller = self.stranger(address);
        caller.pod = Some(pod);
        if let Some(remote) = &mut caller.remote {
            remote.is_certified = shown.is_some();
        }
        Some(caller)
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

fn who(pod: &Pod) -> (&str, &str) {
    (&pod.namespace, &pod.service_account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PeerIdentity;

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

    fn listener() -> (RemoteListener, Arc<Pods>) {
        let described = Listener {
            name: "nodes".into(),
            address: "192.0.2.1:15080".parse().expect("an address"),
            protocol: ListenerProtocol::Connect,
            identity: PeerIdentity::Address,
            peers: vec![peer("10.0.0.0/8", "wide"), peer("10.1.0.0/16", "narrow")],
            trusted: vec!["10.9.0.0/16".parse().expect("a network")],
        };
        let terms = Terms::load(&described).expect("no file");
        let pods = Arc::<Pods>::default();
        let own_ports = Arc::from([]);
        let listener = RemoteListener::new(&described, terms, Arc::clone(&pods), own_ports);
        (listener, pods)
    }

    fn namespace(listener: &RemoteListener, address: &str, shown: Option<&Pod>) -> Option<String> {
        let shown = shown.cloned().map(Arc::new);
        let caller = listener.caller(&listener.terms(), ip(address), shown.as_ref())?;
        let pod = caller.pod.expect("a pod");
        Some(format!("{}/{}", pod.namespace, pod.name))
    }

    #[test]
    fn an_address_is_a_known_pods_else_the_narrowest_peers_else_nobodys() {
        let (listener, pods) = listener();
        let uid = "0".repeat(32).parse().expect("a uid");
        pods.set(uid, pod("shop", "web-1"), vec![ip("10.1.2.3")]);
        for (address, expected) in [
            ("10.1.2.3", Some("shop/web-1")),
            ("10.1.2.4", Some("narrow/")),
            ("10.2.0.1", Some("wide/")),
            ("11.0.0.1", None),
        ] {
            assert_eq!(namespace(&listener, address, None).as_deref(), expected);
        }
    }

    #[test]
    fn a_certificate_counts_for_more_than_an_address() {
        let (listener, pods) = listener();
        let uid = "0".repeat(32).parse().expect("a uid");
        pods.set(uid, pod("shop", "web-1"), vec![ip("10.1.2.3")]);
        let shop = pod("shop", "");
        let other = pod("other", "");
        for (address, shown, expected) in [
            ("10.1.2.3", &shop, "shop/web-1"),
            ("10.1.2.3", &other, "other/"),
            ("11.0.0.1", &shop, "shop/"),
        ] {
            let found = namespace(&listener, address, Some(shown));
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn only_who_is_listed_is_believed() {
        let (listener, _) = listener();
        let terms = listener.terms();
        assert!(terms.trusts(ip("10.9.0.1")));
        assert!(!terms.trusts(ip("10.1.0.1")));
    }
}
