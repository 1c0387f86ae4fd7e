//! Which veths lead into which network namespace, seen from the gateway's side.
//!
//! Nobody in the namespace has a say in it: the kernel tells the gateway's own namespace of its own
//! devices, each with the namespace that its other end is in.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::netlink::{Answer, Netlink, array, attribute, attributes, buffer, messages};

/// `struct ifinfomsg`, and where the index is in it.
const LINK_HEADER: usize = 16;
const LINK_INDEX: usize = 4;
/// `struct rtgenmsg`, padded.
const NSID_HEADER: usize = 4;
/// `NETNSA_*` of `linux/net_namespace.h`.
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
/// `RTEXT_FILTER_SKIP_STATS`: half of each message.
const SKIP_STATS: u32 = 1 << 3;
/// `RTMGRP_LINK`: devices that come, go or change.
const LINK_CHANGES: u32 = 1;
/// Changes that wait. One that finds the queue full is found by the next look at everything.
const QUEUE: usize = 256;
/// Milliseconds after which the thread looks whether it is still wanted.
const LOOK: u16 = 1_000;

/// The number that a network namespace has in the gateway's own (`RTM_NEWNSID`). It is the
/// namespace's for as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetnsId(i32);

/// This side of a veth whose other end is in another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Where the other end is.
    pub peer: NetnsId,
}

/// The number of a namespace, which is given one if it has none.
pub fn netns_id(namespace: BorrowedFd<'_>) -> io::Result<NetnsId> {
    let netlink = Netlink::open(0)?;
    let fd = attribute(NETNSA_FD, namespace.as_raw_fd().to_ne_bytes());
    let any = attribute(NETNSA_NSID, (-1_i32).to_ne_bytes());
    let give = [&[0; NSID_HEADER][..], &any, &fd].concat();
    match netlink.ask(libc::RTM_NEWNSID, Answer::One, &give, |_, _| ()) {
        Err(error) if error.raw_os_error() != Some(libc::EEXIST) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut id = None;
    let tell = [&[0; NSID_HEADER][..], &fd].concat();
    netlink.ask(libc::RTM_GETNSID, Answer::One, &tell, |_, body| {
        id = id.or_else(|| nsid(body));
    })?;
    id.ok_or_else(|| Errno::ENOENT.into())
}

/// All veths of this thread's namespace that lead into others.
pub fn veths() -> io::Result<Vec<Veth>> {
    let ask = [
        &[0; LINK_HEADER][..],
        &attribute(libc::IFLA_EXT_MASK, SKIP_STATS.to_ne_bytes()),
    ];
    let mut found = Vec::new();
    Netlink::open(0)?.ask(
        libc::RTM_GETLINK,
        Answer::All,
        &ask.concat(),
        |kind, body| {
            found.extend(link(kind, body));
        },
    )?;
    Ok(found)
}

/// A change of the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This one is there.
    Veth(Veth),
    /// Changes were lost: any may be there, or gone.
    Unknown,
}

/// The changes of the devices of this thread's namespace, from now on.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<Change>);

impl Changes {
    /// Listens on a thread of its own until this is dropped.
    pub fn watch() -> io::Result<Self> {
        let netlink = Netlink::open(LINK_CHANGES)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("links".into())
            .spawn(move || tell(&netlink, &sender))?;
        Ok(Self(receiver))
    }

    /// The next change; waits for ever if there will be none.
    pub async fn next(&mut self) -> Change {
        match self.0.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }
}

fn tell(netlink: &Netlink, sender: &mpsc::Sender<Change>) {
    let mut buffer = buffer();
    while !sender.is_closed() {
        let mut wait = [PollFd::new(netlink.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait only looks once more.
        if !matches!(poll(&mut wait, PollTimeout::from(LOOK)), Ok(1..)) {
            continue;
        }
        match netlink.receive(&mut buffer) {
            Ok(datagram) => {
                for veth in messages(datagram).filter_map(|(kind, body)| link(kind, body)) {
                    let _ = sender.try_send(Change::Veth(veth));
                }
            }
            // The kernel had no room for more (`ENOBUFS`), or sent what cannot be read.
            Err(_) => drop(sender.try_send(Change::Unknown)),
        }
    }
}

/// A message about a device, if that is a veth that leads into another namespace.
fn link(kind: u16, body: &[u8]) -> Option<Veth> {
    if kind != libc::RTM_NEWLINK {
        return None;
    }
    let index = u32::from_ne_bytes(array(body, LINK_INDEX)?);
    let (mut name, mut peer, mut is_veth) = (None, None, false);
    for (number, value) in attributes(body.get(LINK_HEADER..)?) {
        match number {
            libc::IFLA_IFNAME => name = Some(text(value)),
            libc::IFLA_LINK_NETNSID => peer = array(value, 0).map(i32::from_ne_bytes),
            libc::IFLA_LINKINFO => {
                is_veth = attributes(value)
                    .any(|(number, value)| number == libc::IFLA_INFO_KIND && text(value) == "veth");
            }
            _ => {}
        }
    }
    // A veth with both ends here has no number of another namespace.
    Some(Veth {
        index,
        name: name?,
        peer: NetnsId(peer?),
    })
    .filter(|_| is_veth)
}

fn nsid(body: &[u8]) -> Option<NetnsId> {
    let (_, value) =
        attributes(body.get(NSID_HEADER..)?).find(|(number, _)| *number == NETNSA_NSID)?;
    let id = i32::from_ne_bytes(array(value, 0)?);
    (id >= 0).then_some(NetnsId(id))
}

/// The bytes before the zero that ends them.
fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests;
