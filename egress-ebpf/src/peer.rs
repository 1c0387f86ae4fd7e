//! Who is on the other side of a redirected socket: the destination that it asked for, not the gateway.

use aya_ebpf::programs::SockAddrContext;

use crate::PROCEED;
use crate::maps::{ORIG, settings};
use crate::sock_addr::{self, Family};

/// Puts the original destination in place of the gateway's address; of other peers, which a datagram
/// socket may hear as well, nothing is changed. The hooks can't fail.
#[inline(always)]
pub(crate) fn restore<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    if address != address.listener() || !settings().is_some_and(|settings| settings.keeps(port)) {
        return PROCEED;
    }
    // SAFETY: the hook's socket is a full socket.
    let record = unsafe { ORIG.get_ptr_mut(ctx) };
    if !record.is_null() {
        // SAFETY: not null, and the storage lives as long as the socket, which the hook holds.
        let origin = unsafe { *record };
        F::set_address(ctx, origin.address());
        sock_addr::set_port(ctx, origin.port());
    }
    PROCEED
}
