//! Pods: network namespaces that reach the inet through the node, each with a cgroup of its own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::bed::Testbed;
use crate::cgroups;
use crate::client::Client;
use crate::command;
use crate::net::{self, Net};

/// What the network between a pod and the inet lets through. It is as lax as a network can be, so that
/// what is stopped was not stopped by it.
const LAX_ROUTER: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv4/conf/all/accept_source_route", "1"),
];

/// A pod on a testbed's node. Its namespace and cgroup go with the testbed.
#[derive(Debug)]
pub struct Pod<'a> {
    bed: &'a Testbed,
    number: u8,
    netns: String,
}

impl<'a> Pod<'a> {
    /// Makes one. No two of a testbed have the same number.
    pub(crate) fn new(bed: &'a Testbed, number: u8) -> Result<Self> {
        let pod = Self {
            bed,
            number,
            netns: format!("{}-pod{number}", bed.net().id()),
        };
        let cgroup = pod.cgroup();
        fs::create_dir_all(&cgroup).with_context(|| format!("cannot make {}", cgroup.display()))?;
        command::stdout(command::system("ip").args(["netns", "add", &pod.netns]))?;
        pod.connect(bed.net())?;
        Ok(pod)
    }

    /// A client in the pod.
    pub fn client(&self) -> Client {
        self.client_in(self.cgroup())
    }

    /// A client in the pod's namespace, in a cgroup of the node that no scope names.
    pub fn stranger(&self) -> Client {
        self.client_in(self.bed.cgroups().outside())
    }

    /// A client in the pod's namespace, in a cgroup that the gateway's programs are not attached to.
    pub fn alien(&self) -> Client {
        self.client_in(self.bed.cgroups().elsewhere())
    }

    /// Its cgroup's directory.
    pub fn cgroup(&self) -> PathBuf {
        self.bed
            .cgroups()
            .pods()
            .join(format!("pod{}", self.number))
    }

    /// The name of its network namespace.
    pub fn netns(&self) -> &str {
        &self.netns
    }

    /// Its IPv4 address. All are private (RFC 1918).
    pub fn v4(&self) -> String {
        format!("10.85.{}.2", self.number)
    }

    /// Its IPv6 address. All are unique-local (RFC 4193).
    pub fn v6(&self) -> String {
        format!("fd85:0:0:{}::2", self.number)
    }

    /// Ends what is in its cgroup, and removes that and the namespace's name. The namespace itself goes
    /// when nobody keeps it alive any more.
    pub fn remove(self) -> Result<()> {
        cgroups::remove(&self.cgroup())?;
        command::stdout(command::system("ip").args(["netns", "delete", &self.netns]))?;
        Ok(())
    }

    fn client_in(&self, cgroup: PathBuf) -> Client {
        self.bed.client(&self.netns, cgroup)
    }

    fn connect(&self, net: &Net) -> Result<()> {
        let Self { number, netns, .. } = self;
        let (v4, v6) = (self.v4(), self.v6());
        let (gateway_v4, gateway_v6) =
            (format!("10.85.{number}.1"), format!("fd85:0:0:{number}::1"));
        net::batch(
            net.node(),
            &[
                format!("link add pod{number} type veth peer name eth0 netns {netns}"),
                format!("link set pod{number} up"),
                format!("addr add {gateway_v4}/24 dev pod{number}"),
                format!("addr add {gateway_v6}/64 dev pod{number} nodad"),
            ],
        )?;
        net::batch(
            netns,
            &[
                "link set lo up".into(),
                "link set eth0 up".into(),
                format!("addr add {v4}/24 dev eth0"),
                format!("addr add {v6}/64 dev eth0 nodad"),
                format!("route add default via {gateway_v4}"),
                format!("-6 route add default via {gateway_v6}"),
            ],
        )?;
        net::batch(
            net.inet(),
            &[
                format!("route add 10.85.{number}.0/24 via {}", net::NODE_V4),
                format!("-6 route add fd85:0:0:{number}::/64 via {}", net::NODE_V6),
            ],
        )?;
        net.on_node(|| set(LAX_ROUTER))??;
        net.on_inet(|| set(LAX_ROUTER))?
    }
}

/// Settings of the namespace that the thread is in.
fn set(settings: &[(&str, &str)]) -> Result<()> {
    settings.iter().try_for_each(|(name, value)| {
        fs::write(format!("/proc/sys/net/{name}"), value)
            .with_context(|| format!("cannot set {name} to {value}"))
    })
}
