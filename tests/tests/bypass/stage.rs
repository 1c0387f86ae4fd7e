//! Where attacks take place: a pod, a sink on the internet, and a witness between them.

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{Packet, Pod, Process, Sniffer, Testbed, hosts};

use crate::attacker::Attacker;
use crate::vector::{By, Vector, Wire};
use crate::vectors::VECTORS;

/// The ports of the attacks' own: one each, so that a packet without a token leads to its attack.
const FIRST_PORT: u16 = 20_000;

const SINK: &str = include_str!("sink.py");
/// It opens some hundred sockets; a loaded machine takes a while.
const START: Duration = Duration::from_secs(20);

/// A testbed with a pod, a sink and a witness.
pub(crate) struct Stage<'a> {
    bed: &'a Testbed,
    pod: Pod<'a>,
    sniffer: Sniffer<'a>,
    _sink: Process,
    earlier: Cell<usize>,
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What the client saw.
    pub(crate) client: String,
    /// What reached the internet.
    pub(crate) wire: Wire,
}

/// A vector whose processes are ready.
pub(crate) struct Ready {
    pub(crate) vector: &'static Vector,
    token: String,
    port: u16,
    attacker: Attacker,
    helper: Option<Attacker>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(bed: &'a Testbed) -> Result<Self> {
        Ok(Self {
            pod: bed.pod(1)?,
            sniffer: bed.sniffer()?,
            _sink: sink(bed)?,
            bed,
            earlier: Cell::new(0),
        })
    }

    /// Starts the processes of every vector, up to where the gateway would come.
    pub(crate) fn prepare(&self) -> Result<Vec<Ready>> {
        let mut all = (FIRST_PORT..)
            .zip(VECTORS)
            .map(|(port, vector)| self.start(port, vector, 1))
            .collect::<Result<Vec<_>>>()?;
        all.iter_mut().try_for_each(Ready::wait)?;
        Ok(all)
    }

    /// Starts the processes of one vector that is tried so often.
    pub(crate) fn prepare_one(&self, vector: &'static Vector, attempts: u32) -> Result<Ready> {
        let mut ready = self.start(FIRST_PORT, vector, attempts)?;
        ready.wait()?;
        Ok(ready)
    }

    /// From now on only what is sent from now on counts: attacks may begin with what is allowed.
    pub(crate) fn count_from_here(&self) -> Result<()> {
        self.earlier.set(self.sniffer.packets()?.len());
        Ok(())
    }

    /// Carries one out, and looks what came of it.
    pub(crate) fn run(&self, mut ready: Ready) -> Result<(Ready, Seen)> {
        ready.begin()?;
        let client = ready.end()?;
        let wire = ready.reached(&self.arrived()?);
        Ok((ready, Seen { client, wire }))
    }

    /// Carries one out that goes on until all else has been done, and looks what came of it.
    pub(crate) fn run_during(
        &self,
        mut ready: Ready,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<Seen> {
        ready.begin()?;
        work()?;
        ready.attacker.tell()?;
        let client = ready.end()?;
        let wire = ready.reached(&self.arrived()?);
        Ok(Seen { client, wire })
    }

    /// Looks once more what came of all: what was held back, or was sent again, counts as well.
    pub(crate) fn look_again(&self, ran: Vec<(Ready, Seen)>) -> Result<Vec<Seen>> {
        let packets = self.arrived()?;
        let look = |(ready, seen): (Ready, Seen)| Seen {
            wire: ready.reached(&packets),
            ..seen
        };
        Ok(ran.into_iter().map(look).collect())
    }

    /// The packets that count.
    fn arrived(&self) -> Result<Vec<Packet>> {
        Ok(self.sniffer.packets()?.split_off(self.earlier.get()))
    }

    fn start(&self, own_port: u16, vector: &'static Vector, attempts: u32) -> Result<Ready> {
        let port = vector.port.unwrap_or(own_port);
        // Letters, digits and hyphens, so that it can be part of a name. The port makes it unique.
        let token = format!("t0k-{}-{own_port}-k0t", vector.attack.replace('_', "-"));
        let start = |by, attack| {
            let mut python = self.python(by);
            python
                .env("TOKEN", &token)
                .env("PORT", port.to_string())
                .env("ATTEMPTS", attempts.to_string())
                .env("MEETING", self.bed.dir().join(own_port.to_string()));
            Attacker::start(python, attack)
        };
        let helper = vector
            .helper
            .map(|(by, attack)| start(by, attack))
            .transpose()?;
        let attacker = start(vector.by, vector.attack)?;
        Ok(Ready {
            vector,
            token,
            port,
            attacker,
            helper,
        })
    }

    fn python(&self, by: By) -> Command {
        let mut python = match by {
            By::Pod => self.pod.client().command("python3"),
            By::Node => self.bed.governed().command("python3"),
            By::Stranger => self.pod.stranger().command("python3"),
            By::Alien => self.pod.alien().command("python3"),
            By::Internet => self.bed.on_inet("python3"),
        };
        python
            .env("SINK", hosts::SINK)
            .env("SINK_V6", hosts::SINK_V6)
            .env("BLACKHOLE", hosts::BLACKHOLE)
            .env("RESOLVER", hosts::DNS)
            .env("WAYPOINT", hosts::TCP_OTHER)
            .env("POD_V4", self.pod.v4())
            .env("POD_V6", self.pod.v6())
            .env("POD_CGROUP", self.pod.cgroup());
        python
    }
}

impl Ready {
    fn begin(&mut self) -> Result<()> {
        self.helper
            .iter_mut()
            .chain([&mut self.attacker])
            .try_for_each(Attacker::tell)
    }

    /// Waits until it is over, and gives what the client saw.
    fn end(&mut self) -> Result<String> {
        let client = self.attacker.saw().context(self.vector.name)?;
        if let Some(helper) = &mut self.helper {
            helper.saw().context(self.vector.name)?;
        }
        Ok(client)
    }

    /// What of the attack is among these packets. A packet without a token is its own by the port.
    fn reached(&self, packets: &[Packet]) -> Wire {
        let own = |port: u64| self.vector.port.is_none() && port == u64::from(self.port);
        let what = |packet: &Packet| {
            if packet.token == self.token {
                Wire::Token
            } else if own(packet.port) {
                Wire::Packet
            } else {
                Wire::Nothing
            }
        };
        packets.iter().map(what).max().unwrap_or(Wire::Nothing)
    }

    fn wait(&mut self) -> Result<()> {
        self.helper
            .iter_mut()
            .chain([&mut self.attacker])
            .try_for_each(Attacker::ready)
            .context(self.vector.name)
    }
}

fn sink(bed: &Testbed) -> Result<Process> {
    let last = (FIRST_PORT..)
        .zip(VECTORS)
        .last()
        .map_or(FIRST_PORT, |(port, _)| port);
    let mut python = bed.on_inet("python3");
    python
        .args(["-u", "-c", SINK])
        .args([FIRST_PORT, last].map(|port| port.to_string()))
        .args(VECTORS.iter().filter_map(|v| v.port).map(|p| p.to_string()))
        .args(["--", hosts::SINK, hosts::SINK_V6]);
    let mut sink = Process::spawn(&mut python, &bed.dir().join("sink.log"))?;
    let log = bed.dir().join("sink.log");
    sink.ready(START, || {
        std::fs::read_to_string(&log).is_ok_and(|said| said.contains("ready"))
    })?;
    Ok(sink)
}
