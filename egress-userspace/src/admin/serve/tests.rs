//! The servers over real sockets.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use std::sync::Arc;

use super::*;
use crate::account::Metrics;
use crate::admin::Readiness;

struct Server {
    addr: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(site: Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, site)));
        Self { addr, _task: task }
    }

    async fn metrics() -> Self {
        Self::start(Site::Metrics(Arc::new(Metrics::new()))).await
    }

    /// Sends a request and reads until the server closes.
    async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.expect("connects");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    async fn status(&self, method: &str, path: &str) -> String {
        let answer = self.ask(method, path).await;
        answer.split(' ').nth(1).expect("a status").to_owned()
    }
}

#[tokio::test]
async fn metrics_are_served_under_both_names() {
    let server = Server::metrics().await;
    for path in ["/metrics", "/stats/prometheus", "/metrics?name=x"] {
        let answer = server.ask("GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
        ));
        assert!(answer.ends_with("# EOF\n"), "{answer}");
    }
}

#[tokio::test]
async fn head_has_no_body() {
    let answer = Server::metrics().await.ask("HEAD", "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let server = Server::metrics().await;
    assert_eq!(server.status("GET", "/healthz/ready").await, "404");
    assert_eq!(server.status("GET", "/").await, "404");
    assert_eq!(server.status("POST", "/metrics").await, "405");
    let answer = server.ask("DELETE", "/nothing").await;
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[tokio::test]
async fn health_follows_the_gateways_state() {
    let (state, seen) = watch::channel(Readiness::Starting);
    let server = Server::start(Site::Health(seen)).await;
    for (readiness, status, body) in [
        (Readiness::Starting, "503", "starting\n"),
        (Readiness::Ready, "200", "ready\n"),
        (Readiness::Draining, "503", "draining\n"),
    ] {
        state.send(readiness).expect("the server looks");
        let answer = server.ask("GET", "/healthz/ready").await;
        assert_eq!(answer.split(' ').nth(1), Some(status));
        assert!(answer.ends_with(body), "{answer}");
        let answer = server.ask("GET", "/healthz/live").await;
        assert_eq!(answer.split(' ').nth(1), Some("200"));
        assert!(answer.ends_with(body), "{answer}");
    }
    assert_eq!(server.status("GET", "/metrics").await, "404");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = Server::metrics().await;
    let path = format!("/{}", "a".repeat(MAX_HEAD));
    assert_eq!(server.status("GET", &path).await, "431");
}

#[tokio::test]
async fn silent_clients_hold_up_nobody() {
    let server = Server::metrics().await;
    let mut silent = Vec::new();
    for _ in 0..MAX_CONNECTIONS * 2 {
        silent.push(TcpStream::connect(server.addr).await.expect("connects"));
    }
    let asked = Instant::now();
    assert_eq!(server.status("GET", "/metrics").await, "200");
    assert!(asked.elapsed() < HEAD_DEADLINE, "{:?}", asked.elapsed());
}
