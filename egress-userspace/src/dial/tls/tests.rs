//! Against a real TLS server, with certificates made for each test.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use socket2::SockRef;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::types::ClientTlsMode;

/// An authority, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            files: tempfile::tempdir().expect("a directory"),
        }
    }

    fn leaf(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate, key)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).expect("it is written");
        path
    }

    /// TLS as a service says that trusts this authority.
    fn trusted(&self) -> ClientTls {
        ClientTls {
            mode: ClientTlsMode::Simple,
            sni: None,
            ca_certificates: Some(self.file("ca.pem", &self.pem)),
            subject_alt_names: vec![],
        }
    }

    fn acceptor(&self, name: &str, wants_client: bool) -> TlsAcceptor {
        let (certificate, key) = self.leaf(name);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.der.clone()).expect("a root");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a configuration");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

type Outcome = (io::Result<TcpStream>, io::Result<TlsStream<TcpStream>>);

/// Has a gateway that speaks `tls` meet a server; both sides' outcomes.
async fn meet(tls: &ClientTls, dialled: &str, acceptor: TlsAcceptor) -> Outcome {
    meet_until(CancellationToken::new(), tls, dialled, acceptor).await
}

/// The same, until the near socket is given up.
async fn meet_until(
    given_up: CancellationToken,
    tls: &ClientTls,
    dialled: &str,
    acceptor: TlsAcceptor,
) -> Outcome {
    let contexts = Contexts::load([tls]).expect("the files are right");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a listener");
    let address = listener.local_addr().expect("its address");
    let upstream = TcpStream::connect(address).await.expect("connected");
    let (accepted, _) = listener.accept().await.expect("accepted");
    let accepted = TcpStream::try_from(accepted).expect("with the runtime");
    let name = dialled.parse().expect("a name");
    let bridges = Bridges::default();
    let wanted = Wanted {
        tls,
        name: Some(&name),
        ip: address.ip(),
        alpn: Some(b"http/1.1"),
    };
    tokio::join!(
        originate(&contexts, &wanted, upstream, &bridges, given_up),
        acceptor.accept(accepted)
    )
}

#[tokio::test]
async fn bytes_and_ends_pass_both_ways() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("api.example", false);
    let (near, server) = meet(&authority.trusted(), "api.example", acceptor).await;
    let (mut near, mut server) = (near.expect("agreed"), server.expect("agreed"));
    let (_, session) = server.get_ref();
    assert_eq!(session.server_name(), Some("api.example"));
    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));

    near.write_all(b"question").await.expect("written");
    near.shutdown().await.expect("half closed");
    let mut question = Vec::new();
    server
        .read_to_end(&mut question)
        .await
        .expect("with close_notify");
    assert_eq!(question, b"question");
    server.write_all(&vec![7; 100_000]).await.expect("written");
    server.shutdown().await.expect("closed");
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.expect("a clean end");
    assert_eq!(answer, vec![7; 100_000]);
}

#[tokio::test]
async fn an_upstream_that_does_not_end_is_not_waited_for_when_nobody_holds_it() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("api.example", false);
    let held = CancellationToken::new();
    let given_up = held.clone();
    let (near, server) = meet_until(given_up, &authority.trusted(), "api.example", acceptor).await;
    let mut server = server.expect("agreed");
    drop(near.expect("agreed"));
    assert_eq!(server.read(&mut [0; 8]).await.expect("close_notify"), 0);
    drop(held.drop_guard());
    tokio::time::pause();
    let (stream, _) = server.get_ref();
    let reset = timeout(Duration::from_mins(5), stream.failed());
    reset.await.expect("in time");
}

#[tokio::test]
async fn a_bridge_is_waited_for_and_keeps_what_it_was_given_until_it_ends() {
    let authority = Authority::new();
    let tls = authority.trusted();
    let acceptor = authority.acceptor("gateway.example", false);
    let contexts = Contexts::load([&tls]).expect("the files are right");
    let config = contexts.of(&tls).expect("it was read");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a listener");
    let address = listener.local_addr().expect("its address");
    let client = TcpStream::connect(address).await.expect("connected");
    let (accepted, _) = listener.accept().await.expect("accepted");
    let accepted = TcpStream::try_from(accepted).expect("with the runtime");
    let name = ServerName::try_from("gateway.example").expect("a name");
    let (client, server) = tokio::join!(
        TlsConnector::from(config).connect(name, client),
        acceptor.accept(accepted)
    );
    let (mut client, server) = (client.expect("agreed"), server.expect("agreed"));
    let (bridges, room) = (Bridges::default(), Arc::new(()));
    let (end, given_up) = oneshot::channel();
    let bound = Bound {
        given_up,
        linger: LINGER,
    };
    let near = in_the_clear(server.into(), &bridges, bound).await;
    let mut near = near.expect("a socket");
    near.write_all(b"an answer").await.expect("written");
    drop(near);
    end.send(Arc::clone(&room)).expect("it is held");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("a clean end");
    assert_eq!(answer, b"an answer");

    // The client does not end.
    tokio::time::pause();
    bridges.tasks.close();
    let early = timeout(LINGER / 2, bridges.tasks.wait()).await;
    early.expect_err("it is waited for");
    assert_eq!(Arc::strong_count(&room), 2);
    bridges.cut.cancel();
    let cut = timeout(LINGER / 4, bridges.tasks.wait()).await;
    cut.expect("it is cut");
    assert_eq!(Arc::strong_count(&room), 1);
}

