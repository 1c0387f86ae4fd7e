//! Where it happens: one network namespace with the server, the relay and the clients.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use egress_tests::{Client, Gateway, Process, Testbed, command};
use nix::sys::signal::Signal;

use super::cgroup::Cgroup;
use super::columns::Column;
use super::load::Generator;
use super::measure::Value;
use super::peers::{self, Peer, gateway};
use super::relay::Relay;
use super::tools::{self, Tools};

/// Where the server is: an address of the node's own, so that nothing but the relay is between it and
/// the clients.
pub(super) const SERVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 250)), 9443);
/// As [`SERVER`]; no service admits it.
const REFUSED_PORT: u16 = 9444;
/// Where the relays listen that clients address.
pub(super) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// The domain that the relays know hosts of, and one that they don't.
pub(super) const DOMAIN: &str = "bench.example.com";
const OTHER_DOMAIN: &str = "other.example.com";

/// What a node that makes thousands of connections a second is set to.
const SYSCTLS: [(&str, &str); 2] = [
    // All ports but the privileged ones: a relay has one source address, and one destination here.
    ("ipv4/ip_local_port_range", "1024 65535"),
    // A port whose last connection waits for stray packets may be used again for the same destination:
    // at 10,000 connections a second, 64,000 ports would else be used up in 7 seconds, for a minute.
    ("ipv4/tcp_tw_reuse", "1"),
];

/// Each network namespace has its own.
const CONGESTION_CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// Programs start in a fraction of a second; a loaded machine takes longer.
const START: Duration = Duration::from_secs(20);
/// One attempt to connect, on the same machine.
const ATTEMPT: Duration = Duration::from_millis(200);

/// The testbed and what runs in it.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    bed: Testbed,
    tools: &'a Tools,
    seconds: u32,
}

/// A relay and the server behind it.
#[derive(Debug)]
pub(super) struct Running<'a> {
    stage: &'a Stage<'a>,
    // The relay first, and so dropped first: it talks to the server.
    kind: Kind,
    server: Process,
    client: Client,
    address: SocketAddr,
    cgroup: Cgroup,
}

#[derive(Debug)]
enum Kind {
    Nothing,
    Gateway(Box<Gateway>),
    Peer(Vec<Process>),
}

impl<'a> Stage<'a> {
    pub(super) fn new(tools: &'a Tools, seconds: u32) -> Result<Self> {
        let bed = Testbed::new()?;
        let address = format!("{}/32", SERVER.ip());
        let mut ip = command::system("ip");
        ip.args(["-n", bed.net().node(), "addr", "add", &address, "dev", "lo"]);
        command::stdout(&mut ip)?;
        bed.net().on_node(|| {
            SYSCTLS.iter().try_for_each(|(name, value)| {
                fs::write(format!("/proc/sys/net/{name}"), value)
                    .with_context(|| format!("cannot set {name}"))
            })
        })??;
        Ok(Self {
            bed,
            tools,
            seconds,
        })
    }

    /// Starts the server and a relay, and makes sure that it relays what it should and nothing else.
    pub(super) fn start(&'a self, relay: Relay) -> Result<Running<'a>> {
        // One that was ended in the middle of a failure may have left processes.
        let place = self.bed.in_place_of_gateway();
        let cgroup = Cgroup::at(place.cgroup());
        cgroup.end()?;
        let server = self.serve()?;
        let (kind, client, address) = match relay {
            Relay::None => (Kind::Nothing, self.bed.elsewhere(), SERVER),
            Relay::Egress | Relay::EgressAddress => {
                let config = gateway::config(relay);
                let binary = self.tools.gateway()?;
                let gateway = Gateway::start_binary(&self.bed, binary, &config)?;
                (
                    Kind::Gateway(Box::new(gateway)),
                    self.bed.governed(),
                    SERVER,
                )
            }
            Relay::TokioSplice => {
                let (process, address) = self.bare(&place)?;
                (Kind::Peer(vec![process]), self.bed.elsewhere(), address)
            }
            Relay::Haproxy
            | Relay::HaproxySplice
            | Relay::Nginx
            | Relay::Sniproxy
            | Relay::Envoy => {
                let peer = peers::prepare(relay, self.bed.dir())?;
                let processes = self.spawn(&peer, &place)?;
                (Kind::Peer(processes), self.bed.elsewhere(), LISTEN)
            }
        };
        let running = Running {
            stage: self,
            kind,
            server,
            client,
            address,
            cgroup,
        };
        running.check(relay)?;
        Ok(running)
    }

    /// Has every socket that is made from now on, and asks for no other, use this congestion control.
    pub(super) fn control_congestion_by(&self, name: &str) -> Result<()> {
        let set = || fs::write(CONGESTION_CONTROL, name);
        let set = self.bed.net().on_node(set)?;
        set.with_context(|| format!("this kernel has no congestion control {name:?}"))
    }

    /// The congestion control that sockets have.
    pub(super) fn congestion_control(&self) -> Result<String> {
        let read = || fs::read_to_string(CONGESTION_CONTROL);
        let name = self.bed.net().on_node(read)?;
        Ok(name
            .context("cannot read the congestion control")?
            .trim()
            .into())
    }

    pub(super) fn bed(&self) -> &Testbed {
        &self.bed
    }

    fn serve(&self) -> Result<Process> {
        let place = self.bed.elsewhere();
        let mut serve = place.command(&tools::load().to_string_lossy());
        serve.args(["serve", &SERVER.to_string()]);
        let mut server = Process::spawn(&mut serve, &self.bed.dir().join("load-server.log"))?;
        let log = self.bed.dir().join("load-server.log");
        server.ready(START, || {
            fs::read_to_string(&log).is_ok_and(|said| said.contains("ready"))
        })?;
        Ok(server)
    }

    fn spawn(&self, peer: &Peer, place: &Client) -> Result<Vec<Process>> {
        let mut processes = Vec::new();
        for instance in 0..peer.instances {
            let mut command = place.command(&peer.program.to_string_lossy());
            command.args(&peer.arguments);
            let log = self.bed.dir().join(format!("relay-{instance}.log"));
            let mut process = Process::spawn(&mut command, &log)?;
            process.ready(START, || self.accepts(LISTEN))?;
            processes.push(process);
        }
        Ok(processes)
    }

    /// A relay and nothing else, which chooses its port itself and says which.
    fn bare(&self, place: &Client) -> Result<(Process, SocketAddr)> {
        let mut command = place.command(&self.tools.bare_relay()?.to_string_lossy());
        command.args(["tokio-splice", &SERVER.to_string()]);
        let log = self.bed.dir().join("relay-bare.log");
        let mut process = Process::spawn(&mut command, &log)?;
        let mut address = None;
        process.ready(START, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            address = said.lines().next().and_then(|line| line.parse().ok());
            address.is_some()
        })?;
        let address = address.context("a relay that is ready has an address")?;
        Ok((process, address))
    }

