//! The testbed as a whole.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cgroups::Cgroups;
use crate::client::Client;
use crate::command;
use crate::id::BedId;
use crate::needed::{self, NEEDED};
use crate::net::Net;
use crate::pins;
use crate::place::{Lookup, Place};
use crate::pods::Pod;
use crate::python::Python;
use crate::server::{Servers, hosts};
use crate::signals;
use crate::sniffer::Sniffer;
use crate::sweep::{self, Owned};

/// A node and an inet, with all servers running. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Testbed {
    // First, and so dropped first: the processes must be gone before what they use.
    owned: Owned,
    dir: PathBuf,
    net: Net,
    cgroups: Cgroups,
    servers: Servers,
    lookup: Lookup,
}

impl Testbed {
    /// Makes one; takes about half a second. Any number can live side by side.
    pub fn new() -> Result<Self> {
        check()?;
        signals::install()?;
        sweep::stale();
        pins::mounted()?;
        let id = BedId::next();
        let owned = Owned(id);
        let dir = scratch(id)?;
        let net = Net::new(id)?;
        let cgroups = Cgroups::new(id)?;
        let lookup = lookup(&dir)?;
        let servers = Servers::start(&net, &Place::new(net.inet(), cgroups.inet()), &dir)?;
        Ok(Self {
            owned,
            dir,
            net,
            cgroups,
            servers,
            lookup,
        })
    }

    /// Where its gateways pin their programs and maps.
    pub fn pins(&self) -> PathBuf {
        pins::directory(self.owned.0)
    }

    /// A client in the governed cgroup.
    pub fn governed(&self) -> Client {
        self.on_node(self.cgroups.governed())
    }

    /// A client on the same node that no scope names.
    pub fn outside(&self) -> Client {
        self.on_node(self.cgroups.outside())
    }

    /// A client on the node in a cgroup that no gateway's programs are attached to.
    pub fn elsewhere(&self) -> Client {
        self.on_node(self.cgroups.elsewhere())
    }

    /// Programs in the place of the gateway, for what is compared with it.
    pub fn in_place_of_gateway(&self) -> Client {
        self.on_node(self.cgroups.gateway())
    }

    /// A client in a governed cgroup of its own, below the one of [`Testbed::governed`].
    pub fn governed_in(&self, name: &str) -> Result<Client> {
        let cgroup = self.cgroups.governed().join(name);
        fs::create_dir_all(&cgroup).with_context(|| format!("cannot make {}", cgroup.display()))?;
        Ok(self.on_node(cgroup))
    }

    /// A pod on the node, made now. No two have the same number.
    pub fn pod(&self, number: u8) -> Result<Pod<'_>> {
        Pod::new(self, number)
    }

    /// Watches what reaches the inet from now on.
    pub fn sniffer(&self) -> Result<Sniffer<'_>> {
        Sniffer::start(self)
    }

    /// A Python on the inet, where it can be a server.
    pub fn inet_session(&self) -> Result<Python> {
        Python::start(self.inet().command("python3"))
    }

    /// A command for a program on the inet.
    pub fn on_inet(&self, program: &str) -> Command {
        self.inet().command(program)
    }

    /// The namespaces.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// A directory for files that go with the testbed.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Puts a file of random bytes on the API server, at `/name`; gives its SHA-256 in hexadecimal.
    pub fn offer(&self, name: &str, bytes: u64) -> Result<String> {
        self.servers.offer(name, bytes)
    }

    /// What the servers wrote to their logs, for a failure's report.
    pub fn server_logs(&self) -> String {
        self.servers.logs()
    }

    pub(crate) fn cgroups(&self) -> &Cgroups {
        &self.cgroups
    }

    /// The directory of the authority's certificate, and of what it signed.
    pub fn certificates(&self) -> &Path {
        self.servers.ca().parent().unwrap_or(Path::new("/"))
    }

    pub(crate) fn inet(&self) -> Place {
        Place::new(self.net.inet(), self.cgroups.inet())
    }

    fn on_node(&self, cgroup: PathBuf) -> Client {
        self.client(self.net.node(), cgroup)
    }

    pub(crate) fn client(&self, netns: &str, cgroup: PathBuf) -> Client {
        let place = Place::new(netns, cgroup).with_lookup(self.lookup.clone());
        Client::new(place, self.servers.ca())
    }
}

/// Whether a testbed can be made here at all, in words that say what to do.
fn check() -> Result<()> {
    if !command::is_root() {
        bail!("a testbed needs root: it makes network namespaces and cgroups");
    }
    needed::require("a testbed", NEEDED)
}

/// A new directory that only root can read: it holds private keys.
fn scratch(id: BedId) -> Result<PathBuf> {
    /// The owner alone.
    const PRIVATE: u32 = 0o700;
    let dir = sweep::scratch_dir(id);
    fs::DirBuilder::new()
        .mode(PRIVATE)
        .create(&dir)
        .with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

fn lookup(dir: &Path) -> Result<Lookup> {
    let lookup = Lookup {
        resolv_conf: dir.join("resolv.conf"),
        nsswitch_conf: dir.join("nsswitch.conf"),
    };
    fs::write(&lookup.resolv_conf, format!("nameserver {}\n", hosts::DNS))
        .context("cannot write resolv.conf")?;
    // Nothing but DNS: a machine's own resolver service knows nothing of the inet.
    fs::write(
        &lookup.nsswitch_conf,
        "passwd: files\ngroup: files\nhosts: dns\n",
    )
    .context("cannot write nsswitch.conf")?;
    Ok(lookup)
}
