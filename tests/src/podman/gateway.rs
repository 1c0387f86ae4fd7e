//! The gateway's pod at work.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::access_log::AccessLog;
use crate::cgroups;
use crate::command;
use crate::footprint::Footprint;
use crate::wait::wait_until;

use super::images::PAUSE;
use super::manifest::{self, Manifest};
use super::node::Node;
use super::volume::Volume;

/// Where Podman 4.3 has the cgroups of a manifest's pods: it can't be told another place.
pub(super) const PARENT: &str = "/libpod_parent";
/// The programs are loaded and verified in well under a second; a loaded machine takes longer.
const START: Duration = Duration::from_secs(30);
/// Longer than any drain that a test sets.
const STOP: Duration = Duration::from_mins(1);

/// A pod with a gateway. It ends with its node.
#[derive(Debug)]
pub struct GatewayPod<'a> {
    node: &'a Node,
    name: String,
    run: PathBuf,
    /// The container's name, as Podman has it.
    container: String,
    probe: Vec<String>,
}

impl<'a> GatewayPod<'a> {
    /// Starts a pod of this name, and waits until it is ready. It takes over from another, if there is one.
    pub fn start(node: &'a Node, name: &str, config: &Volume) -> Result<Self> {
        let run = node.directory(&format!("run-{name}"))?;
        let Manifest {
            pod,
            container,
            probe,
        } = manifest::pod(node, name, config.path(), &run)?;
        let file = node.write(&format!("{name}.yaml"), &pod.to_string())?;
        let pod = Self {
            node,
            name: name.into(),
            run,
            container: format!("{name}-{container}"),
            probe,
        };
        let played = pod.podman(&["play", "kube", "--start=false", &file.to_string_lossy()])?;
        let id = played.lines().skip_while(|line| *line != "Pod:").nth(1);
        pod.renew_cgroup(id.with_context(|| played.clone())?)?;
        pod.begin()?;
        Ok(pod)
    }

    /// Starts its container again, in a cgroup that is made again; waits until it is ready.
    pub fn restart(&self) -> Result<()> {
        self.begin()
    }

    /// Tells it to go, as the kubelet does: SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Kills it: SIGKILL. Waits until it is gone.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.ended().map(drop)
    }

    /// Waits for its end, and gives the exit status.
    pub fn ended(&self) -> Result<i32> {
        let what = format!("the pod {} ends", self.name);
        wait_until(&what, STOP, || {
            let (state, status) = self.state("{{.State.Status}} {{.State.ExitCode}}").ok()?;
            (state == "exited").then_some(status)
        })
        .with_context(|| self.output())
    }

    /// The number of its cgroup, which no other ever has.
    pub fn cgroup_id(&self) -> Result<u64> {
        let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", self.pid()?))?;
        let path = cgroup.lines().find_map(|line| line.strip_prefix("0::/"));
        let path = path.with_context(|| cgroup.clone())?;
        Ok(fs::metadata(cgroups::mount_point()?.join(path))?.ino())
    }

    /// What it holds.
    pub fn footprint(&self) -> Result<Footprint> {
        Footprint::measure(self.pid()?, &self.node.status()?)
    }

    /// Its access log, from its beginning.
    pub fn access_log(&self) -> AccessLog {
        AccessLog::new(&self.run.join("access.log"))
    }

    /// The container's output.
    pub fn output(&self) -> String {
        let output = command::output(self.command().args(["logs", &self.container]));
        output.map_or_else(
            |error| format!("{error:#}"),
            |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }

    fn begin(&self) -> Result<()> {
        self.podman(&["pod", "start", &self.name])?;
        wait_until(&format!("the pod {} is ready", self.name), START, || {
            let mut probe = self.command();
            probe.args(["exec", &self.container]).args(&self.probe);
            let status = command::output(&mut probe).ok()?.status;
            status.success().then_some(())
        })
        .with_context(|| self.output())
    }

    /// Podman 4.3 makes a pod's cgroup with a device filter that lets nothing through, not even `/dev/null`; one that is
    /// made by its name alone has none, and is as the kubelet's.
    fn renew_cgroup(&self, id: &str) -> Result<()> {
        let cgroup = self.node.cgroup(PARENT).join(id);
        fs::remove_dir(&cgroup).with_context(|| format!("cannot remove {}", cgroup.display()))?;
        fs::create_dir(&cgroup).with_context(|| format!("cannot make {}", cgroup.display()))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?).context("a process id is positive")?;
        kill(Pid::from_raw(pid), signal).with_context(|| format!("cannot send {signal}"))
    }

    fn pid(&self) -> Result<u32> {
        let (state, pid) = self.state("{{.State.Status}} {{.State.Pid}}")?;
        ensure!(
            pid > 0,
            "the pod {} is {state}\n{}",
            self.name,
            self.output()
        );
        Ok(u32::try_from(pid)?)
    }

    /// The container's state: a word, and a number.
    fn state(&self, format: &str) -> Result<(String, i32)> {
        let args = ["container", "inspect", "--format", format, &self.container];
        let said = self.podman(&args)?;
        let (state, number) = said.trim().split_once(' ').with_context(|| said.clone())?;
        Ok((state.into(), number.parse()?))
    }

    fn podman(&self, args: &[&str]) -> Result<String> {
        command::stdout(self.command().args(args))
    }

    /// Podman for pods that have the node's namespaces.
    fn command(&self) -> Command {
        self.node.podman_with("privileged.conf", "storage.conf")
    }
}

/// What Podman is told of the machine, for pods that have the node's namespaces. `base` ends in its
/// `[engine]`.
pub(super) fn privileged(base: &str) -> String {
    let own = "[containers]\npidns = \"host\"\ncgroupns = \"host\"\n";
    let base = base.replace("[containers]\n", own);
    format!("{base}infra_image = \"{PAUSE}\"\ninfra_command = \"/sleep infinity\"\n")
}
