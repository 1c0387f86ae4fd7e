//! From the client's socket to the gateway's: the record crosses in one loopback handshake.
//!
//! The client's side reaches ESTABLISHED first, before its last ACK is sent, and leaves the record
//! under the connection's name; the gateway's side, reached by that ACK, moves it to the accepted
//! socket. So it is there before `accept()` can return the socket, and a client that never completes a
//! handshake leaves nothing behind.

use core::ptr::{addr_of, null_mut, read_volatile};

use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::{
    BPF_SK_STORAGE_GET_F_CREATE, BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB,
    BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG,
    BPF_SOCK_OPS_TIMEOUT_INIT, BPF_TCP_CLOSE, bpf_sock,
};
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_sk_storage_get};
use aya_ebpf::programs::SockOpsContext;
use egress_common::{Address, Counter, DNS_PORT, FlowKey, Origin};

use crate::begun::{ACCEPTED, CONNECTED};
use crate::maps::{ACC, BEGUN, FLOWS, ORIG, count, namespace, settings};

/// What a sockops program returns when it has nothing to say about the operation.
const DONE: u32 = 1;
/// The reply to `TIMEOUT_INIT` that leaves the timeout as it is.
const KERNELS_OWN_RTO: u32 = u32::MAX;
const AF_INET: u32 = 2;

/// Takes a connection's record one step on.
#[inline(always)]
pub(crate) fn advance(ctx: &SockOpsContext) -> u32 {
    match ctx.op() {
        BPF_SOCK_OPS_TIMEOUT_INIT => return hasten(ctx),
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => offer(ctx),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => take(ctx),
        BPF_SOCK_OPS_STATE_CB if ctx.arg(1) == BPF_TCP_CLOSE => withdraw(ctx),
        _ => {}
    }
    DONE
}

/// A SYN is about to be sent: one that has to wait for its namespace's listener is sent again soon.
#[inline(always)]
fn hasten(ctx: &SockOpsContext) -> u32 {
    let rto = stored(ctx)
        .filter(|origin| namespace(origin.netns()).is_none())
        .and_then(|_| settings())
        .map_or(KERNELS_OWN_RTO, |settings| settings.held_rto());
    ctx.set_reply(rto);
    DONE
}

/// The client's socket is connected: leave its record for the other end.
#[inline(always)]
fn offer(ctx: &SockOpsContext) {
    let Some(origin) = stored(ctx) else {
        return note(ctx);
    };
    let (local, remote) = ends(ctx);
    if FLOWS
        .insert(FlowKey::new(origin.netns(), local, remote), origin, 0)
        .is_err()
    {
        count(Counter::FlowLost);
    }
    // Where the other end never comes (its backlog is full), the entry goes when this socket does.
    // Other programs' flags stay.
    let flags = ctx.cb_flags() | BPF_SOCK_OPS_STATE_CB_FLAG;
    let _ = ctx.set_cb_flags(flags.cast_signed());
}

/// A socket without a record is connected: it is none from before the programs, whoever connected it. A
/// governed task's has been marked already, where there being no memory for it refuses the connection.
///
/// Where none from before goes on, only what says that it was accepted has to go.
#[inline(always)]
fn note(ctx: &SockOpsContext) {
    let mut mark = CONNECTED;
    let value = if settings().is_some_and(|settings| settings.lets_established()) {
        &raw mut mark
    } else {
        null_mut()
    };
    let place = storage(&raw const BEGUN, ctx, value);
    if !place.is_null() {
        // SAFETY: not null, and the storage of a socket that the callback holds locked.
        unsafe { *place = CONNECTED };
    }
}

/// The gateway's socket is connected: take the record.
#[inline(always)]
fn take(ctx: &SockOpsContext) {
    // SAFETY: the helper takes this hook's context.
    let netns = unsafe { bpf_get_netns_cookie(ctx.as_ptr()) };
    let (local, remote) = ends(ctx);
    let key = FlowKey::new(netns, remote, local);
    // Any accepted socket is looked up, whatever its port: a gateway that has been taken over from still
    // accepts on the port that it had.
    let Some(record) = FLOWS.get_ptr(key) else {
        // What is sent on an accepted connection is no way out that its peer did not open. One with a
        // record needs no such mark: it is a gateway's, and gateways are not governed. Nor does one that stays in
        // its namespace, where packets are asked for it only on their way to what may be a DNS server.
        if !stays(ctx, local.0, remote.0) || remote.1 == DNS_PORT {
            let mut mark = ACCEPTED;
            let _ = storage(&raw const BEGUN, ctx, &raw mut mark);
        }
        if namespace(netns).is_some_and(|namespace| namespace.port() == local.1) {
            count(Counter::FlowMissing);
        }
        return;
    };
    // SAFETY: the entry is this connection's own: nobody else writes or deletes it meanwhile.
    let mut origin = unsafe { *record };
    if storage(&raw const ACC, ctx, &raw mut origin).is_null() {
        count(Counter::FlowLost);
    }
    let _ = FLOWS.remove(key);
}

