//! Every packet on its way out of a namespace: the backstop behind all other hooks.
//!
//! What gets here was neither redirected nor refused by a hook that knows what the program wanted:
//! source routes, sockets from before the gateway, kinds of sockets that have no hook. What no rule
//! allows is dropped, and `send()` fails with EPERM.

use core::ptr::{addr_of, null_mut, read_volatile};

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::{bpf_sk_fullsock, bpf_sk_storage_get, bpf_skb_cgroup_id};
use aya_ebpf::programs::SkBuffContext;
use egress_common::{Address, Denied, Governance, Origin, Rule, Settings, Task};

use crate::begun::{self, Before};
use crate::headers::{self, Headers};
use crate::maps::{ORIG, rule, settings, takes_names, tolerates};
use crate::{PROCEED, REFUSE, loopback, names, report, scope};

/// The loopback device has this index in every network namespace.
const LOOPBACK: u32 = 1;
const TCP_LISTEN: u32 = 10;
const TCP_NEW_SYN_RECV: u32 = 12;

macro_rules! read {
    ($pointer:expr, $field:ident) => {
        // SAFETY: the pointer is to a context or socket that the hook holds.
        unsafe { read_volatile(addr_of!((*$pointer).$field)) }
    };
}

/// Judges one packet.
#[inline(always)]
pub(crate) fn judge(ctx: &SkBuffContext) -> i32 {
    let Some(settings) = settings() else {
        return REFUSE;
    };
    let skb = ctx.skb.skb;
    let socket = full_socket(ctx);
    if read!(skb, ifindex) == LOOPBACK {
        return loopback::judge(ctx, &settings, socket);
    }
    let Some(governance) = judged(ctx, &settings, socket) else {
        return PROCEED;
    };
    let headers = headers::parse(ctx);
    if may_leave(headers.as_ref(), governance) {
        return PROCEED;
    }
    backstop(ctx, &settings, socket, headers)
}

/// How the packet's socket is governed; `None`: it is not, or the packet answers a connection that somebody
/// else opened. Whether it does costs less to find out than whose it is.
#[inline(always)]
pub(crate) fn judged(
    ctx: &SkBuffContext,
    settings: &Settings,
    socket: *mut bpf_sock,
) -> Option<Governance> {
    if is_reply(socket) {
        return None;
    }
    scope::of_packet(settings, ctx.skb.skb)
}

/// Whether a packet was not what the gateway should have been asked: a question to a DNS server, or what
/// may be one.
#[inline(always)]
pub(crate) fn bypasses(headers: &Headers) -> bool {
    names::is_question(headers.protocol, headers.port)
        || (!headers.is_plain && !headers.address.is_v4() && takes_names())
}

/// Whether a rule lets the packet go, or denials take no effect. One that may be led elsewhere on its way must
/// be for where everything may go.
#[inline(always)]
fn may_leave(headers: Option<&Headers>, governance: Governance) -> bool {
    let Some(headers) = headers else {
        return tolerates(None, governance);
    };
    let rule = rule(headers.protocol, headers.port, headers.address);
    let is_open = match rule {
        Some(Rule::Internal) => true,
        Some(Rule::Allow) => headers.is_plain,
        Some(Rule::Deny | Rule::Gateway) | None => false,
    };
    (is_open && !bypasses(headers)) || tolerates(rule, governance)
}

/// Drops what nothing allows; but where the settings say so, connections from before the programs go on,
/// each with one report.
#[inline(always)]
pub(crate) fn backstop(
    ctx: &SkBuffContext,
    settings: &Settings,
    socket: *mut bpf_sock,
    headers: Option<Headers>,
) -> i32 {
    let is_unjudged =
        settings.lets_established() && !socket.is_null() && !has(&raw const ORIG, socket);
    match is_unjudged.then(|| begun::before(socket)).flatten() {
        Some(Before::Known) => PROCEED,
        Some(Before::New) => {
            let (protocol, origin) = describe(ctx, headers);
            report::before(protocol, origin);
            PROCEED
        }
        None => {
            let (protocol, origin) = describe(ctx, headers);
            report::denied(Denied::Packet, protocol, origin);
            REFUSE
        }
    }
}

/// Whether the packet answers a connection that somebody else opened: its socket was accepted, or is
/// the listener itself, which sends the SYN-ACK.
#[inline(always)]
fn is_reply(socket: *mut bpf_sock) -> bool {
    if socket.is_null() {
        return false;
    }
    matches!(read!(socket, state), TCP_LISTEN | TCP_NEW_SYN_RECV) || begun::is_accepted(socket)
}

#[inline(always)]
fn has<T>(map: *const SkStorage<T>, socket: *mut bpf_sock) -> bool {
    // SAFETY: not null, and a full socket; the value is not read.
    let value = unsafe { bpf_sk_storage_get(map.cast_mut().cast(), socket.cast(), null_mut(), 0) };
    !value.is_null()
}

#[inline(always)]
fn full_socket(ctx: &SkBuffContext) -> *mut bpf_sock {
    // SAFETY: the kernel passes a valid context.
    let skb = unsafe { &*ctx.skb.skb };
    // SAFETY: the union has one member.
    let socket = unsafe { skb.__bindgen_anon_2.sk };
    if socket.is_null() {
        return socket;
    }
    // SAFETY: not null.
    unsafe { bpf_sk_fullsock(socket) }
}

/// What a packet was and where it was going. The current task may be any: the socket's cgroup says whose
/// it was.
#[inline(always)]
fn describe(ctx: &SkBuffContext, headers: Option<Headers>) -> (u16, Origin) {
    // SAFETY: the hook's packet.
    let cgroup = unsafe { bpf_skb_cgroup_id(ctx.skb.skb) };
    let task = Task::new(cgroup, 0, 0, 0);
    let (protocol, port, address) = headers.map_or((0, [0; 2], Address::NONE), |headers| {
        (headers.protocol, headers.port, headers.address)
    });
    (protocol, Origin::new(address, port, 0, task))
}
