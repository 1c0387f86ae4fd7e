//! Listeners for callers of other nodes.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use super::{HostName, Pod};

/// A listener that callers of other nodes come to, as to an explicit proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique among listeners; the access log has it.
    pub name: Arc<str>,
    /// Where it listens, in the gateway's own network namespace.
    pub address: SocketAddr,
    /// How callers say where they want to go.
    pub protocol: ListenerProtocol,
    /// Who they are.
    pub identity: PeerIdentity,
    /// Whose the addresses are that no pod is known to have.
    pub peers: Vec<Peer>,
    /// Who is believed about where a connection comes from.
    pub trusted: Vec<IpNet>,
}

/// How a caller says where it wants to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// By a request of HTTP/1.1 (RFC 9110 section 9.3.6).
    Connect,
    /// By a header of the PROXY protocol.
    Proxy,
}

/// How it is known who a caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerIdentity {
    /// By its address.
    Address,
    /// By its certificate.
    MutualTls(ServerTls),
}

/// TLS as the gateway speaks it to who comes to a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// What the listener shows, with intermediate ones.
    pub certificate: PathBuf,
    /// Its key.
    pub private_key: PathBuf,
    /// Who signs what callers show.
    pub ca_certificates: PathBuf,
    /// Whose names count in it.
    pub trust_domain: HostName,
}

/// Who has some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The addresses.
    pub addresses: Vec<IpNet>,
    /// What is known of who has them.
    pub pod: Arc<Pod>,
}

impl Peer {
    /// How closely its addresses describe `ip`; `None`: they do not have it.
    pub fn closeness(&self, ip: IpAddr) -> Option<u8> {
        let having = self.addresses.iter().filter(|net| net.contains(&ip));
        having.map(IpNet::prefix_len).max()
    }
}
