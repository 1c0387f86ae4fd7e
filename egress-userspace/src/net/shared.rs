//! Sockets for callers of other nodes, on an address that passes from one gateway to the next.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing::warn;

use super::keepalive::usual_probes;
use super::listen::BACKLOG;

/// An address that is taken, on which nobody listens yet.
#[derive(Debug)]
pub struct Reserved(Socket);

impl Reserved {
    /// Takes an address that another gateway, whose place is being taken, may have as well
    /// (`SO_REUSEPORT`: processes of the same user only). Unless it may be `shared` so, it is an error that
    /// somebody listens there.
    pub fn new(addr: SocketAddr, shared: bool) -> io::Result<Self> {
        if !shared {
            ensure_nobody_listens(addr)?;
        }
        let socket = socket(addr)?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_port(true)?;
        // Accepted sockets inherit these: what is written leaves at once; what is closed before its end is
        // reset; and a peer that has gone without a word is found out about.
        socket.set_tcp_nodelay(true)?;
        socket.set_linger(Some(Duration::ZERO))?;
        socket.set_tcp_keepalive(&usual_probes())?;
        socket.bind(&SockAddr::from(addr))?;
        Ok(Self(socket))
    }

    /// Listens. With `takes_over`, connections that come from now on are this gateway's alone, and those that
    /// another has in its queue stay its own. Without, it is an error that another listens: the two would have each
    /// some of the connections.
    pub fn listen(self, takes_over: bool) -> io::Result<TcpListener> {
        if !takes_over && let Some(addr) = self.0.local_addr()?.as_socket() {
            ensure_nobody_listens(addr)?;
        }
        self.0.listen(BACKLOG)?;
        if takes_over && let Err(error) = steer_to_second(&self.0) {
            warn!(%error, "new connections may go to the gateway before this one until it ends");
        }
        Ok(self.0.into())
    }
}

/// A socket that can have an address of which connections are still ending.
fn socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// One that shares its port with nobody cannot be bound where somebody listens.
fn ensure_nobody_listens(addr: SocketAddr) -> io::Result<()> {
    socket(addr)?.bind(&SockAddr::from(addr))
}

/// Has the kernel give new connections to the second of the sockets on an address: that of the newer gateway.
/// Where there is one it has them all, for what a program says that names no socket does not count
/// (`reuseport_select_sock`).
fn steer_to_second(socket: &Socket) -> io::Result<()> {
    /// `BPF_RET | BPF_K`: returns its constant.
    const RETURN: u16 = 0x06;
    let mut program = [libc::sock_filter {
        code: RETURN,
        jt: 0,
        jf: 0,
        k: 1,
    }];
    let program = libc::sock_fprog {
        len: 1,
        filter: program.as_mut_ptr(),
    };
    setsockopt(socket, sockopt::AttachReusePortCbpf, &program)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    #[test]
    fn nobody_else_may_listen_there_unless_its_place_is_taken() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let free = Reserved::new(any, false).expect("an address");
        let addr = free.0.local_addr().expect("its address");
        let addr = addr.as_socket().expect("of IP");
        // Two that have taken it and do not listen yet: the second that listens learns of the first.
        let late = Reserved::new(addr, true).expect("the same address");
        let _listens = free.listen(false).expect("a listener");
        let in_use = |error: io::Error| assert_eq!(error.kind(), ErrorKind::AddrInUse);
        in_use(late.listen(false).expect_err("it is taken"));
        in_use(Reserved::new(addr, false).expect_err("it is taken"));
        let next = Reserved::new(addr, true).expect("the same address");
        next.listen(true).expect("a second listener");
    }

    fn accept(listener: &TcpListener) -> io::Result<()> {
        listener.accept().map(drop)
    }

    #[test]
    fn the_newer_of_two_has_all_that_comes_and_the_older_what_it_had() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let old = Reserved::new(any, false)
            .and_then(|old| old.listen(false))
            .expect("a listener");
        let addr = old.local_addr().expect("its address");
        let _before = TcpStream::connect(addr).expect("a client");
        let mut last = old;
        // A program outlives the listener that it was set on.
        for _ in 0..3 {
            let next = Reserved::new(addr, true).expect("the same address");
            let next = next.listen(true).expect("a second listener");
            let clients: Vec<_> = (0..50).map(|_| TcpStream::connect(addr)).collect();
            assert!(clients.iter().all(Result::is_ok));
            accept(&last).expect("what came before");
            let nothing = accept(&last).expect_err("nothing more");
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            for _ in 0..clients.len() {
                accept(&next).expect("what came since");
            }
            drop(last);
            let _alone = TcpStream::connect(addr).expect("a client");
            last = next;
        }
    }
}
