//! `Upgrade` and `CONNECT`.

use super::*;

const ONE: Version = Version::One;

fn upgrade(protocol: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n")
}

fn connect(authority: &str) -> String {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")
}

/// A `ClientHello` with this SNI, as OpenSSL sends it.
fn hello(name: &str) -> Vec<u8> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/sniff/testdata/openssl-3.0.bin"
    );
    let captured = std::fs::read(file).expect("a captured file");
    let sent = b"openssl.example.com";
    let at = captured.windows(sent.len()).position(|w| w == sent);
    let (before, after) = captured.split_at(at.expect("its name"));
    let (_, after) = after.split_at(sent.len());
    assert_eq!(name.len(), sent.len(), "no other length changes");
    [before, name.as_bytes(), after].concat()
}

#[tokio::test]
async fn an_upgrade_that_is_granted_is_a_tunnel() {
    let mut rig = Rig::new(ONE, upgrade("websocket").as_bytes()).await;
    rig.asked(upgrade("websocket")).await;
    rig.answer("HTTP/1.1 101 Switching Protocols\r\n\r\nfrom the server")
        .await;
    rig.answered("HTTP/1.1 101 Switching Protocols\r\n\r\nfrom the server")
        .await;
    rig.ask("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n").await;
    rig.asked("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n").await;
    rig.answer("anything").await;
    rig.answered("anything").await;
}

#[tokio::test]
async fn after_an_upgrade_that_is_not_granted_requests_are_judged() {
    let both = upgrade("websocket") + &get("evil.test");
    let mut rig = Rig::new(ONE, both.as_bytes()).await;
    rig.asked(upgrade("websocket")).await;
    rig.answer(OK).await;
    rig.answered(OK).await;
    assert_eq!(rig.refused().await.0, DenyReason::HostNotInRegistry);
}

#[tokio::test]
async fn an_upgrade_to_what_carries_names_is_refused() {
    for protocol in ["h2c", "websocket, h2c", "TLS/1.2"] {
        let rig = Rig::new(ONE, upgrade(protocol).as_bytes()).await;
        assert_eq!(
            rig.refused().await.0,
            DenyReason::UpgradeRefused,
            "{protocol}"
        );
    }
}

#[tokio::test]
async fn a_tunnel_is_judged_by_its_name_and_port() {
    for (authority, reason) in [
        ("evil.test:8443", DenyReason::HostNotInRegistry),
        ("a.test:443", DenyReason::AuthorityMismatch),
        ("a.test", DenyReason::AuthorityMismatch),
    ] {
        let rig = Rig::new(ONE, connect(authority).as_bytes()).await;
        assert_eq!(rig.refused().await.0, reason, "{authority}");
    }
}

/// A tunnel to this name, with what the server says first.
async fn tunnel(judged: &'static str, greeting: &str) -> Rig {
    let admits = move |claim: &Claim| match claim {
        Claim::Malformed(reason) => Err(*reason),
        claim if claim.name().is_some_and(|name| name.as_str() == judged) => Ok(()),
        _ => Err(DenyReason::HostNotInRegistry),
    };
    let asked = connect(&format!("{judged}:{PORT}"));
    let mut rig = Rig::judged_by(ONE, asked.as_bytes(), admits).await;
    rig.asked(asked).await;
    let established = format!("HTTP/1.1 200 Established\r\n\r\n{greeting}");
    rig.answer(&established).await;
    rig.answered(&established).await;
    rig
}

#[tokio::test]
async fn in_a_tunnel_tls_asks_for_the_name_that_the_tunnel_was_asked_for() {
    let name = "openssl.example.com";
    let mut rig = tunnel(name, "").await;
    rig.ask(hello(name)).await;
    rig.asked(hello(name)).await;
    rig.answer("anything").await;
    rig.answered("anything").await;

    let mut rig = tunnel(name, "").await;
    rig.ask(hello("evil000.example.com")).await;
    assert!(rest(&mut rig.server).await.0.is_empty());
    let told = Some(Telling::Alert);
    let mismatch = (DenyReason::HostSniMismatch, Some(name.to_owned()), told);
    assert_eq!(rig.refused().await, mismatch);
}

#[tokio::test]
async fn a_server_that_answers_connect_as_any_request_makes_no_tunnel() {
    let mut rig = Rig::new(ONE, connect("a.test:8443").as_bytes()).await;
    rig.asked(connect("a.test:8443")).await;
    rig.answer(OK).await;
    assert!(matches!(rig.ended().await, Ended::Unframed));
}

#[tokio::test]
async fn an_upgrade_by_head_is_none_and_its_answer_has_no_body() {
    let head = upgrade("websocket").replace("GET", "HEAD");
    let both = head.clone() + &get("evil.test");
    let mut rig = Rig::new(ONE, both.as_bytes()).await;
    rig.asked(&head).await;
    rig.answer("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        .await;
    assert_eq!(rig.refused().await.2, Some(Telling::Response));

    let mut rig = Rig::new(ONE, head.as_bytes()).await;
    rig.asked(&head).await;
    rig.answer("HTTP/1.1 101 Switching Protocols\r\n\r\n").await;
    assert!(matches!(rig.ended().await, Ended::Unframed));
}

#[tokio::test]
async fn in_a_tunnel_the_server_may_speak_first() {
    let mut rig = tunnel("a.test", "220 hello\r\n").await;
    rig.ask("EHLO client\r\n").await;
    rig.asked("EHLO client\r\n").await;
}

#[tokio::test]
async fn after_a_tunnel_that_is_not_granted_requests_are_judged() {
    let both = connect("a.test:8443") + &get("evil.test");
    let mut rig = Rig::new(ONE, both.as_bytes()).await;
    rig.asked(connect("a.test:8443")).await;
    rig.answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(rig.refused().await.0, DenyReason::HostNotInRegistry);
}
