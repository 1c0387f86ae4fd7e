//! Listeners while the gateway is reloaded, succeeded and ended.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use egress_tests::{Python, Scene, registry, wait_until};
use nix::sys::signal::Signal;

use super::{LISTENERS, caller, scene};

const DRAIN: &str = "[gateway]\ndrain = \"5m\"";
/// A gateway starts in a second or two; a loaded machine takes longer.
const SOON: Duration = Duration::from_mins(1);

/// A caller with a tunnel that both sides keep open.
fn joined(scene: &Scene) -> Result<Python> {
    let mut caller = caller(scene)?;
    caller.run("s, head = tunnel('198.51.100.20:5432'); s.sendall(b'echo\\n')")?;
    assert_eq!(caller.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(caller)
}

/// Tunnels one after another until a file is there: how many, and what came of those that failed.
const TUNNELS: &str = r"
def tunnel_until(file):
    served, failed = 0, []
    while not os.path.exists(file):
        try:
            s, head = tunnel('198.51.100.20:5432', early=b'echo\nx')
            assert ' 200 ' in head, head
            assert finish(s) == b'ready 198.51.100.20\nx'
            s.close()
            served += 1
        except Exception as error:
            failed.append(repr(error))
    return f'{served} served, {len(failed)} failed {failed[:3]}'
";

#[test]
fn a_take_over_fails_no_connection_and_cuts_no_tunnel() -> Result<()> {
    let mut scene = scene(DRAIN)?;
    let mut old = joined(&scene)?;
    let mut others: Vec<_> = (0..2).map(|_| caller(&scene)).collect::<Result<_>>()?;
    let enough = scene.bed.dir().join("enough");
    for other in &mut others {
        other.run(TUNNELS)?;
        other.begin(&format!("tunnel_until('{}')", enough.display()))?;
    }
    let log = scene.gateway.access_log().clone();
    let firsts = || {
        let lines = log.lines();
        lines
            .iter()
            .filter(|line| line.get("conn_id") == "5")
            .count()
    };
    wait_until("the old gateway serves", SOON, || {
        (firsts() == 1).then_some(())
    })?;
    let own_log = scene.bed.dir().join("gateway.log");
    let Scene { gateway, bed, .. } = &mut scene;
    thread::scope(|threads| {
        let succession = threads.spawn(|| gateway.succeed(bed));
        // A gateway counts its connections from one.
        wait_until("the new gateway serves", SOON, || {
            (firsts() == 2).then_some(())
        })?;
        wait_until("the old gateway drains", SOON, || {
            let said = fs::read_to_string(&own_log).ok()?;
            said.contains("\"draining\",\"connections\":1")
                .then_some(())
        })?;
        old.run("s.sendall(b'as ever')")?;
        assert_eq!(old.ask("finish(s)")?, "as ever");
        let succeeded = succession.join();
        succeeded.map_err(|_| anyhow!("the succession panicked"))?
    })?;
    fs::write(&enough, "").context("cannot end the tunnels")?;
    for mut other in others {
        let said = other.answer()?;
        eprintln!("{said}");
        ensure!(said.contains(" served, 0 failed"), "{said}");
    }
    Ok(())
}

#[test]
fn one_that_ends_takes_no_more_and_lets_tunnels_finish() -> Result<()> {
    let mut scene = scene(DRAIN)?;
    let mut caller = joined(&scene)?;
    scene.gateway.signal(Signal::SIGTERM)?;
    wait_until("nobody listens", SOON, || {
        let said = caller.ask("come(15080)").ok()?;
        (said == "ConnectionRefusedError").then_some(())
    })?;
    caller.run("s.sendall(b'as ever')")?;
    assert_eq!(caller.ask("finish(s)")?, "as ever");
    assert!(scene.gateway.wait()?.success());
    Ok(())
}

#[test]
fn a_reload_says_who_may_come_from_then_on_and_ends_what_it_forbids() -> Result<()> {
    let scene = scene("")?;
    let mut caller = joined(&scene)?;
    let nobody = LISTENERS.replace("192.0.2.1\"]", "192.0.2.77\"]");
    scene.gateway.replace_config(&registry(&nobody))?;
    scene.reloaded(2)?;
    let said = caller.ask("asked('198.51.100.20:5432')")?;
    assert!(said.contains(" egress: unknown_peer: "), "{said}");
    // What is joined is judged by the policy alone.
    caller.run("s.sendall(b'as ever')")?;
    assert_eq!(caller.ask("exactly(s, 7)")?, "as ever");
    let denied = "
[[service]]
name = \"no\"
addresses = [\"198.51.100.20\"]
ports = [{ number = 5432, protocol = \"TCP\" }]
deny = true
from = [{ namespace = \"shop\" }]
";
    let forbidden = format!("{LISTENERS}\n{denied}");
    scene.gateway.replace_config(&registry(&forbidden))?;
    scene.reloaded(3)?;
    assert_eq!(caller.ask("s.recv(1)")?, "ConnectionResetError");
    let said = caller.ask("asked('198.51.100.20:5432')")?;
    assert!(said.contains(" egress: service_denied: "), "{said}");
    Ok(())
}
