//! HTTP in the clear: each request of a connection is judged, and not only the first.

use anyhow::Result;
use egress_tests::{Python, REGISTRY, Scene};

/// A client with one connection to the server of packages, and the answer to its first request.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run(
        r"
import http.client

def ask(connection, host, method='GET', **options):
    connection.request(method, '/', headers={'Host': host, **options})
    answer = connection.getresponse()
    return f'{answer.status} {answer.read().decode()}'

c = http.client.HTTPConnection('203.0.113.12', timeout=LIMIT)
",
    )?;
    let said = client.ask("ask(c, 'packages.example.org')")?;
    assert!(said.starts_with("200 served by packages"), "{said}");
    Ok(client)
}

#[test]
fn a_changed_host_is_denied_on_the_second_request() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert_eq!(
        said,
        "403 egress: host_not_in_registry: this name is not in the registry\n"
    );
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason close_reason service requested_server_name"),
        "deny host_not_in_registry denied packages evil.example.net"
    );
    assert_eq!(line.get("upstream.addr"), "203.0.113.12:80");
    assert_ne!(line.get("bytes_sent"), "0");
    let denied = [("verdict", "deny"), ("reason", "host_not_in_registry")];
    let count = scene.metrics()?.sum("egress_decisions_total", &denied);
    assert_eq!(count, 1);
    Ok(())
}

#[test]
fn a_host_that_is_admitted_elsewhere_is_misdirected() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    let said = client.ask("ask(c, 'www.cdn.example.com')")?;
    assert!(
        said.starts_with("421 egress: misdirected_request: "),
        "{said}"
    );
    assert_eq!(scene.line()?.get("reason"), "misdirected_request");
    Ok(())
}

#[test]
fn a_connection_that_keeps_to_its_host_goes_on() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    for host in ["packages.example.org", "Packages.Example.ORG.:80"] {
        for method in ["GET", "HEAD", "POST", "GET"] {
            let said = client.ask(&format!("ask(c, '{host}', '{method}')"))?;
            assert!(said.starts_with("200 "), "{said}");
        }
    }
    client.run("c.close()")?;
    assert_eq!(
        scene.line()?.pick("verdict reason close_reason"),
        "allow  client_closed"
    );
    Ok(())
}

#[test]
fn curl_shares_a_connection_between_requests_for_one_host() -> Result<()> {
    let scene = Scene::new("")?;
    let said = scene.governed().curl(&[
        "--connect-to",
        "::203.0.113.12:80",
        "http://packages.example.org/",
        "http://packages.example.org/",
        "http://evil.example.net/",
        "--write-out",
        "(%{http_code})",
    ])?;
    // curl does not share a connection between hosts: the last is the first request of its own.
    let served = said.stdout.matches("served by packages").count();
    assert_eq!(served, 2, "{said:?}");
    assert!(said.stdout.ends_with("(403)"), "{said:?}");
    Ok(())
}

#[test]
fn with_http_first_only_the_first_request_is_judged() -> Result<()> {
    let scene = Scene::with(
        r#"
[[service]]
name = "packages"
hosts = ["packages.example.org"]
ports = [{ number = 80, protocol = "HTTP" }]
http = "first"
"#,
    )?;
    let mut client = connected(&scene)?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert!(said.starts_with("200 served by packages"), "{said}");
    client.run("c.close()")?;
    assert_eq!(
        scene.line()?.pick("verdict service requested_server_name"),
        "allow packages packages.example.org"
    );
    client.run("c = http.client.HTTPConnection('203.0.113.12', timeout=LIMIT)")?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert!(
        said.starts_with("403 egress: host_not_in_registry: "),
        "{said}"
    );
    Ok(())
}

#[test]
fn in_audit_mode_a_later_request_passes_and_is_named() -> Result<()> {
    let scene = Scene::new("[gateway]\nmode = \"audit\"")?;
    let mut client = connected(&scene)?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert!(said.starts_with("200 served by packages"), "{said}");
    client.run("c.close()")?;
    assert_eq!(
        scene.line()?.pick("verdict reason service"),
        "audit host_not_in_registry packages"
    );
    Ok(())
}

