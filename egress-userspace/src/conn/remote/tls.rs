//! TLS with who comes to a listener: both sides show a certificate.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use socket2::SockRef;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::super::refuse::say;
use super::super::stop::Stop;
use super::spiffe;
use crate::dial::{TlsError, authorities_in, certificates, key};
use crate::net::TcpStream;
use crate::types::{DenyReason, HostName, Pod, ServerTls};

/// A listener's end of TLS.
pub(super) struct Server {
    acceptor: TlsAcceptor,
    trust_domain: HostName,
}

impl Server {
    /// Reads the files. With `alpn` nobody is taken who offers other protocols only.
    pub(super) fn load(tls: &ServerTls, alpn: Option<&[u8]>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(authorities_in(&tls.ca_certificates)?);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        let verifier = Arc::new(OfTrustDomain {
            inner: verifier,
            trust_domain: tls.trust_domain.clone(),
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&tls.certificate)?, key(&tls.private_key)?)
            .map_err(|cause| TlsError::Refused {
                path: tls.private_key.clone(),
                cause,
            })?;
        config.alpn_protocols = alpn.map(<[u8]>::to_vec).into_iter().collect();
        // One that comes again shows its certificate again: it may have run out, or its authority be gone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            trust_domain: tls.trust_domain.clone(),
        })
    }

    /// Shakes hands within `patience`, and says who it is with.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> Result<(TlsStream<TcpStream>, Arc<Pod>), Stop> {
        let shaking = self.acceptor.accept(stream).into_fallible();
        let secured = match timeout(patience, shaking).await {
            Err(_elapsed) => return Err(DenyReason::SniffTimeout.into()),
            Ok(Err((error, stream))) => {
                debug!(%error, "TLS with a peer failed");
                // It is to hear the alert, and not a reset. It fails on no TCP socket.
                let _ = SockRef::from(&stream).set_linger(None);
                say(stream, &[]).await;
                return Err(failed(&error));
            }
            Ok(Ok(secured)) => secured,
        };
        let shown = secured.get_ref().1.peer_certificates();
        let shown = shown.and_then(|chain| chain.first());
        let shown = shown.ok_or(DenyReason::PeerCertificate)?;
        let pod = spiffe::pod(shown, &self.trust_domain);
        let pod = pod.map_err(|_| DenyReason::PeerCertificate)?;
        Ok((secured, Arc::new(pod)))
    }
}

fn failed(error: &io::Error) -> Stop {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    match tls {
        Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => {
            DenyReason::PeerCertificate.into()
        }
        // It does not like the listener's certificate.
        Some(Error::AlertReceived(_)) | None => Stop::ClientGone,
        Some(_) => DenyReason::MalformedTls.into(),
    }
}

/// rustls's own checks, and that the certificate is a service account's of the trust domain: one that is
/// refused for that hears so in the handshake.
struct OfTrustDomain {
    inner: Arc<dyn ClientCertVerifier>,
    trust_domain: HostName,
}

impl fmt::Debug for OfTrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OfTrustDomain")
            .field(&self.trust_domain)
            .finish()
    }
}

impl ClientCertVerifier for OfTrustDomain {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)?;
        match spiffe::pod(end_entity, &self.trust_domain) {
            Ok(_) => Ok(verified),
            Err(error) => {
                debug!(%error, "a peer's certificate is refused");
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
