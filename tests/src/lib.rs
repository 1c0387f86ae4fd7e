//! A small network on one machine, for the demo and the end-to-end tests.
//!
//! A [`Testbed`] is two network namespaces joined by a veth pair: a *node*, where the gateway and its
//! clients run, each in a cgroup of its own, and an *inet*, where real servers stand in for the
//! internet. Nothing outside of them is touched, and all of it goes when the testbed is dropped, when
//! the process is told to end, or, after a kill, when the next testbed is made.
//!
//! A [`Scene`] is a testbed with a gateway. What its clients and servers do, a test says step by step to
//! a [`Python`] at either end.
//!
//! A [`Node`] is a testbed with containers: there the gateway is a pod, as in a cluster.
//!
//! It needs root, and the programs that [`NEEDED`] names. It knows nothing of how the gateway works:
//! it starts the binary and reads what an operator would read.

mod access_log;
mod api_server;
mod bed;
mod browser;
mod cgroups;
mod client;
pub mod command;
mod config;
pub mod demo;
mod footprint;
mod gateway;
mod id;
mod metrics;
mod needed;
mod net;
mod pins;
mod place;
mod podman;
mod pods;
mod process;
mod prometheus;
mod python;
mod scene;
mod server;
mod signals;
mod sniffer;
mod sweep;
mod tools;
mod unit;
mod wait;

pub use access_log::{AccessLog, Line};
pub use api_server::ApiServer;
pub use bed::Testbed;
pub use browser::Browser;
pub use client::{Client, Outcome};
pub use footprint::Footprint;
pub use gateway::{Gateway, binary, fit};
pub use metrics::Metrics;
pub use needed::{NEEDED, NEEDED_BY_NODES, NEEDED_BY_TESTS, Needed};
pub use net::Net;
pub use place::Place;
pub use podman::{ContainerPod, GatewayPod, Node, Volume};
pub use pods::Pod;
pub use process::Process;
pub use prometheus::{Prometheus, promtool};
pub use python::Python;
pub use scene::{REGISTRY, Scene, registry};
pub use server::hosts;
pub use sniffer::{Packet, Sniffer};
pub use tools::{PYTHON_TOOLS, python_tool};
pub use unit::{confined, unit};
pub use wait::wait_until;
