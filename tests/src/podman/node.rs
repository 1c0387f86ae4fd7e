//! The node: namespaces for its services, its containers and their network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::bed::Testbed;
use crate::cgroups;
use crate::command;
use crate::footprint;
use crate::gateway;
use crate::metrics::Metrics;
use crate::needed::{self, NEEDED_BY_NODES};
use crate::net;
use crate::place::Place;
use crate::process::Process;
use crate::sniffer::{Packet, Sniffer};
use crate::wait::wait_until;

use super::containers::ContainerPod;
use super::gateway::privileged;
use super::images;

const SCRIPT: &str = include_str!("../scripts/node.sh");

/// The cgroup of what is no pod: `system.slice` on most nodes.
const SYSTEM: &str = "system";
/// Podman's own network for containers, and how its addresses begin.
const POD_NETWORK: &str = "10.88.0.0/16";
const POD_ADDRESSES: &str = "10.88.";
/// Where a node has the machine's cgroup v2.
pub(super) const MACHINE_CGROUPS: &str = "/run/machine-cgroups";
/// Some mounts; a loaded machine takes longer.
const START: Duration = Duration::from_secs(20);
/// What is counted has happened within a fraction of a second; a loaded machine takes longer.
const COUNTED: Duration = Duration::from_secs(30);
/// The most seconds that Podman may take: it waits for a pod's drain.
const PODMAN_LIMIT: &str = "90";

/// What Podman is told of the machine. Limits as they are given everywhere: it would ask for more than a machine
/// may have. No bound on processes: that is a controller's.
const CONTAINERS_CONF: &str = r#"[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
pids_limit = 0
[network]
network_backend = "netavark"
network_config_dir = "/run/containers/networks"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "none"
"#;

/// A node with Podman on it, and its testbed.
#[derive(Debug)]
pub struct Node {
    // First, and so dropped first: it stands on the testbed.
    init: Process,
    bed: Testbed,
    dir: PathBuf,
    /// Keeps the store of the images.
    images: Option<File>,
}

impl Node {
    /// Makes one, with the images in its store.
    pub fn new() -> Result<Self> {
        needed::require("a node with containers", NEEDED_BY_NODES)?;
        let bed = Testbed::new()?;
        let dir = bed.dir().join("node");
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        fs::create_dir(bed.cgroups().attach().join(SYSTEM))?;
        let init = init(&bed, &dir)?;
        let mut node = Self {
            init,
            bed,
            dir,
            images: None,
        };
        node.write("containers.conf", CONTAINERS_CONF)?;
        node.write("privileged.conf", &privileged(CONTAINERS_CONF))?;
        let images::Store { path, held } = images::store(&node)?;
        node.images = Some(held);
        let containers = node.dir.join("containers");
        let store = path.display();
        let more = format!("[storage.options]\nadditionalimagestores = [\"{store}\"]\n");
        let storage = storage(&containers, &more);
        node.write("storage.conf", &storage)?;
        node.route()?;
        Ok(node)
    }

    /// The testbed that it is on.
    pub fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// The cgroup, by its path on the machine, in which the node has what the kubelet has in the root.
    pub fn cgroup_root(&self) -> String {
        self.on_machine("").trim_end_matches('/').to_owned()
    }

