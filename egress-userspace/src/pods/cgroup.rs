//! Which pod and container a cgroup belongs to, from its path below the cgroup v2 mount.
//!
//! The pod is read downwards from where the kubelet has its cgroups: all of that the kubelet made, and only root
//! on the node can make others beside it. What is below a pod is not looked at: where a container may make
//! cgroups of its own, it calls them what it likes, also `kubepods/pod…` with another pod's id.

use crate::types::PodUid;

/// Where kind has the kubelet's cgroups, to tell them from those of the kubelet of its host.
const KIND: &str = "kubelet";
/// What the kubelet calls the cgroup of all pods.
const PODS: &str = "kubepods";
/// Those of the classes of pods; guaranteed ones have none.
const CLASSES: [&str; 2] = ["burstable", "besteffort"];
/// What the kubelet calls a pod's cgroup, before its id.
const POD: &str = "pod";
/// Digits of a container's id.
const CONTAINER: usize = 64;
/// What runtimes write before it.
const RUNTIMES: [&str; 5] = ["cri-containerd-", "crio-", "docker-", "libpod-", ""];
/// How names of systemd's units end.
const SLICE: &str = ".slice";
const SCOPE: &str = ".scope";

/// The pod of a cgroup. `root` is the kubelet's `cgroupRoot`, as a path below the mount.
pub fn pod(path: &str, root: &str) -> Option<PodUid> {
    let root = root.trim_end_matches('/');
    let below = path.strip_prefix(root)?.strip_prefix('/')?;
    let (first, rest) = split(below);
    let (stem, below) = if first == KIND || first.strip_suffix(SLICE) == Some(KIND) {
        (first, rest)
    } else {
        (root.rsplit('/').next().unwrap_or_default(), below)
    };
    by_slices(stem.strip_suffix(SLICE).unwrap_or_default(), below).or_else(|| by_names(below))
}

/// The id of the container that a cgroup belongs to: the outermost one, for what is inside is its own choice.
pub fn container(path: &str) -> Option<&str> {
    // Of most services the whole path is shorter than an id.
    if path.len() < CONTAINER {
        return None;
    }
    path.split('/').find_map(container_id)
}

/// As the kubelet's driver `cgroupfs` has it: `kubepods/burstable/pod<uid>`.
fn by_names(below: &str) -> Option<PodUid> {
    let (pods, below) = split(below);
    if pods != PODS {
        return None;
    }
    let (class, inner) = split(below);
    let name = if CLASSES.contains(&class) {
        split(inner).0
    } else {
        class
    };
    uid(name)
}

/// As the driver `systemd` has it: `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice`,
/// each slice's name with that of the one above it.
fn by_slices(above: &str, below: &str) -> Option<PodUid> {
    let (pods, below) = split(below);
    if slice_in(pods, above)? != PODS {
        return None;
    }
    let pods = pods.strip_suffix(SLICE)?;
    let (class, inner) = split(below);
    let within = slice_in(class, pods)?;
    if CLASSES.contains(&within) {
        uid(slice_in(split(inner).0, class.strip_suffix(SLICE)?)?)
    } else {
        uid(within)
    }
}

/// What a slice's name adds to that of the one above it.
fn slice_in<'a>(name: &'a str, above: &str) -> Option<&'a str> {
    let stem = name.strip_suffix(SLICE)?;
    if above.is_empty() {
        Some(stem)
    } else {
        stem.strip_prefix(above)?.strip_prefix('-')
    }
}

fn uid(name: &str) -> Option<PodUid> {
    name.strip_prefix(POD)?.parse().ok()
}

fn container_id(name: &str) -> Option<&str> {
    if name.len() < CONTAINER {
        return None;
    }
    let name = name.strip_suffix(SCOPE).unwrap_or(name);
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let id = RUNTIMES
        .iter()
        .find_map(|runtime| name.strip_prefix(runtime))?;
    (id.len() == CONTAINER && id.bytes().all(is_digit)).then_some(id)
}

/// The first part of a path, and what is below.
fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

#[cfg(test)]
mod tests;
