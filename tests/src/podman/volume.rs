//! A `ConfigMap`'s volume.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::config::{Override, localise};

use super::gateway::PARENT;
use super::node::Node;

/// A directory that changes as the kubelet changes one (its `AtomicWriter`): the files are in a directory of
/// their time, `..data` is a link to that, and a rename puts the next link in its place.
#[derive(Debug)]
pub struct Volume {
    path: PathBuf,
    generation: u32,
    /// Where the programs attach.
    attach: String,
    /// The governed cgroups: the pods', and those of the gateways among them.
    governed: [String; 2],
}

impl Volume {
    /// Makes one with a configuration as `egress.toml`.
    ///
    /// It is whole, as a user writes it. What names places on the machine is replaced: `attach`, every `[[scope]]`,
    /// and the path of the access log.
    pub fn new(node: &Node, config: &str) -> Result<Self> {
        let path = node.directory("config")?;
        let mut volume = Self {
            path,
            generation: 0,
            attach: format!("/sys/fs/cgroup{}", node.cgroup_root()),
            governed: ["/kubepods", PARENT].map(|cgroup| node.on_machine(cgroup)),
        };
        volume.swap(config)?;
        let file = volume.path.join("egress.toml");
        symlink("..data/egress.toml", file).context("cannot link egress.toml")?;
        Ok(volume)
    }

    /// Puts another configuration in the place of the present one, in one step.
    pub fn swap(&mut self, config: &str) -> Result<()> {
        let before = self.directory();
        self.generation += 1;
        let now = self.directory();
        let directory = self.path.join(&now);
        fs::create_dir(&directory).with_context(|| format!("cannot make {now}"))?;
        fs::write(directory.join("egress.toml"), self.fit(config))
            .context("cannot write egress.toml")?;
        let next = self.path.join("..data_tmp");
        symlink(&now, &next).context("cannot link ..data_tmp")?;
        fs::rename(next, self.path.join("..data")).context("cannot swap ..data")?;
        let before = self.path.join(before);
        if before.exists() {
            fs::remove_dir_all(before)?;
        }
        Ok(())
    }

    /// Where it is, on the machine and the node. What is put there by another name stays as it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fit(&self, config: &str) -> String {
        let quoted = |text: &str| format!("{text:?}");
        let overrides = [
            Override {
                table: "gateway",
                key: "attach",
                value: quoted(&self.attach),
            },
            Override {
                table: "access_log",
                key: "path",
                value: quoted("/run/egress/access.log"),
            },
        ];
        localise(config, &overrides, &self.governed)
    }

    /// A name as the kubelet's, which has the time in it.
    fn directory(&self) -> String {
        format!("..2006_01_02_15_04_05.{:09}", self.generation)
    }
}
