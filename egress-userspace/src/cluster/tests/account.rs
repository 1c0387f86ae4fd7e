//! How the API is reached: by what a service account has, or a kubeconfig.

use std::net::SocketAddr;
use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server's certificate, which is its own authority, and its key.
fn certified() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate")
}

/// Ends TLS before the server; gives where, and what the first request of each connection is.
async fn behind_tls(
    api: &ApiServer,
    own: &rcgen::CertifiedKey<rcgen::KeyPair>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a server's");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let (address, inner) = (listener.local_addr().expect("its address"), api.address());
    let (tell, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, tell) = (acceptor.clone(), tell.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(stream).await?;
                let mut server = TcpStream::connect(inner).await?;
                let mut head = vec![0; 4096];
                let length = client.read(&mut head).await?;
                head.truncate(length);
                server.write_all(&head).await?;
                // A test that has seen enough hears no more.
                let _ = tell.send(String::from_utf8_lossy(&head).into_owned());
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, heads)
}

/// What a service account has: the authority in a file, and the token in another.
fn write_account(dir: &Path, address: SocketAddr, authority: &str) -> PathBuf {
    let (ca, token) = (dir.join("ca.crt"), dir.join("token"));
    std::fs::write(&ca, authority).expect("written");
    std::fs::write(&token, "the-token").expect("written");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://{address}"), "certificate-authority": ca,
        }}],
        "users": [{"name": "test", "user": {"tokenFile": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    let path = dir.join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("written");
    path
}

#[tokio::test]
async fn the_api_is_asked_with_a_token_and_believed_by_its_authority() {
    let (own, other) = (certified(), certified());
    for (authority, believed) in [(&own, true), (&other, false)] {
        let api = api();
        put(&api, 1, &json!({}));
        let (address, mut heads) = behind_tls(&api, &own).await;
        let dir = tempfile::tempdir().expect("a directory");
        let kubeconfig = write_account(dir.path(), address, &authority.cert.pem());
        let scene = Scene::by(api, kubeconfig, Some(NODE), dir).await;
        if believed {
            scene.until_state(State::Synced).await;
            assert!(scene.pod(1).is_some());
            let head = heads.recv().await.expect("a request").to_lowercase();
            assert!(head.contains("authorization: bearer the-token"), "{head}");
        } else {
            let told = |scene: &Scene| scene.freshness.now().trouble.unwrap_or_default();
            scene
                .until("it says why", |scene| told(scene).contains("certificate"))
                .await;
            assert_eq!(scene.pods.count(), 0);
            assert!(scene.api.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn a_kubeconfig_that_leads_nowhere_is_an_error() {
    let settings = ClusterSettings {
        kubeconfig: Some("/nonexistent/kubeconfig".into()),
        node: None,
    };
    let error = connect(&settings).await.err().expect("an error");
    assert_eq!(
        error.to_string(),
        "reading the kubeconfig /nonexistent/kubeconfig"
    );
}