/// Whether all packets of a connection pass the loopback device: its peer is where it is itself, and it is bound to no
/// other device, as in a VRF.
#[inline(always)]
fn stays(ctx: &SockOpsContext, local: Address, remote: Address) -> bool {
    let socket = socket(ctx);
    if socket.is_null() {
        return false;
    }
    // SAFETY: not null, and the callback holds the socket locked.
    let socket = unsafe { &*socket };
    // SAFETY: a reference is valid.
    let device = unsafe { read_volatile(&raw const socket.bound_dev_if) };
    device == 0 && (remote == local || remote.is_local())
}

/// The client's socket is closed: nobody will take its record any more.
#[inline(always)]
fn withdraw(ctx: &SockOpsContext) {
    let Some(origin) = stored(ctx) else { return };
    let (local, remote) = ends(ctx);
    let _ = FLOWS.remove(FlowKey::new(origin.netns(), local, remote));
}

/// A copy of the record on a client's socket.
#[inline(always)]
fn stored(ctx: &SockOpsContext) -> Option<Origin> {
    let record = storage(&raw const ORIG, ctx, null_mut());
    // SAFETY: null, or the storage of a socket that the callback holds locked.
    unsafe { record.as_ref() }.copied()
}

/// The socket's storage, made from `value` unless that is null; null: there is none.
#[inline(always)]
fn storage<T>(map: *const SkStorage<T>, ctx: &SockOpsContext, value: *mut T) -> *mut T {
    let socket = socket(ctx);
    if socket.is_null() {
        return null_mut();
    }
    let flags = if value.is_null() {
        0
    } else {
        BPF_SK_STORAGE_GET_F_CREATE
    };
    // SAFETY: not null, and a full socket in these callbacks; the value outlives the call.
    unsafe {
        bpf_sk_storage_get(
            map.cast_mut().cast(),
            socket.cast(),
            value.cast(),
            flags.into(),
        )
        .cast()
    }
}

/// The callback's socket.
#[inline(always)]
fn socket(ctx: &SockOpsContext) -> *mut bpf_sock {
    // SAFETY: the kernel passes a valid context.
    let ops = unsafe { &*ctx.ops };
    // SAFETY: the union has one member.
    unsafe { ops.__bindgen_anon_2.sk }
}

type End = (Address, [u8; 2]);

macro_rules! read {
    ($ctx:expr, $($field:tt)+) => {
        // SAFETY: the kernel passes a valid context with these fields readable.
        unsafe { read_volatile(addr_of!((*($ctx).ops).$($field)+)) }
    };
}

/// Address and port of the socket and of its peer.
///
/// All fields are read before any branch, for the reason given in `sock_addr`.
#[inline(always)]
fn ends(ctx: &SockOpsContext) -> (End, End) {
    let family = read!(ctx, family);
    let (local4, remote4) = (read!(ctx, local_ip4), read!(ctx, remote_ip4));
    let local6 = [
        read!(ctx, local_ip6[0]),
        read!(ctx, local_ip6[1]),
        read!(ctx, local_ip6[2]),
        read!(ctx, local_ip6[3]),
    ];
    let remote6 = [
        read!(ctx, remote_ip6[0]),
        read!(ctx, remote_ip6[1]),
        read!(ctx, remote_ip6[2]),
        read!(ctx, remote_ip6[3]),
    ];
    let local_port = local_port(read!(ctx, local_port));
    let remote_port = remote_port(read!(ctx, remote_port));
    let (local, remote) = if family == AF_INET {
        (Address::from_word(local4), Address::from_word(remote4))
    } else {
        (Address::from_words(local6), Address::from_words(remote6))
    };
    ((local, local_port), (remote, remote_port))
}

/// `local_port` is a number in the machine's order.
#[inline(always)]
const fn local_port(field: u32) -> [u8; 2] {
    let [.., high, low] = field.to_be_bytes();
    [high, low]
}

/// `remote_port` is in network order, in the last two of four bytes.
#[inline(always)]
const fn remote_port(field: u32) -> [u8; 2] {
    let [.., high, low] = field.to_ne_bytes();
    [high, low]
}
