//! The client's own view of its connection, and the connections that are not the gateway's business.

use anyhow::Result;
use egress_tests::{Scene, hosts};

/// The other server, as a destination inside the mesh.
const INTERNAL: &str = "[gateway]\ninternal = [\"203.0.113.66/32\"]";

/// What a socket is told when it asks for its peer.
fn peer(scene: &Scene, family: &str, address: &str) -> Result<String> {
    let mut client = scene.python()?;
    client.run(&format!("s = socket.socket(socket.{family})"))?;
    client.run(&format!("s.connect(('{address}', 443))"))?;
    client.ask("'{} {}'.format(*s.getpeername())")
}

#[test]
fn the_peer_is_the_one_that_was_asked_for() -> Result<()> {
    let scene = Scene::new("")?;
    assert_eq!(peer(&scene, "AF_INET", hosts::API)?, "203.0.113.10 443");
    assert_eq!(
        peer(&scene, "AF_INET6", hosts::API_V6)?,
        "2001:db8:1::10 443"
    );
    let mapped = "::ffff:203.0.113.10";
    assert_eq!(peer(&scene, "AF_INET6", mapped)?, format!("{mapped} 443"));
    Ok(())
}

#[test]
fn destinations_inside_the_mesh_pass_untouched() -> Result<()> {
    let scene = Scene::new(INTERNAL)?;
    let mut client = scene.python()?;
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    assert_eq!(said, "served by evil at 203.0.113.66 over HTTP/1.0");
    let own = "connect('203.0.113.66', 443).getsockname()[0]";
    assert_eq!(
        client.ask(own)?,
        "192.0.2.2",
        "the client's own address, not loopback"
    );
    client.run("echo(b'')")?;
    assert_eq!(
        scene.line()?.get("service"),
        "orders-db",
        "the log has no line before this"
    );
    let passed = scene
        .metrics()?
        .sum("egress_kernel_total", &[("kind", "passed_internal")]);
    assert_eq!(passed, 2);
    Ok(())
}

#[test]
fn a_nodes_own_services_stay_within_reach() -> Result<()> {
    let scene = Scene::new("")?;
    let mut server = scene.bed.outside().session()?;
    let mut client = scene.python()?;
    for address in ["127.0.0.1", "::1"] {
        server.run(&format!("l = listen('{address}', 9000)"))?;
        client.run(&format!("s = connect('{address}', 9000); s.sendall(b'hi')"))?;
        assert_eq!(server.ask("exactly(accept(l), 2)")?, "hi", "{address}");
    }
    Ok(())
}

#[test]
fn a_process_outside_the_scope_is_left_alone() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.bed.outside().session()?;
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    assert_eq!(said, "served by evil at 203.0.113.66 over HTTP/1.0");
    scene.python()?.run("echo(b'')")?;
    assert_eq!(
        scene.line()?.get("service"),
        "orders-db",
        "the log has no line before this"
    );
    Ok(())
}

#[test]
fn a_cgroup_below_the_scope_is_governed_and_named() -> Result<()> {
    let scene = Scene::new("")?;
    let inner = scene.bed.governed_in("pod/container")?;
    let mut client = inner.session()?;
    client.ask("get('evil.example.net', '203.0.113.66')")?;
    let line = scene.line()?;
    assert_eq!(line.get("reason"), "host_not_in_registry");
    assert_eq!(line.get("src.cgroup"), inner.scope()?);
    Ok(())
}

/// `connect()` with no family takes a TCP connection apart, and the socket may connect again.
#[test]
fn a_socket_that_is_used_again_forgets_its_first_destination() -> Result<()> {
    let scene = Scene::new(INTERNAL)?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432)")?;
    client.run("assert ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16) == 0")?;
    assert_eq!(scene.line()?.get("service"), "orders-db");
    client.run("s.connect(('203.0.113.66', 443))")?;
    assert_eq!(
        client.ask("'{} {}'.format(*s.getpeername())")?,
        "203.0.113.66 443"
    );
    client.run("assert ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16) == 0")?;
    client.run("s.connect(('203.0.113.10', 443))")?;
    assert_eq!(
        client.ask("'{} {}'.format(*s.getpeername())")?,
        "203.0.113.10 443"
    );
    client.run("reset(s)")?;
    assert_eq!(scene.line()?.get("dst.addr"), "203.0.113.10:443");
    Ok(())
}

/// Fast open sends data without `connect()`.
#[test]
fn fast_open_leads_nobody_past_the_gateway() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("s = socket.socket()")?;
    client
        .run("s.sendto(hello('evil.example.net'), socket.MSG_FASTOPEN, ('203.0.113.66', 443))")?;
    assert_eq!(client.ask("alert(everything(s))")?, "alert 112");
    let line = scene.line()?;
    assert_eq!(
        line.pick("dst.addr reason"),
        "203.0.113.66:443 host_not_in_registry"
    );
    Ok(())
}
