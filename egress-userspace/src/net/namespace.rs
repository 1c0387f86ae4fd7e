//! Sockets in other network namespaces.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::listen::{Bound, netns_cookie};

/// Somewhere that a default route leads to, of each family (RFC 5737, RFC 3849). Connecting a datagram
/// socket sends nothing, and shows the address that packets would come from.
const FAR: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// A namespace that has just been made cannot reach it, for the device is down: a listener that is made
/// then could have no IPv6, and would be for nobody.
const LOOPBACK: &str = "127.0.0.1:9";

/// A network namespace, with listeners in it.
#[derive(Debug)]
pub struct Served {
    /// Its cookie.
    pub cookie: u64,
    /// The listeners.
    pub bound: Bound,
    /// The addresses that its processes connect from: at most one of each family.
    pub sources: Vec<IpAddr>,
}

/// Makes listeners in a network namespace, on the first of `ports` that is free there. Blocks for some
/// hundred microseconds.
///
/// A socket stays in the namespace of the thread that made it, wherever it is used; so a thread goes
/// there, and ends.
pub fn listen_in(namespace: OwnedFd, ports: Range<u16>) -> io::Result<Served> {
    let visitor = thread::Builder::new()
        .name("namespace".into())
        .spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            source("0.0.0.0:0", LOOPBACK)?;
            listen_here(ports)
        })?;
    visitor
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

/// Makes listeners in the namespace of this thread.
pub fn listen_here(ports: Range<u16>) -> io::Result<Served> {
    let bound = Bound::new(ports)?;
    Ok(Served {
        cookie: netns_cookie(&bound.v4.listener)?,
        bound,
        sources: sources(),
    })
}

fn sources() -> Vec<IpAddr> {
    FAR.iter()
        .filter_map(|(any, far)| source(any, far).ok())
        .collect()
}

fn source(any: &str, far: &str) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind(any)?;
    socket.connect(far)?;
    socket.local_addr().map(|addr: SocketAddr| addr.ip())
}
