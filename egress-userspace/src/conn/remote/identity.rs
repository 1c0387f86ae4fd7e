//! How a listener knows who comes.

use super::tls::Server;
use crate::dial::TlsError;
use crate::types::{Listener, ListenerProtocol, PeerIdentity};

/// How a listener knows who comes.
pub(super) enum Identity {
    /// By the address.
    Address,
    /// By the certificate.
    MutualTls(Server),
}

/// The only version that `CONNECT` is served in (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";

impl Identity {
    pub(super) fn load(listener: &Listener) -> Result<Self, TlsError> {
        let alpn = match listener.protocol {
            ListenerProtocol::Connect => Some(HTTP1),
            ListenerProtocol::Proxy => None,
        };
        match &listener.identity {
            PeerIdentity::Address => Ok(Self::Address),
            PeerIdentity::MutualTls(tls) => Server::load(tls, alpn).map(Self::MutualTls),
        }
    }
}
