//! The gateway is told to end.

use std::time::{Duration, Instant};

use anyhow::Result;
use egress_tests::{Gateway, Python, REGISTRY, Scene, wait_until};
use nix::sys::signal::Signal;

/// Longer than any test: what ends before has not waited for it.
const LONG: &str = "[gateway]\ndrain = \"10m\"\n[sniff]\ntimeout = \"1m\"";
/// Over at once.
const SHORT: &str = "[gateway]\ndrain = \"100ms\"\n[sniff]\ntimeout = \"1m\"";
/// For what happens at once, on a loaded machine.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A client with a connection that both sides keep open.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(client)
}

/// Waits until the gateway no longer takes connections.
fn draining(scene: &Scene) -> Result<()> {
    wait_until("it says that it drains", AT_ONCE, || {
        let answer = scene.gateway.readiness(&scene.bed).ok()?;
        answer.starts_with("HTTP/1.1 503").then_some(())
    })
}

#[test]
fn an_idle_gateway_ends_at_once() -> Result<()> {
    let mut scene = Scene::new(LONG)?;
    scene.python()?.run("echo(b'')")?;
    scene.line()?;
    let begun = Instant::now();
    assert!(scene.gateway.terminate()?.success());
    assert!(begun.elapsed() < AT_ONCE);
    Ok(())
}

#[test]
fn a_live_transfer_is_let_finish_and_its_line_is_written() -> Result<()> {
    let mut scene = Scene::new(LONG)?;
    let mut client = connected(&scene)?;
    scene.gateway.signal(Signal::SIGTERM)?;
    draining(&scene)?;
    client.run("s.sendall(b'as ever')")?;
    assert_eq!(client.ask("finish(s)")?, "as ever");
    assert!(scene.gateway.wait()?.success());
    let line = scene.line()?;
    assert_eq!(
        line.pick("close_reason bytes_received bytes_sent"),
        "client_closed 12 27"
    );
    Ok(())
}

#[test]
fn no_new_connection_is_taken_meanwhile() -> Result<()> {
    let scene = Scene::new(LONG)?;
    let mut client = connected(&scene)?;
    scene.gateway.signal(Signal::SIGTERM)?;
    draining(&scene)?;
    let said = client.ask("connect('198.51.100.20', 5432).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    client.run("s.sendall(b'as ever')")?;
    assert_eq!(client.ask("finish(s)")?, "as ever");
    Ok(())
}

#[test]
fn what_does_not_end_is_cut_with_a_reset_and_a_line() -> Result<()> {
    let mut scene = Scene::new(SHORT)?;
    let mut client = connected(&scene)?;
    assert!(scene.gateway.terminate()?.success());
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("close_reason verdict"),
        "cancelled allow"
    );
    Ok(())
}

#[test]
fn a_client_that_has_said_nothing_yet_is_cut_too() -> Result<()> {
    let mut scene = Scene::new(SHORT)?;
    let mut client = scene.python()?;
    client.run("s = connect('203.0.113.10', 443)")?;
    scene.counted("egress_connections", &[], 1)?;
    let begun = Instant::now();
    assert!(scene.gateway.terminate()?.success());
    assert!(
        begun.elapsed() < AT_ONCE,
        "it waited for {:?}",
        begun.elapsed()
    );
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(scene.line()?.get("close_reason"), "cancelled");
    Ok(())
}

#[test]
fn a_second_signal_ends_it_now_with_all_lines_written() -> Result<()> {
    let mut scene = Scene::new(LONG)?;
    let mut client = connected(&scene)?;
    scene.gateway.signal(Signal::SIGTERM)?;
    draining(&scene)?;
    let begun = Instant::now();
    assert!(scene.gateway.terminate()?.success());
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(scene.line()?.get("close_reason"), "cancelled");
    Ok(())
}

const EVIL: &str = "get('evil.example.net', '203.0.113.66')";

#[test]
fn without_a_gateway_governed_connections_fail() -> Result<()> {
    let mut scene = Scene::new("")?;
    let mut client = scene.python()?;
    assert_eq!(client.ask(EVIL)?, "SSLError");
    assert!(scene.gateway.terminate()?.success());
    assert_eq!(client.ask(EVIL)?, "ConnectionRefusedError");
    Ok(())
}

#[test]
fn without_a_gateway_nothing_is_governed_if_that_was_asked_for() -> Result<()> {
    let mut scene = Scene::new("[gateway]\non_exit = \"open\"\n")?;
    let mut client = scene.python()?;
    assert_eq!(client.ask(EVIL)?, "SSLError");
    assert!(scene.gateway.terminate()?.success());
    assert_eq!(
        client.ask(EVIL)?,
        "served by evil at 203.0.113.66 over HTTP/1.0"
    );
    Ok(())
}

#[test]
fn one_that_was_killed_does_not_keep_the_next_from_starting() -> Result<()> {
    let mut scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    scene.gateway.signal(Signal::SIGKILL)?;
    assert!(!scene.gateway.wait()?.success());
    client.ask("everything(s)")?;
    scene.gateway = Gateway::start(&scene.bed, REGISTRY)?;
    assert_eq!(client.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    assert_eq!(scene.line()?.pick("conn_id service"), "1 orders-db");
    Ok(())
}
