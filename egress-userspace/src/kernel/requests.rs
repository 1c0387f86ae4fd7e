//! What the programs ask for: listeners in namespaces that have none.

use std::io;
use std::os::fd::AsFd;
use std::thread;

use aya::maps::{MapData, RingBuf};
use egress_common::Request;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use crate::types::CgroupId;

/// Requests that wait. One that finds the queue full is made again by the next SYN.
const QUEUE: usize = 1024;

/// Milliseconds after which the thread looks whether it is still wanted.
const LOOK: u16 = 1_000;

/// A connection waits for listeners.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Cookie of the network namespace.
    pub netns: u64,
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
        let (sender, receiver) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("requests".into())
            .spawn(move || read(ring, &sender))?;
        Ok(Self(receiver))
    }

    /// The next request; `None`: there will be no more.
    pub async fn next(&mut self) -> Option<Wanted> {
        self.0.recv().await
    }
}

fn read(mut ring: RingBuf<MapData>, sender: &mpsc::Sender<Wanted>) {
    while !sender.is_closed() {
        let mut wait = [PollFd::new(ring.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait only looks once more.
        let _ = poll(&mut wait, PollTimeout::from(LOOK));
        while let Some(record) = ring.next() {
            if let Some(request) = Request::parse(&record) {
                let _ = sender.try_send(Wanted {
                    netns: request.netns(),
                    pid: request.pid(),
                    cgroup: CgroupId(request.cgroup()),
                });
            }
        }
    }
}
