//! What the programs ask for: listeners in namespaces that have none.

use std::io;

use aya::maps::{MapData, RingBuf};
use egress_common::Request;
use tokio::sync::mpsc;

use crate::types::CgroupId;

use super::wake;

/// Requests that wait. One that finds the queue full is made again by the next SYN.
const QUEUE: usize = 1024;

/// A connection waits for listeners, or one may come.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Cookie of the network namespace; `None`: of a program that has just begun it is not known.
    pub netns: Option<u64>,
    /// A process that is, or was, in it.
    pub pid: u32,
    /// That process's cgroup.
    pub cgroup: CgroupId,
}

/// The requests, in the order they were made.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<Wanted>);

impl Requests {
    /// Reads the ring on a thread of its own, which the programs wake, until this is dropped.
    pub(super) fn start(ring: RingBuf<MapData>) -> io::Result<Self> {
        wake::start("requests", ring, QUEUE, parse).map(Self)
    }

    /// The next request; `None`: there will be no more.
    pub async fn next(&mut self) -> Option<Wanted> {
        self.0.recv().await
    }
}

fn parse(record: &[u8]) -> Option<Wanted> {
    let request = Request::parse(record)?;
    Some(Wanted {
        netns: request.netns(),
        pid: request.pid(),
        cgroup: CgroupId(request.cgroup()),
    })
}