#[test]
fn a_request_that_two_readers_could_end_differently_is_refused() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run(
        r"
HEAD = b'POST / HTTP/1.1\r\nHost: packages.example.org\r\n'
HIDDEN = b'GET / HTTP/1.1\r\nHost: evil.example.net\r\n\r\n'

def smuggle(second):
    with connect('203.0.113.12', 80) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: packages.example.org\r\n\r\n')
        head = b''
        while b'served by packages' not in head or not head.endswith(b'\n'):
            head += s.recv(1 << 16)
        s.sendall(second)
        return everything(s).split(b'\r\n')[0]
",
    )?;
    for (second, reason) in [
        (
            "HEAD + b'Content-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Content-Length: 0\\r\\nContent-Length: 44\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Content-Length: +44\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Transfer-Encoding: xchunked\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Transfer-Encoding : chunked\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'X: y\\r\\n Transfer-Encoding: chunked\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'X: y\\nContent-Length: 44\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        ("HEAD + b'X: y\\0\\r\\n\\r\\n'", "request_smuggling"),
        (
            "HEAD + b'Transfer-Encoding: chunked\\r\\n\\r\\n5 \\r\\nabcde\\r\\n0\\r\\n\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Transfer-Encoding: chunked\\r\\n\\r\\n10000000000000000\\r\\n' + HIDDEN",
            "request_smuggling",
        ),
        (
            "HEAD + b'Host: packages.example.org\\r\\n\\r\\n'",
            "host_duplicate",
        ),
        (
            "b'GET http://evil.example.net/ HTTP/1.1\\r\\nHost: packages.example.org\\r\\n\\r\\n'",
            "authority_mismatch",
        ),
    ] {
        let said = client.ask(&format!("smuggle({second})"))?;
        assert_eq!(said, "HTTP/1.1 400 Bad Request", "{second}");
        let line = scene.line()?;
        assert_eq!(
            line.pick("verdict reason"),
            format!("deny {reason}"),
            "{second}"
        );
    }
    Ok(())
}

/// A registry with the lab's port as HTTP, where a test is the server.
fn lab() -> Result<(Scene, Python, Python)> {
    let scene = Scene::with(
        r#"
[[service]]
name = "lab"
hosts = ["lab.example.com"]
ports = [{ number = 6000, protocol = "HTTP" }]
resolution = "STATIC"
endpoints = [{ address = "198.51.100.20" }]
"#,
    )?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.20', 6000)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 6000)")?;
    Ok((scene, client, server))
}

