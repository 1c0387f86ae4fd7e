//! The destination is allowed, but cannot be reached: the client is told so, and the log says why.

use anyhow::Result;
use egress_tests::Scene;

/// Short, for destinations that never answer.
const IMPATIENT: &str =
    "[dns]\ntimeout = \"200ms\"\nattempts = 1\n[dial]\nconnect_timeout = \"200ms\"";

/// Tries a name below the wildcard over TLS and over HTTP; checks what the client is told, and gives
/// what the log says.
fn unreachable(scene: &Scene, name: &str, status: &str) -> Result<String> {
    let mut client = scene.python()?;
    let host = format!("{name}.cdn.example.com");
    let said = client.ask(&format!("alert(say('203.0.113.11', 443, hello('{host}')))"))?;
    assert_eq!(said, "alert 80");
    let over_tls = scene.line()?;
    let said = client.ask(&format!("say('203.0.113.11', 80, request('{host}'))"))?;
    let over_http = scene.line()?;
    let reason = over_http.get("close_reason");
    assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
    assert!(
        said.contains(&format!(
            "egress: {reason}: the destination cannot be reached"
        )),
        "{said}"
    );
    let keys = "verdict service close_reason response_flags upstream.addr";
    assert_eq!(over_tls.pick(keys), over_http.pick(keys));
    Ok(over_http.pick(keys))
}

#[test]
fn a_server_that_refuses() -> Result<()> {
    let scene = Scene::new("")?;
    assert_eq!(
        unreachable(&scene, "refused", "502")?,
        "allow cdn connect_refused UF "
    );
    let failed = [
        ("destination_service_name", "cdn"),
        ("response_flags", "UF"),
    ];
    assert_eq!(
        scene
            .metrics()?
            .sum("istio_tcp_connections_failed_total", &failed),
        2
    );
    Ok(())
}

#[test]
fn a_server_that_does_not_answer() -> Result<()> {
    let scene = Scene::new(IMPATIENT)?;
    assert_eq!(
        unreachable(&scene, "blackhole", "504")?,
        "allow cdn connect_timeout UF "
    );
    Ok(())
}

#[test]
fn a_client_that_speaks_no_protocol_is_reset() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let said = client.ask("connect('198.51.100.20', 6000).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("service close_reason"),
        "lab connect_refused"
    );
    Ok(())
}

#[test]
fn a_name_that_does_not_exist() -> Result<()> {
    let scene = Scene::new("")?;
    assert_eq!(
        unreachable(&scene, "missing", "502")?,
        "allow cdn resolve_nxdomain DF "
    );
    Ok(())
}

/// A DNS server that never answers.
const SILENT: &str = "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('203.0.113.54', 53))
";

/// A DNS server that answers every question with `SERVFAIL` (RFC 1035 section 4.1.1).
const FAILING: &str = "
def fail():
    while True:
        question, peer = u.recvfrom(4096)
        u.sendto(question[:2] + b'\\x81\\x82' + question[4:], peer)
threading.Thread(target=fail, daemon=True).start()
";

#[test]
fn a_name_whose_server_does_not_answer() -> Result<()> {
    let scene = Scene::new(IMPATIENT)?;
    let mut server = scene.bed.inet_session()?;
    server.run(SILENT)?;
    assert_eq!(
        unreachable(&scene, "other", "502")?,
        "allow cdn resolve_timeout DF "
    );
    Ok(())
}

#[test]
fn a_name_whose_server_fails() -> Result<()> {
    let scene = Scene::new("")?;
    let mut server = scene.bed.inet_session()?;
    server.run(&[SILENT, FAILING].concat())?;
    assert_eq!(
        unreachable(&scene, "other", "502")?,
        "allow cdn resolve_server DF "
    );
    Ok(())
}
