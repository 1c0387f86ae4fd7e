//! Checks that a certificate is for one of several names (`subject_alt_names`).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::types::HostName;

/// rustls's own checks, with names of the operator's choice in place of the one that was dialled.
#[derive(Debug)]
pub(super) struct AnyName {
    inner: Arc<WebPkiServerVerifier>,
    /// Empty: the name that was dialled.
    names: Vec<ServerName<'static>>,
}

impl AnyName {
    /// Fails with the name that no certificate can have.
    pub(super) fn new(
        inner: Arc<WebPkiServerVerifier>,
        names: &[HostName],
    ) -> Result<Self, HostName> {
        let name = |name: &HostName| {
            ServerName::try_from(name.as_str().to_owned()).map_err(|_| name.clone())
        };
        let names = names.iter().map(name).collect::<Result<_, _>>()?;
        Ok(Self { inner, names })
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let check = |name: &ServerName<'_>| {
            self.inner
                .verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        };
        if self.names.is_empty() {
            return check(dialled);
        }
        let mut refused = CertificateError::NotValidForName.into();
        for name in &self.names {
            match check(name) {
                Ok(verified) => return Ok(verified),
                Err(error) => refused = error,
            }
        }
        Err(refused)
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
