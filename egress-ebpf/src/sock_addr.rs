//! A `bpf_sock_addr` in the two families: reading and writing the peer.
//!
//! Fields are read with volatile loads, word by word: LLVM would else merge the loads of two branches
//! into one from a computed context pointer, which the verifier refuses.

use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::programs::SockAddrContext;
use egress_common::Address;

/// The address family of a hook.
pub(crate) trait Family {
    /// Reads the peer's address.
    fn address(ctx: &SockAddrContext) -> Address;
    /// Writes the peer's address.
    fn set_address(ctx: &SockAddrContext, address: Address);
}

/// `connect4`, `getpeername4`.
pub(crate) struct Ipv4;
/// `connect6`, `getpeername6`.
pub(crate) struct Ipv6;

macro_rules! read {
    ($ctx:expr, $($field:tt)+) => {
        // SAFETY: the kernel passes a valid context, and every field used here is readable in every
        // `BPF_PROG_TYPE_CGROUP_SOCK_ADDR` hook.
        unsafe { read_volatile(addr_of!((*($ctx).sock_addr).$($field)+)) }
    };
}

macro_rules! write {
    ($ctx:expr, $value:expr, $($field:tt)+) => {
        // SAFETY: as for reading; the `user_*` fields are writable in the connect and getpeername hooks.
        unsafe { write_volatile(addr_of_mut!((*($ctx).sock_addr).$($field)+), $value) }
    };
}

impl Family for Ipv4 {
    #[inline(always)]
    fn address(ctx: &SockAddrContext) -> Address {
        Address::from_word(read!(ctx, user_ip4))
    }

    #[inline(always)]
    fn set_address(ctx: &SockAddrContext, address: Address) {
        let [.., word] = address.words();
        write!(ctx, word, user_ip4);
    }
}

impl Family for Ipv6 {
    #[inline(always)]
    fn address(ctx: &SockAddrContext) -> Address {
        Address::from_words([
            read!(ctx, user_ip6[0]),
            read!(ctx, user_ip6[1]),
            read!(ctx, user_ip6[2]),
            read!(ctx, user_ip6[3]),
        ])
    }

    #[inline(always)]
    fn set_address(ctx: &SockAddrContext, address: Address) {
        let [a, b, c, d] = address.words();
        write!(ctx, a, user_ip6[0]);
        write!(ctx, b, user_ip6[1]);
        write!(ctx, c, user_ip6[2]);
        write!(ctx, d, user_ip6[3]);
    }
}

/// The peer's port, in network order.
#[inline(always)]
pub(crate) fn port(ctx: &SockAddrContext) -> [u8; 2] {
    let [high, low, ..] = read!(ctx, user_port).to_ne_bytes();
    [high, low]
}

/// Sets the peer's port, in network order.
#[inline(always)]
pub(crate) fn set_port(ctx: &SockAddrContext, [high, low]: [u8; 2]) {
    write!(ctx, u32::from_ne_bytes([high, low, 0, 0]), user_port);
}

/// The socket's protocol, `IPPROTO_*`.
#[inline(always)]
pub(crate) fn protocol(ctx: &SockAddrContext) -> u32 {
    read!(ctx, protocol)
}

/// The socket.
#[inline(always)]
pub(crate) fn socket(ctx: &SockAddrContext) -> *mut bpf_sock {
    // SAFETY: the kernel passes a valid context.
    let addr = unsafe { &*ctx.sock_addr };
    // SAFETY: the union has one member.
    unsafe { addr.__bindgen_anon_1.sk }
}