#[tokio::test]
async fn a_stream_that_is_cut_short_does_not_look_complete() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("api.example", false);
    let (near, server) = meet(&authority.trusted(), "api.example", acceptor).await;
    let (mut near, mut server) = (near.expect("agreed"), server.expect("agreed"));
    server.write_all(b"half an ans").await.expect("written");
    server.flush().await.expect("sent");
    // The connection ends without close_notify.
    let (stream, _) = server.into_inner();
    drop(stream);
    let error = near
        .read_to_end(&mut Vec::new())
        .await
        .expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_of_the_near_side_resets_the_upstream() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("api.example", false);
    let (near, server) = meet(&authority.trusted(), "api.example", acceptor).await;
    let (near, mut server) = (near.expect("agreed"), server.expect("agreed"));
    SockRef::from(&near)
        .set_linger(Some(Duration::ZERO))
        .expect("set");
    drop(near);
    let error = server.read(&mut [0; 8]).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_certificate_must_be_for_the_name_and_by_the_authority() {
    let (ours, other) = (Authority::new(), Authority::new());
    let table = [
        (&ours, "evil.example", vec![]),
        (&ours, "api.example", vec!["other.example"]),
        (&other, "api.example", vec![]),
    ];
    for (signer, certified, names) in table {
        let tls = ClientTls {
            subject_alt_names: names.iter().map(|n| n.parse().expect("a name")).collect(),
            ..ours.trusted()
        };
        let (near, _) = meet(&tls, "api.example", signer.acceptor(certified, false)).await;
        let error = near.expect_err("it is refused");
        assert_eq!(
            error.kind(),
            io::ErrorKind::InvalidData,
            "{certified} {names:?}"
        );
    }
}

#[tokio::test]
async fn any_of_the_listed_names_will_do_and_the_sni_may_be_another() {
    let authority = Authority::new();
    let tls = ClientTls {
        sni: Some("front.example".parse().expect("a name")),
        subject_alt_names: ["a.example", "b.example"]
            .map(|n| n.parse().expect("a name"))
            .into(),
        ..authority.trusted()
    };
    let (near, server) = meet(&tls, "api.example", authority.acceptor("b.example", false)).await;
    near.expect("agreed");
    let server = server.expect("agreed");
    assert_eq!(server.get_ref().1.server_name(), Some("front.example"));
}

#[tokio::test]
async fn mutual_shows_a_certificate_and_simple_has_none() {
    let authority = Authority::new();
    let (certificate, key) = authority.leaf("gateway.example");
    let mutual = ClientTls {
        mode: ClientTlsMode::Mutual {
            client_certificate: authority.file("own.pem", &certificate.pem()),
            private_key: authority.file("own.key", &key.serialize_pem()),
        },
        ..authority.trusted()
    };
    let (_, server) = meet(
        &mutual,
        "api.example",
        authority.acceptor("api.example", true),
    )
    .await;
    let server = server.expect("the server took it");
    assert!(server.get_ref().1.peer_certificates().is_some());

    let simple = authority.trusted();
    let (_, server) = meet(
        &simple,
        "api.example",
        authority.acceptor("api.example", true),
    )
    .await;
    assert!(server.is_err(), "the server wants a certificate");
}

#[test]
fn files_that_are_not_what_they_should_be_are_told_by_name() {
    let authority = Authority::new();
    let (certificate, _) = authority.leaf("gateway.example");
    let own = authority.file("own.pem", &certificate.pem());
    let empty = authority.file("empty.pem", "");
    let gone = authority.files.path().join("gone.pem");
    let mutual = |client_certificate: &PathBuf, private_key: &PathBuf| ClientTls {
        mode: ClientTlsMode::Mutual {
            client_certificate: client_certificate.clone(),
            private_key: private_key.clone(),
        },
        ..authority.trusted()
    };
    let foreign = authority.file(
        "foreign.key",
        &authority.leaf("x.example").1.serialize_pem(),
    );
    let table = [
        (mutual(&own, &empty), "empty.pem: no private key in it"),
        (mutual(&empty, &own), "empty.pem: no certificate in it"),
        (mutual(&own, &gone), "gone.pem: "),
        (mutual(&own, &foreign), "foreign.key: "),
        (
            ClientTls {
                ca_certificates: Some(gone.clone()),
                ..authority.trusted()
            },
            "gone.pem: ",
        ),
    ];
    for (tls, expected) in table {
        let error = Contexts::load([&tls]).expect_err("it is wrong").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
