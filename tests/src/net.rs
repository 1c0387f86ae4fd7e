//! The two network namespaces and the cable between them.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use crate::command;
use crate::id::BedId;
use crate::server::hosts;

/// Where `ip netns` keeps the namespaces' names.
pub(crate) const NETNS_DIR: &str = "/run/netns";

/// The node's own address, and its gateway to the inet. RFC 5737 and RFC 3849: documentation only.
pub(crate) const NODE_V4: &str = "192.0.2.2";
pub(crate) const INET_V4: &str = "192.0.2.1";
pub(crate) const NODE_V6: &str = "2001:db8::2";
const INET_V6: &str = "2001:db8::1";

/// A node and an inet, joined by a veth pair; the inet has the addresses of all servers.
#[derive(Debug)]
pub struct Net {
    id: BedId,
    node: String,
    inet: String,
}

impl Net {
    /// Makes both. What is left of a failed attempt is the caller's sweep to remove.
    pub(crate) fn new(id: BedId) -> Result<Self> {
        let net = Self {
            id,
            node: format!("{id}-node"),
            inet: format!("{id}-inet"),
        };
        command::stdout(command::system("ip").args(["netns", "add", &net.node]))?;
        command::stdout(command::system("ip").args(["netns", "add", &net.inet]))?;
        net.lay_cable()?;
        net.give_addresses()?;
        net.route()?;
        Ok(net)
    }

    /// The testbed that these are part of.
    pub(crate) fn id(&self) -> BedId {
        self.id
    }

    /// The name of the namespace where the gateway and its clients run.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The name of the namespace where the servers run.
    pub fn inet(&self) -> &str {
        &self.inet
    }

    /// Runs something on a thread of its own inside the node's namespace.
    pub fn on_node<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        within(&self.node, work)
    }

    /// Runs something on a thread of its own inside the inet's namespace.
    pub fn on_inet<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        within(&self.inet, work)
    }

    fn lay_cable(&self) -> Result<()> {
        batch(
            &self.node,
            &[
                // Both ends are born in their namespaces: no name of ours is ever seen in the machine's own.
                format!("link add inet type veth peer name node netns {}", self.inet),
                "link set lo up".into(),
                "link set inet up".into(),
            ],
        )?;
        batch(
            &self.inet,
            &["link set lo up".into(), "link set node up".into()],
        )
    }

    fn give_addresses(&self) -> Result<()> {
        // nodad: an address that is still being checked for duplicates cannot be bound for a second.
        batch(
            &self.node,
            &[
                format!("addr add {NODE_V4}/24 dev inet"),
                format!("addr add {NODE_V6}/64 dev inet nodad"),
            ],
        )?;
        let mut lines = vec![
            format!("addr add {INET_V4}/24 dev node"),
            format!("addr add {INET_V6}/64 dev node nodad"),
        ];
        lines.extend(
            hosts::ADDRESSES_V4
                .iter()
                .map(|a| format!("addr add {a}/32 dev lo")),
        );
        lines.extend(
            hosts::ADDRESSES_V6
                .iter()
                .map(|a| format!("addr add {a}/128 dev lo nodad")),
        );
        lines.extend(
            [hosts::BLACKHOLE, hosts::BLACKHOLE_V6].map(|a| format!("route add blackhole {a}")),
        );
        batch(&self.inet, &lines)
    }

    fn route(&self) -> Result<()> {
        batch(
            &self.node,
            &[
                format!("route add default via {INET_V4}"),
                format!("-6 route add default via {INET_V6}"),
            ],
        )
    }
}

/// Runs `ip` once for each line, inside a namespace.
pub(crate) fn batch(netns: &str, lines: &[String]) -> Result<()> {
    lines.iter().try_for_each(|line| {
        let mut ip = command::system("ip");
        ip.args(["-n", netns]).args(line.split(' '));
        command::stdout(&mut ip).map(drop)
    })
}

/// The file that stands for a namespace.
pub(crate) fn handle(netns: &str) -> PathBuf {
    PathBuf::from(NETNS_DIR).join(netns)
}

/// A namespace belongs to a thread; a scoped one takes it along when it ends.
fn within<T: Send>(netns: &str, work: impl FnOnce() -> T + Send) -> Result<T> {
    let path = handle(netns);
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    thread::scope(|scope| {
        scope
            .spawn(move || {
                setns(&file, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)?;
                Ok::<_, io::Error>(work())
            })
            .join()
            .map_err(|_| anyhow!("the thread in {netns} panicked"))?
            .with_context(|| format!("cannot enter {netns}"))
    })
}