#[test]
fn a_websocket_is_a_tunnel_after_its_handshake() -> Result<()> {
    let (scene, mut client, mut server) = lab()?;
    client.run(
        r"
s.sendall(b'GET /chat HTTP/1.1\r\nHost: lab.example.com:6000\r\nConnection: Upgrade\r\n'
          b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
          b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
",
    )?;
    server.run(
        r"
import base64
c = accept(l)
head = b''
while not head.endswith(b'\r\n\r\n'):
    head += c.recv(1 << 16)
key = head.split(b'Sec-WebSocket-Key: ')[1].split(b'\r\n')[0]
accepted = base64.b64encode(hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest())
switch = (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
          b'Sec-WebSocket-Accept: ' + accepted + b'\r\n\r\n')
c.sendall(switch + b'\x81\x02hi')
",
    )?;
    // The head of the answer, and the server's first frame.
    let said = client.ask("exactly(s, 129 + 4)")?;
    assert!(
        said.ends_with("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\u{81}\u{2}hi"),
        "{said:?}"
    );
    // A masked frame, which is no request, and passes.
    client.run("s.sendall(b'\\x81\\x82\\0\\0\\0\\0yo')")?;
    assert_eq!(server.ask("exactly(c, 8)[6:]")?, "yo");
    client.run("s.close()")?;
    server.run("c.close()")?;
    assert_eq!(scene.line()?.pick("verdict service"), "allow lab");
    Ok(())
}

#[test]
fn an_upgrade_to_http2_is_refused() -> Result<()> {
    let (scene, mut client, _server) = lab()?;
    client.run(
        "s.sendall(b'GET / HTTP/1.1\\r\\nHost: lab.example.com\\r\\nUpgrade: h2c\\r\\n\\r\\n')",
    )?;
    let said = client.ask("everything(s)")?;
    assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    assert_eq!(scene.line()?.get("reason"), "upgrade_refused");
    Ok(())
}

#[test]
fn in_a_tunnel_another_sni_is_refused() -> Result<()> {
    let (scene, mut client, mut server) = lab()?;
    client.run("s.sendall(b'CONNECT lab.example.com:6000 HTTP/1.1\\r\\n\\r\\n')")?;
    server.run("c = accept(l); c.recv(1 << 16); c.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')")?;
    assert_eq!(client.ask("exactly(s, 19)")?, "HTTP/1.1 200 OK\r\n\r\n");
    client.run("s.sendall(hello('evil.example.net'))")?;
    assert_eq!(client.ask("alert(everything(s))")?, "alert 50");
    assert_eq!(server.ask("everything(c)")?, "");
    assert_eq!(
        scene.line()?.pick("verdict reason requested_server_name"),
        "deny host_sni_mismatch lab.example.com"
    );
    client.run("s = connect('198.51.100.20', 6000)")?;
    client.run("s.sendall(b'CONNECT lab.example.com:443 HTTP/1.1\\r\\n\\r\\n')")?;
    let said = client.ask("everything(s)")?;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    assert_eq!(scene.line()?.get("reason"), "authority_mismatch");
    Ok(())
}

#[test]
fn a_later_stream_of_http2_for_another_host_ends_the_connection() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run(
        r"
def frame(kind, flags, stream, payload=b''):
    return len(payload).to_bytes(3, 'big') + bytes([kind, flags]) + stream.to_bytes(4, 'big') + payload

def get(stream, host):
    block = b'\x82\x84\x86\x01' + bytes([len(host)]) + host.encode()
    return frame(1, 5, stream, block)

def next_frame(s):
    head = exactly(s, 9)
    return head[3], head[4], exactly(s, int.from_bytes(head[:3], 'big'))

def until(s, kind):
    while (found := next_frame(s))[0] != kind:
        pass
    return found[2]

s = connect('203.0.113.13', 8080)
s.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0) + get(1, 'telemetry.example.org'))
",
    )?;
    for stream in [3, 5, 7] {
        let said = client.ask("until(s, 0)")?;
        assert!(said.starts_with("served by telemetry"), "{said}");
        client.run(&format!(
            "s.sendall(get({stream}, 'telemetry.example.org'))"
        ))?;
    }
    let said = client.ask("until(s, 0)")?;
    assert!(said.starts_with("served by telemetry"), "{said}");
    client.run("s.sendall(get(9, 'evil.example.net'))")?;
    let said = client.ask("until(s, 7)[8:]")?;
    assert!(said.starts_with("egress: host_not_in_registry: "), "{said}");
    client.run("s.close()")?;
    assert_eq!(
        scene
            .line()?
            .pick("protocol verdict reason requested_server_name"),
        "http2 deny host_not_in_registry evil.example.net"
    );
    Ok(())
}

/// A service that denies a host on the port of packages.
const BANNED: &str = r#"
[[service]]
name = "banned"
hosts = ["evil.example.net"]
ports = [{ number = 80, protocol = "HTTP" }]
deny = true
"#;

#[test]
fn the_log_names_the_service_and_the_policy_that_denied_a_later_request() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    scene
        .gateway
        .replace_config(&format!("{REGISTRY}{BANNED}"))?;
    scene.reloaded(2)?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert!(said.starts_with("403 egress: service_denied: "), "{said}");
    assert_eq!(
        scene
            .line()?
            .pick("verdict reason service policy_generation"),
        "deny service_denied banned 2"
    );
    Ok(())
}

#[test]
fn under_allow_any_a_later_request_for_what_is_denied_is_refused() -> Result<()> {
    let sections = "[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"\n";
    let scene = Scene::with(&format!("{sections}{BANNED}"))?;
    let mut client = connected(&scene)?;
    let said = client.ask("ask(c, 'evil.example.net')")?;
    assert!(said.starts_with("403 egress: service_denied: "), "{said}");
    assert_eq!(
        scene.line()?.pick("verdict reason service"),
        "deny service_denied banned"
    );
    Ok(())
}
