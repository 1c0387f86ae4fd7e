//! The gateway's kernel programs.
//!
//! Each entry point is thin: a function that can fail decides, and one exhaustive match turns its
//! outcome into what the kernel understands. An error denies.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![expect(
    clippy::inline_always,
    reason = "a BPF call passes five registers: a call left in place would not pass the verifier"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "the attribute macros call by value"
)]

mod begun;
mod bind;
mod connect;
mod datagram;
mod early;
mod exec;
mod flow;
mod frame;
mod headers;
mod loopback;
mod maps;
mod names;
mod namespace;
mod packet;
mod peer;
mod redirect;
mod refuse;
mod report;
mod scope;
mod sock_addr;
mod socket;
mod source;
mod task;
mod veth;

use aya_ebpf::macros::{
    cgroup_skb, cgroup_sock, cgroup_sock_addr, classifier, raw_tracepoint, sock_ops,
};
use aya_ebpf::programs::{
    RawTracePointContext, SkBuffContext, SockAddrContext, SockContext, SockOpsContext, TcContext,
};

use crate::sock_addr::{Ipv4, Ipv6};

/// The call, or the packet, goes on.
const PROCEED: i32 = 1;
/// The call fails, with EPERM unless another errno was chosen; the packet is dropped.
const REFUSE: i32 = 0;
/// The packet is dropped as a full queue would: `send()` succeeds, unless the socket is to hear of every
/// error (`IP_RECVERR`), when it fails with ENOBUFS.
const SWALLOW: i32 = 2;

/// Judges `connect()` of an IPv4 socket.
#[cgroup_sock_addr(connect4)]
fn egress_connect4(ctx: SockAddrContext) -> i32 {
    connect::judge::<Ipv4>(&ctx)
}

/// Judges `connect()` of an IPv6 socket, IPv4-mapped destinations included.
#[cgroup_sock_addr(connect6)]
fn egress_connect6(ctx: SockAddrContext) -> i32 {
    connect::judge::<Ipv6>(&ctx)
}

/// Judges `bind()` of an IPv4 socket.
#[cgroup_sock_addr(bind4)]
fn egress_bind4(ctx: SockAddrContext) -> i32 {
    bind::judge::<Ipv4>(&ctx)
}

/// Judges `bind()` of an IPv6 socket.
#[cgroup_sock_addr(bind6)]
fn egress_bind6(ctx: SockAddrContext) -> i32 {
    bind::judge::<Ipv6>(&ctx)
}

/// Judges what an IPv4 datagram socket sends to an address.
#[cgroup_sock_addr(sendmsg4)]
fn egress_sendmsg4(ctx: SockAddrContext) -> i32 {
    datagram::judge::<Ipv4>(&ctx)
}

/// Judges what an IPv6 datagram socket sends to an address.
#[cgroup_sock_addr(sendmsg6)]
fn egress_sendmsg6(ctx: SockAddrContext) -> i32 {
    datagram::judge::<Ipv6>(&ctx)
}

/// Judges `socket()`.
#[cgroup_sock(sock_create)]
fn egress_socket(ctx: SockContext) -> i32 {
    socket::judge(&ctx)
}

/// Has listeners made for programs that begin, and forgets what their processes ran.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn egress_exec(_ctx: RawTracePointContext) -> i32 {
    exec::begun()
}

/// Forgets what a process ran, one of whose threads ends.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn egress_exit(_ctx: RawTracePointContext) -> i32 {
    exec::ended()
}

/// Judges every packet that leaves.
#[cgroup_skb(egress)]
fn egress_packet(ctx: SkBuffContext) -> i32 {
    packet::judge(&ctx)
}

/// Judges every frame that comes out of a governed namespace, on the host side of its veth.
#[classifier]
fn egress_veth_out(ctx: TcContext) -> i32 {
    veth::judge(&ctx)
}

/// Learns who may be answered, from what goes into a governed namespace.
#[classifier]
fn egress_veth_in(ctx: TcContext) -> i32 {
    veth::learn(&ctx)
}

/// Shows an IPv4 client the peer that it asked for.
#[cgroup_sock_addr(getpeername4)]
fn egress_getpeername4(ctx: SockAddrContext) -> i32 {
    peer::restore::<Ipv4>(&ctx)
}

/// Shows an IPv6 client the peer that it asked for.
#[cgroup_sock_addr(getpeername6)]
fn egress_getpeername6(ctx: SockAddrContext) -> i32 {
    peer::restore::<Ipv6>(&ctx)
}

/// Shows an IPv4 client who answered as the one that it asked.
#[cgroup_sock_addr(recvmsg4)]
fn egress_recvmsg4(ctx: SockAddrContext) -> i32 {
    peer::restore::<Ipv4>(&ctx)
}

/// Shows an IPv6 client who answered as the one that it asked.
#[cgroup_sock_addr(recvmsg6)]
fn egress_recvmsg6(ctx: SockAddrContext) -> i32 {
    peer::restore::<Ipv6>(&ctx)
}

/// Hands a connection's record from the client's socket to the gateway's.
#[sock_ops]
fn egress_sockops(ctx: SockOpsContext) -> u32 {
    flow::advance(&ctx)
}

/// What user space must know of this object before it loads it: see `egress_common::ABI_SECTION`.
#[unsafe(link_section = "egress_abi")]
#[unsafe(no_mangle)]
static ABI: u32 = egress_common::ABI_VERSION;

/// The helpers that reach sockets and tasks are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses an object in which this can be reached.
    loop {}
}

/// Off its target this crate is only checked and linted.
#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("the kernel programs are built by `cargo xtask build-ebpf`");
}
