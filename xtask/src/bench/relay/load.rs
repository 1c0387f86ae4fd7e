//! What the engines are put through, and what it costs them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Process, command};
use serde_json::Value;

use super::engine::{Engine, started};

/// One kind of load.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called.
    pub(super) name: &'static str,
    /// What `egress-load` is told, but for where and how long.
    pub(super) arguments: &'static [&'static str],
    pub(super) unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    RoundTrips,
    Connections,
}

/// What one measurement gave, in the units that [`Unit`] names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// The relay's time on a processor for one of them.
    pub(super) each: f64,
    /// How many in a second.
    pub(super) rate: f64,
}

/// All kinds.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "bulk, one way, 4 streams",
        arguments: &["bulk", "--streams", "4", "--direction", "down"],
        unit: Unit::Bytes,
    },
    Row {
        name: "bulk, both ways, 4 streams",
        arguments: &["bulk", "--streams", "4", "--direction", "both"],
        unit: Unit::Bytes,
    },
    Row {
        name: "round trips of 64 bytes, 32 connections",
        arguments: &["round-trips", "--clients", "32"],
        unit: Unit::RoundTrips,
    },
    Row {
        name: "short flows, 32 at once",
        arguments: &["connections", "--clients", "32"],
        unit: Unit::Connections,
    },
];

/// Below those that Linux gives to clients unless told otherwise (`ip_local_port_range`): a port among
/// them may be a client's by the time that the server wants it.
const PORTS: Range<u16> = 20_000..32_768;

/// 2^30 bytes.
const GIB: f64 = 1_073_741_824.0;
const BITS_OF_A_GIGABIT_IN_A_BYTE: f64 = 8.0 / 1e9;
const MICROSECONDS: f64 = 1e6;

impl Row {
    /// Puts one engine through it.
    pub(super) fn measure(&self, load: &Path, engine: &Engine, seconds: u32) -> Result<Cost> {
        let mut command = Command::new(load);
        let (mode, options) = self.arguments.split_first().context("no mode")?;
        command.arg(mode).arg(engine.address().to_string());
        command
            .args(options)
            .args(["--seconds", &seconds.to_string()]);
        let begun = engine.worked()?;
        let said = command::stdout(&mut command)?;
        let worked = engine.worked()?.saturating_sub(begun);
        let said: Value =
            serde_json::from_str(&said).with_context(|| format!("not a result: {said}"))?;
        self.unit.cost(&said, worked.as_secs_f64())
    }
}

impl Unit {
    /// The cost by what the load says it did, and how many seconds the relay worked for it.
    fn cost(self, said: &Value, worked: f64) -> Result<Cost> {
        let field = |name: &str| {
            let value = said.get(name).and_then(Value::as_f64);
            value.with_context(|| format!("no {name:?} in {said}"))
        };
        let (count, seconds) = (field(self.field())?, field("seconds")?);
        ensure!(count > 0.0, "nothing was done: {said}");
        Ok(match self {
            Self::Bytes => Cost {
                each: worked / (count / GIB),
                rate: count * BITS_OF_A_GIGABIT_IN_A_BYTE / seconds,
            },
            Self::RoundTrips | Self::Connections => Cost {
                each: worked / count * MICROSECONDS,
                rate: count / seconds,
            },
        })
    }

    /// What the load calls the count.
    fn field(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::RoundTrips => "round_trips",
            Self::Connections => "connections",
        }
    }

    /// What [`Cost::each`] and [`Cost::rate`] are in.
    pub(super) fn words(self) -> [&'static str; 2] {
        match self {
            Self::Bytes => ["CPU s/GiB", "Gbit/s"],
            Self::RoundTrips => ["CPU µs each", "round trips/s"],
            Self::Connections => ["CPU µs each", "flows/s"],
        }
    }
}

/// The server of all loads, without a relay.
#[derive(Debug)]
pub(super) struct Server {
    _process: Process,
    address: SocketAddr,
}

impl Server {
    pub(super) fn start(load: &Path) -> Result<Self> {
        let address = free()?;
        let mut command = Command::new(load);
        command.arg("serve").arg(address.to_string());
        Ok(Self {
            _process: started(&mut command, "server")?,
            address,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A port that nobody has. Should another take it first, the server says so and the measurement ends.
fn free() -> Result<SocketAddr> {
    let listener = PORTS.into_iter().find_map(|port| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        listener.ok()
    });
    Ok(listener.context("no free port")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_is_of_a_gibibyte_or_of_one() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let said = json!({ "bytes": 4_u64 << 30, "seconds": 2.0 });
        let bulk = Unit::Bytes.cost(&said, 1.0).expect("a cost");
        assert!(
            close(bulk.each, 0.25) && close(bulk.rate, 17.179_869_184),
            "{bulk:?}"
        );
        let said = json!({ "connections": 20_000, "seconds": 2.0 });
        let flows = Unit::Connections.cost(&said, 1.0).expect("a cost");
        assert!(
            close(flows.each, 50.0) && close(flows.rate, 10_000.0),
            "{flows:?}"
        );
    }

    #[test]
    fn a_load_that_did_nothing_has_no_cost() {
        let said = json!({ "round_trips": 0, "seconds": 2.0 });
        assert!(Unit::RoundTrips.cost(&said, 1.0).is_err());
        assert!(Unit::RoundTrips.cost(&json!({}), 1.0).is_err());
    }
}
