//! Where a redirected connection comes from: the client's own address, on whatever device.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_bind, bpf_setsockopt};
use aya_ebpf::programs::SockAddrContext;
use egress_common::Address;

use crate::sock_addr::{self, Family};

const SOL_SOCKET: i32 = 1;
const SO_BINDTODEVICE: i32 = 25;

/// Binds the socket to `source`, so that `getsockname()` shows the address that the client would have
/// had, and not loopback. A socket that is bound already keeps what it has: the helper refuses.
#[inline(always)]
pub(crate) fn keep<F: Family>(ctx: &SockAddrContext, source: Address) {
    if source.is_none() {
        return;
    }
    let mut sockaddr = F::sockaddr(source);
    // SAFETY: the helper takes this hook's context, and reads as many bytes as it is told, which the
    // value has.
    unsafe { bpf_bind(ctx.sock_addr, (&raw mut sockaddr).cast(), F::SOCKADDR_LEN) };
}

/// Frees the socket from the device that it is bound to: loopback is not reached through another.
#[inline(always)]
pub(crate) fn unbind_device(ctx: &SockAddrContext) {
    let socket = sock_addr::socket(ctx);
    if socket.is_null() {
        return;
    }
    // SAFETY: not null, and the hook holds the socket.
    let device = unsafe { (*socket).bound_dev_if };
    if device != 0 {
        let mut none = [0_u8; 4];
        let value = (&raw mut none).cast();
        // SAFETY: the helper takes this hook's context, and reads four bytes, which the value has.
        // Where it fails, the SYN leaves by the device and is dropped on the way out.
        unsafe { bpf_setsockopt(ctx.as_ptr(), SOL_SOCKET, SO_BINDTODEVICE, value, 4) };
    }
}
