//! TCP connections that are older than the gateway, and what only looks like one.

use anyhow::Result;
use egress_tests::{Gateway, Python, Scene, Testbed, registry};
use nix::sys::signal::Signal;

const STOP: &str = "[gateway]\nestablished = \"stop\"";
const LOG: &str = "[gateway]\nestablished = \"log\"";
/// The same, with what is about to be taken back.
const LOG_AND_INTERNAL: &str =
    "[gateway]\nestablished = \"log\"\ninternal = [\"198.51.100.21/32\"]";

/// Older ones are stopped, and what is about to be taken back is let through.
const STOP_AND_INTERNAL: &str =
    "[gateway]\nestablished = \"stop\"\ninternal = [\"198.51.100.21/32\"]";

/// Connects to what no service admits, and reads the greeting.
const CONNECT: &str = "s = connect('198.51.100.21', 5432); exactly(s, 20)";
const ECHO: &str = "s.sendall(b'echo\\n' + b'x' * 100_000)";

/// A gateway that comes after the client has connected.
fn late(sections: &str) -> Result<(Scene, Python)> {
    let bed = Testbed::new()?;
    let mut client = bed.governed().session()?;
    client.run(CONNECT)?;
    let scene = Scene::on(bed, |bed| Gateway::start(bed, &registry(sections)))?;
    Ok((scene, client))
}

/// Says something that is not answered, for it is dropped.
fn is_stopped(scene: &Scene, client: &mut Python) -> Result<()> {
    client.run("s.sendall(b'echo\\nx')")?;
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason dst.addr"),
        "deny packet_not_in_registry 198.51.100.21:5432"
    );
    client.run("s.setblocking(False)")?;
    let said = client.ask("s.recv(9)")?;
    assert_eq!(said, "BlockingIOError");
    Ok(())
}

#[test]
fn an_older_connection_is_stopped() -> Result<()> {
    for sections in ["", STOP] {
        let (scene, mut client) = late(sections)?;
        is_stopped(&scene, &mut client)?;
    }
    Ok(())
}

#[test]
fn an_older_connection_goes_on_to_its_end_with_one_line_in_the_log() -> Result<()> {
    let (scene, mut client) = late(LOG)?;
    client.run(ECHO)?;
    let said = client.ask("len(finish(s)), s.close()")?;
    assert_eq!(said, "[100000,null]");
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason dst.addr close_reason"),
        "audit connected_before 198.51.100.21:5432 direct"
    );
    // What comes after it in the log is the next connection.
    assert_eq!(client.ask("echo(b'', '198.51.100.21')")?, "PermissionError");
    assert_eq!(scene.line()?.get("reason"), "address_not_in_registry");
    let labels = [("verdict", "audit"), ("reason", "connected_before")];
    assert_eq!(scene.metrics()?.sum("egress_decisions_total", &labels), 1);
    Ok(())
}

#[test]
fn a_connection_that_was_judged_is_no_older_one() -> Result<()> {
    let scene = Scene::new(LOG_AND_INTERNAL)?;
    let mut client = scene.python()?;
    client.run(CONNECT)?;
    scene.gateway.replace_config(&registry(LOG))?;
    scene.reloaded(2)?;
    is_stopped(&scene, &mut client)
}

#[test]
fn a_gateway_that_lets_older_ones_go_on_has_none_after_one_that_stopped_them() -> Result<()> {
    let mut scene = Scene::new(STOP_AND_INTERNAL)?;
    let mut client = scene.python()?;
    client.run(CONNECT)?;
    scene.gateway.signal(Signal::SIGKILL)?;
    scene.gateway.wait()?;
    scene.gateway = Gateway::start(&scene.bed, &registry(LOG))?;
    scene.gateway.says(&["comes too late"])?;
    is_stopped(&scene, &mut client)
}

#[test]
fn a_socket_that_connects_again_is_judged_although_it_was_older() -> Result<()> {
    let (scene, mut client) = late(LOG)?;
    client.run("s.sendall(b'echo\\nx')")?;
    assert_eq!(scene.line()?.get("reason"), "connected_before");
    client.run("import ctypes; ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)")?;
    let said = client.ask("s.connect(('198.51.100.21', 5432))")?;
    assert_eq!(said, "PermissionError");
    Ok(())
}

#[test]
fn datagrams_of_an_older_socket_do_not_go_on() -> Result<()> {
    let bed = Testbed::new()?;
    let mut client = bed.governed().session()?;
    client.run("u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")?;
    client.run("u.connect(('198.51.100.21', 9))")?;
    let scene = Scene::on(bed, |bed| Gateway::start(bed, &registry(LOG)))?;
    assert_eq!(client.ask("u.send(b'x')")?, "PermissionError");
    assert_eq!(scene.line()?.get("reason"), "packet_not_in_registry");
    Ok(())
}

#[test]
fn raw_sockets_that_look_like_tcp_do_not_go_on() -> Result<()> {
    let bed = Testbed::new()?;
    let mut client = bed.governed().session()?;
    client.run("r = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)")?;
    client.run("r.connect(('198.51.100.21', 0))")?;
    let scene = Scene::on(bed, |bed| Gateway::start(bed, &registry(LOG)))?;
    assert_eq!(client.ask("r.send(bytes(20))")?, "PermissionError");
    assert_eq!(scene.line()?.get("reason"), "packet_not_in_registry");
    Ok(())
}
