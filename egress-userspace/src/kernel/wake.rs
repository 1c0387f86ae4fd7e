//! Ring buffers whose reader the programs wake for each record.

use std::io;
use std::os::fd::AsFd;
use std::thread;

use aya::maps::{MapData, RingBuf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

/// Milliseconds after which the thread looks whether it is still wanted.
const LOOK: u16 = 1_000;

/// Reads a ring on a thread of its own until the receiver is dropped. What `parse` makes nothing of, and
/// what finds the queue full, is lost.
pub(super) fn start<T: Send + 'static>(
    name: &str,
    ring: RingBuf<MapData>,
    queue: usize,
    parse: impl Fn(&[u8]) -> Option<T> + Send + 'static,
) -> io::Result<mpsc::Receiver<T>> {
    let (sender, receiver) = mpsc::channel(queue);
    thread::Builder::new()
        .name(name.into())
        .spawn(move || read(ring, &sender, parse))?;
    Ok(receiver)
}

fn read<T>(
    mut ring: RingBuf<MapData>,
    sender: &mpsc::Sender<T>,
    parse: impl Fn(&[u8]) -> Option<T>,
) {
    while !sender.is_closed() {
        let mut wait = [PollFd::new(ring.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait only looks once more.
        let _ = poll(&mut wait, PollTimeout::from(LOOK));
        while let Some(record) = ring.next() {
            if let Some(item) = parse(&record) {
                let _ = sender.try_send(item);
            }
        }
    }
}
