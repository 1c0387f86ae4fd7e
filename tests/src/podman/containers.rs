//! Clients in containers.

use std::process::Command;

use anyhow::Result;

use crate::client::Outcome;
use crate::command;
use crate::python::Python;

use super::images::CLIENT;
use super::node::Node;

/// A pod as the kubelet makes one: a cgroup of a name that has its id, below its class's. Each of its containers
/// has a cgroup below that, and, other than in a cluster, a network namespace of its own.
#[derive(Debug)]
pub struct ContainerPod<'a> {
    node: &'a Node,
    number: u32,
}

impl<'a> ContainerPod<'a> {
    pub(super) fn new(node: &'a Node, number: u32) -> Self {
        Self { node, number }
    }

    /// Its cgroup, as a `from` names it.
    pub fn cgroup(&self) -> String {
        self.node.on_machine(&self.on_node())
    }

    fn on_node(&self) -> String {
        format!("/kubepods/burstable/pod{}", self.uid())
    }

    /// Its id, as the API has it.
    pub fn uid(&self) -> String {
        format!("{:08x}-0000-4000-8000-000000000000", self.number)
    }

    /// Starts a container with a Python that does as it is told.
    pub fn session(&self) -> Result<Python> {
        let mut podman = self.container(&["--interactive"]);
        podman.arg("/usr/bin/python3");
        Python::start(podman)
    }

    /// Runs a program in a container of its own to its end; the container is removed.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<Outcome> {
        let mut podman = self.container(&[]);
        let output = command::output(podman.arg(program).args(args))?;
        Ok(Outcome {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A command that starts a container; the program, and what it is given, follow.
    fn container(&self, options: &[&str]) -> Command {
        let ca = self.node.bed().certificates().join("ca.pem");
        let mut podman = self.node.podman_command();
        podman
            .args(["run", "--rm", "--cgroupns=private"])
            .args(["--cgroup-parent", &self.on_node()])
            .args(["--volume", "/usr:/usr:ro"])
            .args(["--volume", &format!("{}:/etc/ca.pem:ro", ca.display())])
            // Python follows the first, curl the second.
            .args(["--env", "SSL_CERT_FILE=/etc/ca.pem"])
            .args(["--env", "CURL_CA_BUNDLE=/etc/ca.pem"])
            .args(["--env", "LC_ALL=C.UTF-8"])
            .args(options)
            .arg(CLIENT);
        podman
    }
}
