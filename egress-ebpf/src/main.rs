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

mod connect;
mod flow;
mod maps;
mod peer;
mod report;
mod scope;
mod sock_addr;
mod task;

use aya_ebpf::macros::{cgroup_sock_addr, sock_ops};
use aya_ebpf::programs::{SockAddrContext, SockOpsContext};

use crate::sock_addr::{Ipv4, Ipv6};

/// `connect()` goes on.
const PROCEED: i32 = 1;
/// `connect()` fails with EPERM.
const REFUSE: i32 = 0;

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