    fn accepts(&self, address: SocketAddr) -> bool {
        let connect = || TcpStream::connect_timeout(&address, ATTEMPT).is_ok();
        self.bed.net().on_node(connect).unwrap_or(false)
    }
}

impl Running<'_> {
    /// Loads that go through it.
    pub(super) fn load(&self) -> Generator<'_> {
        Generator::new(&self.client, self.address)
    }

    /// How long a load runs.
    pub(super) fn seconds(&self) -> u32 {
        self.stage.seconds
    }

    pub(super) fn cpu_us(&self) -> Result<f64> {
        self.cgroup.cpu_us()
    }

    pub(super) fn memory_kib(&self) -> Result<f64> {
        self.cgroup.memory_kib()
    }

    pub(super) fn processes(&self) -> Result<Vec<u32>> {
        self.cgroup.processes()
    }

    /// A rate, and what it cost, which is nothing without a relay.
    pub(super) fn with_cost(&self, rate: Value, cost: (&'static Column, f64)) -> Vec<Value> {
        match self.kind {
            Kind::Nothing => vec![rate],
            Kind::Gateway(_) | Kind::Peer(_) => vec![rate, cost],
        }
    }

    /// The gateway, if it is one.
    pub(super) fn gateway(&self) -> Result<&Gateway> {
        match &self.kind {
            Kind::Gateway(gateway) => Ok(gateway),
            Kind::Nothing | Kind::Peer(_) => bail!("not the gateway"),
        }
    }

    /// Ends it, and waits until nothing of it is left.
    pub(super) fn end(mut self) -> Result<()> {
        if let Kind::Gateway(gateway) = &mut self.kind {
            // By itself: so it takes its programs along.
            gateway.terminate()?;
        }
        self.cgroup.end()?;
        self.server.signal(Signal::SIGKILL)
    }

    /// Numbers of a relay that lets all pass, or nothing, would be of something else.
    fn check(&self, relay: Relay) -> Result<()> {
        let name = relay.name();
        ensure!(
            self.load().is_answered(DOMAIN)?,
            "{name} does not relay what it should: {}",
            self.output()
        );
        let other = match relay {
            Relay::None | Relay::TokioSplice => return Ok(()),
            Relay::EgressAddress => {
                let mut address = self.address;
                address.set_port(REFUSED_PORT);
                self.refuses_address(address)?
            }
            _ => !self.load().is_answered(OTHER_DOMAIN)?,
        };
        ensure!(other, "{name} relays what it should refuse");
        Ok(())
    }

    /// Whether nothing that listens there is reached. That a client connects says nothing: the gateway
    /// accepts whom it then refuses.
    fn refuses_address(&self, address: SocketAddr) -> Result<bool> {
        let bind = || TcpListener::bind(address);
        let listener = self.stage.bed.net().on_node(bind)??;
        listener.set_nonblocking(true)?;
        let [host, port] = [address.ip().to_string(), address.port().to_string()];
        let connect =
            format!("import socket; socket.create_connection(('{host}', {port}), 2).recv(1)");
        // How it ends is the client's matter: it has ended, so whatever was to arrive has.
        self.client.python(&connect)?;
        Ok(listener
            .accept()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
    }

    fn output(&self) -> String {
        match &self.kind {
            Kind::Nothing => String::new(),
            Kind::Gateway(gateway) => gateway.output(),
            Kind::Peer(processes) => processes.iter().map(Process::output).collect(),
        }
    }
}
