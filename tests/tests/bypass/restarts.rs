//! The moments without a gateway: it is killed and started again while a pod tries to get out.

use std::time::Duration;

use anyhow::{Result, ensure};
use egress_tests::{Gateway, REGISTRY, Testbed, wait_until};
use nix::sys::signal::Signal;

use crate::stage::Stage;
use crate::vector::{Stopped, Vector, Wire};

/// So many that each part of a restart has many of them.
const ATTEMPTS: u32 = 20_000;
/// Enough to show that they get out when there is no gateway; each writes a dozen packets.
const ATTEMPTS_ALONE: u32 = 200;
/// A few seconds' worth.
const RESTARTS: u32 = 10;
/// Fewer: each gateway that is taken over from waits some seconds for its last connections.
const TAKE_OVERS: u32 = 6;
/// So many that each gateway is at work for longer than it took to start.
const REFUSALS: usize = 200;
/// They come by the hundred in a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

static MANY: Vector = Vector::new(
    "connections and datagrams, over and over",
    "many",
    Stopped::Connect,
);

#[test]
fn many_attempts_get_out_without_a_gateway() -> Result<()> {
    let bed = Testbed::new()?;
    let stage = Stage::new(&bed)?;
    let ready = stage.prepare_one(&MANY, ATTEMPTS_ALONE)?;
    let seen = stage.run_during(ready, || Ok(()))?;
    ensure!(seen.wire == Wire::Token, "{seen:?}");
    ensure!(
        !seen.client.contains(' ') && seen.client.starts_with("answered="),
        "{seen:?}"
    );
    Ok(())
}

#[test]
fn nothing_gets_out_while_the_gateway_is_killed_and_started() -> Result<()> {
    let bed = Testbed::new()?;
    let stage = Stage::new(&bed)?;
    let ready = stage.prepare_one(&MANY, ATTEMPTS)?;
    let mut gateway = Gateway::start(&bed, REGISTRY)?;
    let seen = stage.run_during(ready, || {
        for _ in 0..RESTARTS {
            gateway.signal(Signal::SIGKILL)?;
            gateway.wait()?;
            gateway = Gateway::start(&bed, REGISTRY)?;
            refuses(&gateway)?;
        }
        Ok(())
    })?;
    eprintln!("{RESTARTS} restarts; {}", seen.client);
    ensure!(seen.wire == Wire::Nothing, "{seen:?}");
    Ok(())
}

#[test]
fn nothing_gets_out_and_nothing_fails_while_one_gateway_takes_over_from_another() -> Result<()> {
    let bed = Testbed::new()?;
    let stage = Stage::new(&bed)?;
    let ready = stage.prepare_one(&MANY, ATTEMPTS)?;
    let mut gateway = Gateway::start(&bed, REGISTRY)?;
    let seen = stage.run_during(ready, || {
        for _ in 0..TAKE_OVERS {
            gateway.succeed(&bed)?;
            refuses(&gateway)?;
        }
        Ok(())
    })?;
    eprintln!("{TAKE_OVERS} take-overs; {}", seen.client);
    ensure!(seen.wire == Wire::Nothing, "{seen:?}");
    // A gateway's refusal is a reset: any other fate is a connection that had none.
    ensure!(
        !seen.client.contains(' ') && seen.client.starts_with("reset="),
        "{seen:?}"
    );
    Ok(())
}

/// Waits until the gateway itself has refused some connections. What the kernel refuses says nothing
/// of the gateway: it refuses without one, too.
fn refuses(gateway: &Gateway) -> Result<()> {
    let log = gateway.access_log().from_here();
    wait_until("the gateway refuses some", SOON, || {
        let lines = log.lines();
        let own = lines.iter().filter(|line| line.get("protocol") == "tcp");
        (own.count() >= REFUSALS).then_some(())
    })
}
