//! The gateway's pod: the one of the `DaemonSet` in `deploy/kubernetes`, as far as Podman takes it.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::command;
use crate::tools::python_tool;

use super::images::GATEWAY;
use super::node::{MACHINE_CGROUPS, Node};

/// What a cluster is given.
const DEPLOYED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/kubernetes/overlays/enforce"
);
/// YAML, document by document, as JSON.
const READ: &str = "import json, sys, yaml\n\
                    print(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1])) if d]))";

/// A pod, and what the kubelet asks its container.
pub(super) struct Manifest {
    /// For `podman play kube`.
    pub(super) pod: Value,
    /// The container's name in the pod.
    pub(super) container: String,
    /// The program whose exit status says whether it is ready.
    pub(super) probe: Vec<String>,
}

/// A pod of this name that runs the gateway, with these directories of the node in it.
///
/// Podman 4.3 takes a part of what a manifest says. The rest is said another way:
/// - `hostPID` is not read: Podman is told by its configuration that containers have the node's PID namespace.
///   So it is with the cgroup namespace, which a privileged container has from the node in containerd and
///   CRI-O, too.
/// - A `configMap` volume is copied once and never changes: here it is a directory that changes as the kubelet's.
///   Namespaces' files are left out.
/// - Of `fieldRef`, the node's name is not known: it is given.
/// - Limits need controllers, which a testbed's cgroups lack.
/// - Probes become Podman's health checks, by a shell that the image lacks: the test asks what they ask.
/// - `/sys/fs/cgroup` is the machine's, and not the node's part.
/// - The admin socket's own directory is one of the node's, so that the test finds the log beside it.
pub(super) fn pod(node: &Node, name: &str, config: &Path, run: &Path) -> Result<Manifest> {
    let mut pod = template(node)?;
    let mut volumes = Vec::new();
    for volume in array(&pod, "/spec/volumes")? {
        let named = text(volume, "/name")?;
        let path = match named {
            "config" => config,
            "run" => run,
            "cgroup" => Path::new(MACHINE_CGROUPS),
            "namespaces" => continue,
            _ => Path::new(text(volume, "/hostPath/path")?),
        };
        volumes.push(json!({"name": named, "hostPath": {"path": path, "type": "Directory"}}));
    }
    let mut mounts = array(&pod, "/spec/containers/0/volumeMounts")?.clone();
    mounts.retain(|mount| mount.pointer("/name") != Some(&json!("namespaces")));
    let first = "/spec/containers/0";
    let container = text(&pod, &format!("{first}/name"))?.to_owned();
    let probe = array(&pod, &format!("{first}/readinessProbe/exec/command"))?;
    let probe = probe.iter().map(|word| text(word, "").map(Into::into));
    let probe = probe.collect::<Result<_>>()?;

    for (at, key, value) in [
        ("", "apiVersion", json!("v1")),
        ("", "kind", json!("Pod")),
        ("/metadata", "name", json!(name)),
        // Whether a container is started again is the test's to say.
        ("/spec", "restartPolicy", json!("Never")),
        ("/spec", "volumes", json!(volumes)),
        (first, "image", json!(GATEWAY)),
        (first, "imagePullPolicy", json!("Never")),
        (
            first,
            "env",
            json!([{"name": "NODE_NAME", "value": "node"}]),
        ),
        (first, "volumeMounts", json!(mounts)),
        (first, "resources", json!({})),
        (first, "startupProbe", Value::Null),
        (first, "readinessProbe", Value::Null),
        (first, "livenessProbe", Value::Null),
    ] {
        let place = pod.pointer_mut(at).and_then(Value::as_object_mut);
        let place = place.with_context(|| format!("the pod has no {at}"))?;
        place.insert(key.into(), value);
    }
    Ok(Manifest {
        pod,
        container,
        probe,
    })
}

/// The template of the gateway's pods.
fn template(node: &Node) -> Result<Value> {
    let rendered = command::stdout(python_tool("kubectl")?.args(["kustomize", DEPLOYED]))?;
    let file = node.write("rendered.yaml", &rendered)?;
    let read = command::stdout(python_tool("python")?.args(["-c", READ]).arg(file))?;
    let documents: Vec<Value> = serde_json::from_str(&read)?;
    let kind = json!("DaemonSet");
    let mut daemons = documents
        .iter()
        .filter(|one| one.pointer("/kind") == Some(&kind));
    let daemon = daemons.next().context("no DaemonSet is rendered")?;
    let template = daemon.pointer("/spec/template");
    template.cloned().context("the DaemonSet has no template")
}

fn array<'a>(value: &'a Value, at: &str) -> Result<&'a Vec<Value>> {
    let found = value.pointer(at).and_then(Value::as_array);
    found.with_context(|| format!("no list at {at} in {value}"))
}

fn text<'a>(value: &'a Value, at: &str) -> Result<&'a str> {
    let found = value.pointer(at).and_then(Value::as_str);
    found.with_context(|| format!("no text at {at} in {value}"))
}
