//! A `bpf_sock_addr` in the two families: reading and writing the peer.
//!
//! Fields are read with volatile loads, word by word: LLVM would else merge the loads of two branches
//! into one from a computed context pointer, which the verifier refuses.

use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::programs::SockAddrContext;
use egress_common::Address;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// The state of a connected socket, whatever its protocol.
const TCP_ESTABLISHED: u32 = 1;

/// The address family of a hook.
pub(crate) trait Family {
    /// What `bind()` takes.
    type Sockaddr;
    /// Its length, in bytes.
    const SOCKADDR_LEN: i32;
    /// Makes it, for any port.
    fn sockaddr(address: Address) -> Self::Sockaddr;
    /// Reads the peer's address.
    fn address(ctx: &SockAddrContext) -> Address;
    /// Writes the peer's address.
    fn set_address(ctx: &SockAddrContext, address: Address);
}

/// `connect4`, `sendmsg4`, `recvmsg4`, `getpeername4`.
pub(crate) struct Ipv4;
/// `connect6`, `sendmsg6`, `recvmsg6`, `getpeername6`.
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
        // SAFETY: as for reading; the `user_*` fields are writable in all hooks but those on `bind()`.
        unsafe { write_volatile(addr_of_mut!((*($ctx).sock_addr).$($field)+), $value) }
    };
}

/// `struct sockaddr_in`.
#[repr(C)]
pub(crate) struct SockaddrIn {
    family: u16,
    port: u16,
    address: u32,
    zero: [u32; 2],
}

/// `struct sockaddr_in6`.
#[repr(C)]
pub(crate) struct SockaddrIn6 {
    family: u16,
    port: u16,
    flow: u32,
    address: [u32; 4],
    scope: u32,
}

const _: () = assert!(size_of::<SockaddrIn>() == Ipv4::SOCKADDR_LEN.cast_unsigned() as usize);
const _: () = assert!(size_of::<SockaddrIn6>() == Ipv6::SOCKADDR_LEN.cast_unsigned() as usize);

impl Family for Ipv4 {
    type Sockaddr = SockaddrIn;
    const SOCKADDR_LEN: i32 = 16;

    #[inline(always)]
    fn sockaddr(address: Address) -> SockaddrIn {
        let [.., address] = address.words();
        SockaddrIn {
            family: AF_INET,
            port: 0,
            address,
            zero: [0; 2],
        }
    }

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
    type Sockaddr = SockaddrIn6;
    const SOCKADDR_LEN: i32 = 28;

    #[inline(always)]
    fn sockaddr(address: Address) -> SockaddrIn6 {
        SockaddrIn6 {
            family: AF_INET6,
            port: 0,
            flow: 0,
            address: address.words(),
            scope: 0,
        }
    }

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
#[expect(clippy::cast_possible_truncation, reason = "the numbers end at 262")]
pub(crate) fn protocol(ctx: &SockAddrContext) -> u16 {
    read!(ctx, protocol) as u16
}

/// The socket's type, `SOCK_*`.
#[inline(always)]
pub(crate) fn kind(ctx: &SockAddrContext) -> u32 {
    read!(ctx, type_)
}

/// The socket.
#[inline(always)]
pub(crate) fn socket(ctx: &SockAddrContext) -> *mut bpf_sock {
    read!(ctx, __bindgen_anon_1.sk)
}

/// Whether the socket, one for datagrams, is connected to a port of this kind.
#[inline(always)]
pub(crate) fn is_connected_to(ctx: &SockAddrContext, is_it: impl Fn([u8; 2]) -> bool) -> bool {
    let socket = socket(ctx);
    if socket.is_null() {
        return false;
    }
    // SAFETY: not null, and the hook holds the socket.
    let socket = unsafe { &*socket };
    // SAFETY: a reference is valid.
    let state = unsafe { read_volatile(&raw const socket.state) };
    // SAFETY: as above.
    let port = unsafe { read_volatile(&raw const socket.dst_port) };
    state == TCP_ESTABLISHED && is_it(port.to_ne_bytes())
}
