//! A node of containers: as a cluster has it, as far as it goes without one.
//!
//! What is real: containers that `runc` makes, each with a network namespace of its own that netavark joins
//! to the node's bridge, and with a cgroup of its own that `runc` makes; the gateway as an image, in a
//! privileged pod that `podman play kube` makes of a manifest; a `ConfigMap`'s volume, written as the kubelet
//! writes one.
//!
//! The node has its own mounts and network namespace. Podman finds there the testbed's part of cgroup v2 at
//! `/sys/fs/cgroup`, and nothing else, also where the machine has version 1 beside it; `/sys/fs/bpf` is empty. All of it
//! goes with the last of the node's processes. The gateway's pod has all of the machine's cgroup v2, as it has on a
//! real node, and is told to attach to the testbed's part.
//!
//! What is not real: there is no kubelet. A test does what it would do: it starts a pod, asks it whether it is ready,
//! and tells it to go. [`manifest`] says what Podman would not take of the manifest.

mod containers;
mod gateway;
mod images;
mod manifest;
mod node;
mod volume;

pub use containers::ContainerPod;
pub use gateway::GatewayPod;
pub use node::Node;
pub use volume::Volume;
