//! TLS towards an upstream, for a client that speaks without: Istio's TLS origination; and what has to do
//! with it where TLS ends here.
//!
//! What moves bytes knows TCP sockets only. So TLS is spoken by a task of its own, and what the rest
//! of the gateway has is the near end of a pair of sockets whose far end that task holds.

mod bridge;
mod context;
mod pair;
mod verify;

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, TlsStream};
use tokio_util::sync::CancellationToken;

use crate::net::TcpStream;
use crate::types::{ClientTls, HostName};

pub use self::bridge::{Bound, Bridges};
pub use self::context::{Contexts, TlsError, authorities_in, certificates, key};

/// As long as the kernel has for a socket that nobody holds (`tcp_fin_timeout`, tcp(7)).
const LINGER: Duration = Duration::from_mins(1);

/// What is asked of the upstream.
pub(super) struct Wanted<'a> {
    /// What the service says.
    pub(super) tls: &'a ClientTls,
    /// The name that is dialled, or that the client sent.
    pub(super) name: Option<&'a HostName>,
    /// The address that is connected.
    pub(super) ip: IpAddr,
    /// The application protocol that the client began to speak (RFC 7301).
    pub(super) alpn: Option<&'static [u8]>,
}

/// Shakes hands on a connected socket, and gives a socket that speaks in the clear.
///
/// Once `given_up`, the other end of that socket has been closed.
///
/// Fails with [`io::ErrorKind::InvalidData`] where the upstream's certificate or its TLS is refused.
pub(super) async fn originate(
    contexts: &Contexts,
    wanted: &Wanted<'_>,
    upstream: TcpStream,
    bridges: &Bridges,
    given_up: CancellationToken,
) -> io::Result<TcpStream> {
    let config = contexts.of(wanted.tls).ok_or(io::ErrorKind::NotFound)?;
    let alpn = wanted.alpn.map(<[u8]>::to_vec).into_iter().collect();
    let secured = TlsConnector::from(config)
        .with_alpn(alpn)
        .connect(server_name(wanted), upstream)
        .await?;
    let bound = Bound {
        given_up: given_up.cancelled_owned(),
        linger: LINGER,
    };
    in_the_clear(secured.into(), bridges, bound).await
}

/// A socket that speaks in the clear, for a stream of TLS that is at work. Once `bound` says that it is given
/// up, this end of that socket has been closed.
pub async fn in_the_clear<G>(
    secured: TlsStream<TcpStream>,
    bridges: &Bridges,
    bound: Bound<G>,
) -> io::Result<TcpStream>
where
    G: Future<Output: Send> + Send + 'static,
{
    let (near, far) = pair::pair().await?;
    bridges.begin(far, secured, bound);
    Ok(near)
}

/// The name in the `ClientHello`. An address is in none (RFC 6066 section 3); rustls checks the
/// certificate for it all the same.
fn server_name(wanted: &Wanted<'_>) -> ServerName<'static> {
    let ClientTls {
        sni,
        subject_alt_names,
        ..
    } = wanted.tls;
    let name = sni.as_ref().or(wanted.name).or(subject_alt_names.first());
    // A host name that is not one of TLS's has a `_`, which rustls takes; were it otherwise, the
    // certificate would have to be for the address.
    name.and_then(|name| ServerName::try_from(name.as_str().to_owned()).ok())
        .unwrap_or_else(|| ServerName::from(wanted.ip))
}

#[cfg(test)]
mod tests;
