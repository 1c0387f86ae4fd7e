//! How a client that is refused is told: at once, and in words of its own protocol.

use anyhow::Result;
use egress_tests::{Python, Scene};

/// The alert that follows a message on port 443, and the reason in the log.
fn alert(scene: &Scene, client: &mut Python, message: &str) -> Result<String> {
    let said = client.ask(&format!("alert(say('203.0.113.10', 443, {message}))"))?;
    Ok(format!("{said}, {}", scene.line()?.get("reason")))
}

#[test]
fn each_tls_refusal_has_its_alert() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let mut alert = |message| alert(&scene, &mut client, message);
    assert_eq!(
        alert("hello('evil.example.net')")?,
        "alert 112, host_not_in_registry"
    );
    assert_eq!(alert("hello(None)")?, "alert 49, no_name");
    assert_eq!(
        alert("hello('packages.example.org')")?,
        "alert 49, port_mismatch"
    );
    let broken = "hello('api.example.com').replace(b'api.example', b'api example')";
    assert_eq!(alert(broken)?, "alert 50, sni_malformed");
    Ok(())
}

#[test]
fn a_tls_library_understands_the_refusal() -> Result<()> {
    let scene = Scene::new("")?;
    let script =
        "openssl s_client -connect 203.0.113.66:443 -servername evil.example.net </dev/null";
    let said = scene.governed().shell(script)?.text();
    assert!(
        said.contains("unrecognized name") && said.contains("alert number 112"),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_http_refusal_is_a_403_with_the_reason() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let said = client.ask("say('203.0.113.66', 80, request('evil.example.net'))")?;
    assert!(said.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{said}");
    let body = "egress: host_not_in_registry: this name is not in the registry\n";
    assert!(said.ends_with(&format!("\r\n\r\n{body}")), "{said}");
    Ok(())
}

#[test]
fn an_http2_refusal_is_a_403_over_http2() -> Result<()> {
    let scene = Scene::new("")?;
    let said = scene.governed().curl(&[
        "--http2-prior-knowledge",
        "--write-out",
        "(%{http_code} over HTTP/%{http_version})",
        "--connect-to",
        "::203.0.113.13:8080",
        "http://evil.example.net:8080/",
    ])?;
    assert!(
        said.stdout.contains("egress: host_not_in_registry: "),
        "{said:?}"
    );
    assert!(said.stdout.ends_with("(403 over HTTP/2)"), "{said:?}");
    assert_eq!(
        scene.line()?.pick("protocol reason"),
        "http2 host_not_in_registry"
    );
    Ok(())
}

#[test]
fn whoever_speaks_neither_is_reset() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let said = client.ask("say('203.0.113.10', 443, b'SSH-2.0-client\\r\\n')")?;
    assert_eq!(said, "ConnectionResetError");
    assert_eq!(scene.line()?.pick("protocol reason"), "tcp no_name");
    Ok(())
}

#[test]
fn an_address_that_the_kernel_knows_to_be_refused_cannot_be_connected_to() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    assert_eq!(client.ask("echo(b'', '198.51.100.21')")?, "PermissionError");
    let line = scene.line()?;
    assert_eq!(
        line.pick("dst.addr reason"),
        "198.51.100.21:5432 address_not_in_registry"
    );
    Ok(())
}

#[test]
fn what_the_kernel_refuses_fails_with_the_errno_of_the_settings() -> Result<()> {
    for (word, section) in [
        ("EPERM", ""),
        ("EPERM", "[gateway]\ndeny_errno = \"EPERM\""),
        ("ECONNREFUSED", "[gateway]\ndeny_errno = \"ECONNREFUSED\""),
        ("EHOSTUNREACH", "[gateway]\ndeny_errno = \"EHOSTUNREACH\""),
        ("ENETUNREACH", "[gateway]\ndeny_errno = \"ENETUNREACH\""),
        ("EACCES", "[gateway]\ndeny_errno = \"EACCES\""),
    ] {
        let scene = Scene::new(section)?;
        let mut client = scene.python()?;
        client.run(
            r"
import errno

def failure(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

def refused(family, address):
    tcp = socket.socket(family, socket.SOCK_STREAM)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    return failure(tcp.connect, (address, 5432)), failure(udp.sendto, b'x', (address, 9))
",
        )?;
        for to in [
            "socket.AF_INET, '198.51.100.21'",
            "socket.AF_INET6, '::ffff:198.51.100.21'",
        ] {
            let said = client.ask(&format!("refused({to})"))?;
            assert_eq!(said, format!("[\"{word}\",\"{word}\"]"), "{to}");
            assert_eq!(scene.line()?.get("reason"), "address_not_in_registry");
            assert_eq!(scene.line()?.get("reason"), "datagram_not_in_registry");
        }
    }
    Ok(())
}

#[test]
fn a_governed_process_cannot_call_the_gateways_own_listener() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        let said = client.ask(&format!("connect('{address}', 15001)"))?;
        assert_eq!(said, "PermissionError", "{address}");
        let line = scene.line()?;
        assert_eq!(
            line.pick("verdict reason"),
            "deny own_listener",
            "{address}"
        );
        assert_eq!(line.get("src.pid"), client.pid().to_string());
        assert_eq!(line.pick("src.addr upstream.addr"), " ");
    }
    Ok(())
}

#[test]
fn a_connection_that_the_kernel_did_not_hand_over_is_closed() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.bed.outside().session()?;
    let said = client.ask("connect('127.0.0.1', 15001).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("verdict reason dst.addr"),
        "deny unknown_origin "
    );
    Ok(())
}

#[test]
fn a_link_local_destination_is_refused_in_the_kernel() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("s = socket.socket(socket.AF_INET6)")?;
    let connect = "s.connect(('fe80::1', 443, 0, socket.if_nametoindex('inet')))";
    assert_eq!(client.ask(connect)?, "PermissionError");
    let line = scene.line()?;
    assert_eq!(line.pick("dst.addr reason"), "[fe80::1]:443 link_local");
    Ok(())
}
