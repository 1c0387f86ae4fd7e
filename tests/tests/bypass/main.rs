//! The attacker's suite: every way out of a pod, tried with and without a gateway.

mod attacker;
mod restarts;
mod stage;
mod table;
mod vector;
mod vectors;

use anyhow::{Result, ensure};
use egress_tests::{Gateway, Testbed, registry};

use stage::{Seen, Stage};
use table::Row;
use vectors::{VECTORS, WAYPOINT};

#[test]
fn every_attack_works_without_a_gateway_and_none_with_one() -> Result<()> {
    let alone = without_a_gateway()?;
    let governed = with_a_gateway(&registry(WAYPOINT))?;
    let rows: Vec<_> = VECTORS
        .iter()
        .zip(alone.into_iter().zip(governed))
        .map(|(vector, (alone, governed))| Row {
            vector,
            alone,
            governed,
        })
        .collect();
    let table = table::write(&rows);
    let surprises: Vec<_> = rows.iter().flat_map(surprises).collect();
    ensure!(surprises.is_empty(), "{table}\n{}", surprises.join("\n"));
    table::compare(&table)
}

fn without_a_gateway() -> Result<Vec<Seen>> {
    let bed = Testbed::new()?;
    let stage = Stage::new(&bed)?;
    let ran = stage.prepare()?.into_iter().map(|ready| stage.run(ready));
    stage.look_again(ran.collect::<Result<_>>()?)
}

fn with_a_gateway(config: &str) -> Result<Vec<Seen>> {
    let bed = Testbed::new()?;
    let stage = Stage::new(&bed)?;
    let ready = stage.prepare()?;
    let gateway = Gateway::start(&bed, config)?;
    stage.count_from_here()?;
    let ran = ready.into_iter().map(|ready| {
        let log = gateway.access_log().from_here();
        let ran = stage.run(ready)?;
        match ran.0.vector.stopped.reason() {
            None => Ok(ran),
            Some(reason) => {
                log.wait_for(&format!("{}: {reason}", ran.0.vector.name), |line| {
                    line.get("reason") == reason
                })?;
                Ok(ran)
            }
        }
    });
    stage.look_again(ran.collect::<Result<_>>()?)
}

/// Where a row differs from what is expected of its vector.
fn surprises(row: &Row) -> Vec<String> {
    let Row {
        vector,
        alone,
        governed,
    } = row;
    [
        ("alone", alone, vector.reaches()),
        ("with a gateway", governed, vector.passes()),
    ]
    .into_iter()
    .filter(|(_, seen, expected)| seen.wire != *expected)
    .map(|(when, Seen { client, wire }, expected)| {
        let name = vector.name;
        format!("{name}, {when}: {wire:?}, not {expected:?}; the client saw {client}")
    })
    .collect()
}