    /// A pod of this number, in which nothing runs yet.
    pub fn pod(&self, number: u32) -> ContainerPod<'_> {
        ContainerPod::new(self, number)
    }

    /// The packets that reached the inet from a pod's own address: those that no gateway has carried.
    pub fn past_the_gateway(&self, sniffer: &Sniffer<'_>) -> Result<Vec<Packet>> {
        let mut packets = sniffer.packets()?;
        packets.retain(|packet| packet.source.starts_with(POD_ADDRESSES));
        Ok(packets)
    }

    /// The metrics of the gateway that serves the node.
    pub fn metrics(&self) -> Result<Metrics> {
        gateway::metrics(&self.bed).map(Metrics::new)
    }

    /// Waits until a metric has this value.
    pub fn counted(&self, metric: &str, labels: &[(&str, &str)], value: u64) -> Result<()> {
        wait_until(&format!("{metric} is {value}"), COUNTED, || {
            let now = self.metrics().ok()?.sum(metric, labels);
            (now == value).then_some(())
        })
    }

    /// What is attached, as `egress status` on the node says.
    pub fn status(&self) -> Result<serde_json::Value> {
        let mut command = self.command(&gateway::binary()?.to_string_lossy());
        footprint::status(command.args(["status", "--json"]))
    }

    /// Podman, in its place, with no more to say than what went wrong.
    pub(super) fn podman_command(&self) -> Command {
        self.podman_with("containers.conf", "storage.conf")
    }

    /// As [`Node::podman_command`], with other files of [`Node::write`].
    pub(super) fn podman_with(&self, containers: &str, storage: &str) -> Command {
        let mut command = self.command("timeout");
        command
            .args(["--kill-after=5", PODMAN_LIMIT, "podman"])
            .arg("--log-level=error")
            .env("CONTAINERS_CONF", self.dir.join(containers))
            .env("CONTAINERS_STORAGE_CONF", self.dir.join(storage))
            .env("TMPDIR", &self.dir);
        command
    }

    /// Writes a file that goes with the node, and gives its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Makes a directory that goes with the node, and gives its path.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// The directory of a cgroup, by its path on the node.
    pub(super) fn cgroup(&self, path: &str) -> PathBuf {
        let path = path.trim_start_matches('/');
        self.bed.cgroups().attach().join(path)
    }

    /// A cgroup's path on the machine, by its path on the node: as the gateway sees it.
    pub(super) fn on_machine(&self, path: &str) -> String {
        self.bed.cgroups().relative(&self.cgroup(path))
    }

    /// A command for a program among the node's services.
    fn command(&self, program: &str) -> Command {
        let place = Place::new(self.bed.net().node(), self.cgroup(SYSTEM));
        let mut command = place.command("nsenter");
        let init = self.init.pid().to_string();
        command.args(["--target", &init, "--mount", "--", program]);
        command
    }

    /// Has the pods' addresses seen beyond the node, as in a cluster whose network routes them: so a packet
    /// that comes from a pod itself is not taken for one of the gateway's.
    fn route(&self) -> Result<()> {
        let mut iptables = self.command("iptables");
        iptables.args("-t nat -I POSTROUTING -j ACCEPT -s".split(' '));
        command::stdout(iptables.arg(POD_NETWORK))?;
        let inet = self.bed.net().inet();
        let route = format!("route add {POD_NETWORK} via {}", net::NODE_V4);
        net::batch(inet, &[route])
    }
}

/// Podman's store: images and containers in this directory, mounts where they go with the node.
pub(super) fn storage(directory: &Path, more: &str) -> String {
    let directory = directory.display();
    format!(
        "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\n\
         graphroot = \"{directory}\"\n{more}"
    )
}

/// The first process of the node: its namespaces are there for as long as it is, or any other of the node's.
fn init(bed: &Testbed, dir: &Path) -> Result<Process> {
    // The cgroup namespace is for the mount alone, which then has the node's part.
    let place = Place::new(bed.net().node(), bed.cgroups().attach());
    let mut command = place.command("unshare");
    command
        .args(["--mount", "--cgroup", "--propagation", "private", "--"])
        .args(["sh", "-c", SCRIPT, "node"])
        .arg(bed.dir().join("resolv.conf"))
        .arg(SYSTEM)
        .arg(cgroups::mount_point()?)
        .arg(MACHINE_CGROUPS);
    let log = dir.join("init.log");
    let mut init = Process::spawn(&mut command, &log)?;
    init.ready(START, || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("ready"))
    })?;
    Ok(init)
}
