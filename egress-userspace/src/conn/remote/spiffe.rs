//! Who a certificate is for: a SPIFFE id, as Istio and SPIRE give it to workloads.
//!
//! <https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md>

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::types::{HostName, Pod};

/// Longest name of an object in Kubernetes.
const MAX_NAME: usize = 253;

/// Why a certificate is nobody's here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Nobody {
    /// It cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(webpki::Error),
    /// It has no URI, or several.
    #[error("the certificate has not exactly one URI")]
    Ambiguous,
    /// Its URI is none of a service account in the trust domain.
    #[error("the certificate's URI is not spiffe://{0}/ns/NAMESPACE/sa/SERVICE_ACCOUNT")]
    Foreign(HostName),
}

/// What is known of who has a certificate that was verified.
pub(super) fn pod(
    certificate: &CertificateDer<'_>,
    trust_domain: &HostName,
) -> Result<Pod, Nobody> {
    let certificate = EndEntityCert::try_from(certificate).map_err(Nobody::Unreadable)?;
    let mut uris = certificate.valid_uri_names();
    // More than one is not valid (X509-SVID section 2): which of them counted would be anybody's guess.
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return Err(Nobody::Ambiguous);
    };
    account(uri, trust_domain).ok_or_else(|| Nobody::Foreign(trust_domain.clone()))
}

fn account(uri: &str, trust_domain: &HostName) -> Option<Pod> {
    let mut parts = uri.strip_prefix("spiffe://")?.split('/');
    let mut next = || parts.next();
    let (domain, ns, namespace) = (next()?, next()?, next()?);
    let (sa, service_account) = (next()?, next()?);
    let is_whole = next().is_none();
    let is_ours = domain == trust_domain.as_str() && ns == "ns" && sa == "sa";
    (is_whole && is_ours && is_name(namespace) && is_name(service_account)).then(|| Pod {
        namespace: namespace.into(),
        service_account: service_account.into(),
        ..Pod::default()
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn domain() -> HostName {
        "cluster.local".parse().expect("a name")
    }

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").into()
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("ASCII"))
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().expect("ASCII"))
    }

    #[test]
    fn a_certificate_is_for_the_service_account_of_its_one_uri() {
        let one = "spiffe://cluster.local/ns/shop/sa/web";
        let found = pod(&certificate(vec![dns("web.test"), uri(one)]), &domain());
        let found = found.expect("a pod");
        assert_eq!(
            (&*found.namespace, &*found.service_account),
            ("shop", "web")
        );
        assert!(found.name.is_empty());
        let none = pod(&certificate(vec![dns("web.test")]), &domain());
        assert!(matches!(none, Err(Nobody::Ambiguous)), "{none:?}");
        let other = uri("spiffe://cluster.local/ns/shop/sa/admin");
        let two = pod(&certificate(vec![uri(one), other]), &domain());
        assert!(matches!(two, Err(Nobody::Ambiguous)), "{two:?}");
    }

    #[test]
    fn no_other_uri_is_somebodys() {
        for text in [
            "spiffe://other.example/ns/shop/sa/web",
            "spiffe://Cluster.Local/ns/shop/sa/web",
            "spiffe://cluster.local.evil.test/ns/shop/sa/web",
            "spiffe://cluster.local:443/ns/shop/sa/web",
            "spiffe://x@cluster.local/ns/shop/sa/web",
            "https://cluster.local/ns/shop/sa/web",
            "spiffe://cluster.local/ns/shop/sa/web/",
            "spiffe://cluster.local/ns/shop/sa/web?x",
            "spiffe://cluster.local/ns/shop/sa/",
            "spiffe://cluster.local/ns//sa/web",
            "spiffe://cluster.local/ns/shop",
            "spiffe://cluster.local/sa/shop/ns/web",
            "spiffe://cluster.local/ns/sh%6fp/sa/web",
            "spiffe://cluster.local/ns/Shop/sa/web",
        ] {
            assert_eq!(account(text, &domain()), None, "{text}");
        }
    }
}
