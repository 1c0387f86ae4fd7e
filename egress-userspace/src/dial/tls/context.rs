//! From what services say of TLS to what rustls needs. Files are read here, when a configuration is
//! loaded, and never for a connection.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::verify::AnyName;
use crate::types::{ClientTls, ClientTlsMode, HostName};

/// What each way of speaking TLS that a configuration has needs. Services that say the same share it.
#[derive(Debug, Default)]
pub struct Contexts(HashMap<ClientTls, Arc<ClientConfig>>);

/// Why TLS can't be spoken as a service says.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or not PEM.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: pem::Error,
    },
    /// A file without what is looked for.
    #[error("{}: no {wanted} in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is looked for.
        wanted: &'static str,
    },
    /// The system has no authorities.
    #[error(
        "the system's certificate authorities cannot be read, and `ca_certificates` names none"
    )]
    NoAuthorities,
    /// What was read does not go together.
    #[error("{}: {cause}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
    /// The authorities are not such as certificates can be checked against.
    #[error("certificate authorities: {0}")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    /// A name that is in no certificate.
    #[error("subject_alt_names: no certificate is for {0}")]
    Name(HostName),
    /// The cryptographic provider has none of TLS 1.2 and 1.3.
    #[error("TLS: {0}")]
    Versions(rustls::Error),
}

impl Contexts {
    /// Reads what `wanted` needs.
    pub fn load<'a>(wanted: impl IntoIterator<Item = &'a ClientTls>) -> Result<Self, TlsError> {
        let mut contexts = HashMap::new();
        for tls in wanted {
            if !contexts.contains_key(tls) {
                contexts.insert(tls.clone(), Arc::new(config(tls)?));
            }
        }
        Ok(Self(contexts))
    }

    pub(super) fn of(&self, tls: &ClientTls) -> Option<Arc<ClientConfig>> {
        self.0.get(tls).map(Arc::clone)
    }
}

fn config(tls: &ClientTls) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(authorities(tls.ca_certificates.as_deref())?);
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
    let verifier = AnyName::new(verifier, &tls.subject_alt_names).map_err(TlsError::Name)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match &tls.mode {
        ClientTlsMode::Simple => Ok(builder.with_no_client_auth()),
        ClientTlsMode::Mutual {
            client_certificate,
            private_key,
        } => builder
            .with_client_auth_cert(certificates(client_certificate)?, key(private_key)?)
            .map_err(|cause| TlsError::Refused {
                path: private_key.clone(),
                cause,
            }),
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let Some(path) = file else {
        let mut roots = RootCertStore::empty();
        // Some systems have a certificate or two that cannot be parsed beside a hundred that can.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() {
            Err(TlsError::NoAuthorities)
        } else {
            Ok(roots)
        };
    };
    authorities_in(path)
}

/// The authorities in a file.
pub fn authorities_in(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|cause| TlsError::Refused {
            path: path.into(),
            cause,
        })?;
    }
    Ok(roots)
}

/// The certificates in a file: at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |cause| TlsError::File {
        path: path.into(),
        cause,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect();
    let found = found.map_err(failed)?;
    if found.is_empty() {
        let path = path.into();
        return Err(TlsError::Empty {
            path,
            wanted: "certificate",
        });
    }
    Ok(found)
}

/// The private key in a file.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|cause| match cause {
        pem::Error::NoItemsFound => TlsError::Empty {
            path: path.into(),
            wanted: "private key",
        },
        cause => TlsError::File {
            path: path.into(),
            cause,
        },
    })
}
