//! How a TCP connection began, as far as the programs saw it: a mark on its socket.

use core::ptr::{addr_of, null_mut, read_volatile};

use aya_ebpf::bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock};
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::programs::SockAddrContext;
use egress_common::{Denied, Settings, protocol};

use crate::maps::BEGUN;
use crate::sock_addr;

/// A peer opened it.
pub(crate) const ACCEPTED: u32 = 1;
/// The own side opened it, under the programs' eyes.
pub(crate) const CONNECTED: u32 = 2;
/// It was there before the programs were, and has been reported.
const BEFORE: u32 = 3;

const SOCK_STREAM: u32 = 1;

/// The states of a socket that is, or was, connected to a peer: `TCP_ESTABLISHED`, `TCP_FIN_WAIT1`,
/// `TCP_FIN_WAIT2`, `TCP_CLOSE_WAIT`, `TCP_LAST_ACK` and `TCP_CLOSING`. The last two send the FIN.
macro_rules! connected {
    () => {
        1 | 4 | 5 | 8 | 9 | 11
    };
}

macro_rules! read {
    ($socket:expr, $field:ident) => {
        // SAFETY: the pointer is to a full socket that the packet holds.
        unsafe { read_volatile(addr_of!((*$socket).$field)) }
    };
}

/// A connection from before the programs.
pub(crate) enum Before {
    /// It has not been reported yet.
    New,
    /// It has.
    Known,
}

/// Marks a socket that a governed task connects to where it may go: it can't pass for one from before.
///
/// Where none from before goes on there is nothing to tell it from, and a mark would be an allocation for
/// nothing. Nor can a later gateway be fooled that lets them go on: under programs that were attached
/// to stop them, user space keeps to that.
#[inline(always)]
pub(crate) fn connects(ctx: &SockAddrContext, settings: &Settings) -> Result<(), Denied> {
    if !settings.lets_established() {
        forget(ctx);
        return Ok(());
    }
    let mut mark = CONNECTED;
    // SAFETY: the hook's socket is a full socket; the value outlives the call.
    let place = unsafe { BEGUN.get_or_insert_ptr_mut(ctx, Some(&mut mark)) };
    if place.is_null() {
        return Err(Denied::NoMemory);
    }
    // What an earlier connection of the same socket left is not overwritten by the helper.
    // SAFETY: not null, and the storage lives as long as the socket, which the hook holds.
    unsafe { *place = CONNECTED };
    Ok(())
}

/// Takes the mark of an earlier connection of the same socket away: what was accepted once may not send
/// where it connects to afterwards.
#[inline(always)]
pub(crate) fn forget(ctx: &SockAddrContext) {
    // SAFETY: the hook's socket is a full socket. There being nothing to delete is the usual case.
    let _ = unsafe { BEGUN.delete(sock_addr::socket(ctx)) };
}

/// Whether a peer opened the connection. The socket must not be null.
#[inline(always)]
pub(crate) fn is_accepted(socket: *mut bpf_sock) -> bool {
    mark(socket, 0, 0) == Some(ACCEPTED)
}

/// Whether the connection was there before the programs were; `None`: it was not, or no memory is left
/// to remember that it has been reported. The socket must not be null, and have no record.
///
/// Only TCP is connected when it is in these states: a datagram or raw socket has them too.
#[inline(always)]
pub(crate) fn before(socket: *mut bpf_sock) -> Option<Before> {
    let is_tcp = read!(socket, protocol) == u32::from(protocol::TCP);
    if !is_tcp
        || read!(socket, type_) != SOCK_STREAM
        || !matches!(read!(socket, state), connected!())
    {
        return None;
    }
    match mark(socket, 0, 0) {
        Some(BEFORE) => Some(Before::Known),
        Some(_) => None,
        None => mark(socket, BEFORE, BPF_SK_STORAGE_GET_F_CREATE).map(|_mark| Before::New),
    }
}

/// The socket's mark, made from `value` if the flag says so.
#[inline(always)]
fn mark(socket: *mut bpf_sock, mut value: u32, flags: u32) -> Option<u32> {
    let map = (&raw const BEGUN).cast_mut().cast();
    let value = if flags == 0 {
        null_mut()
    } else {
        (&raw mut value).cast()
    };
    // SAFETY: not null, and a full socket; the value outlives the call.
    let place = unsafe { bpf_sk_storage_get(map, socket.cast(), value, flags.into()) };
    // SAFETY: null, or the storage of a socket that the packet holds.
    unsafe { place.cast::<u32>().as_ref() }.copied()
}
