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
use egress_common::{Address, COMM_LEN, Counter, Denied, Origin, Rule, Settings, Task, protocol};

use crate::begun::{self, Before};
use crate::maps::{EXEMPT, ORIG, count, is_lenient, rule, settings};
use crate::{PROCEED, REFUSE, namespace, report, scope};

/// The loopback device has this index in every network namespace.
const LOOPBACK: u32 = 1;
const TCP_SYN_SENT: u32 = 2;
const TCP_LISTEN: u32 = 10;
const TCP_NEW_SYN_RECV: u32 = 12;

/// What matters of a packet's headers.
struct Headers {
    protocol: u16,
    port: [u8; 2],
    address: Address,
}

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
        return hold(socket);
    }
    if !scope::governs_packet(&settings, skb) || is_reply(socket) || is_exempt(socket) {
        return PROCEED;
    }
    let headers = headers(ctx);
    match headers
        .as_ref()
        .and_then(|h| rule(h.protocol, h.port, h.address))
    {
        Some(Rule::Internal | Rule::Allow) => PROCEED,
        _ if is_lenient() => PROCEED,
        Some(Rule::Deny | Rule::Gateway) | None => backstop(ctx, &settings, socket, headers),
    }
}

/// Drops what nothing allows; but where the settings say so, connections from before the programs go on,
/// each with one report.
#[inline(always)]
fn backstop(
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

/// On loopback only the SYN of a redirected connection matters: it waits until its namespace has a
/// listener, and asks for one again each time it is sent.
#[inline(always)]
fn hold(socket: *mut bpf_sock) -> i32 {
    if socket.is_null() || read!(socket, state) != TCP_SYN_SENT {
        return PROCEED;
    }
    let Some(origin) = stored(socket) else {
        return PROCEED;
    };
    let [high, low, ..] = read!(socket, dst_port).to_ne_bytes();
    if namespace::is_served(&origin, [high, low]) {
        return PROCEED;
    }
    namespace::ask(&origin);
    count(Counter::Held);
    REFUSE
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
fn is_exempt(socket: *mut bpf_sock) -> bool {
    !socket.is_null() && has(&raw const EXEMPT, socket)
}

#[inline(always)]
fn has<T>(map: *const SkStorage<T>, socket: *mut bpf_sock) -> bool {
    // SAFETY: not null, and a full socket; the value is not read.
    let value = unsafe { bpf_sk_storage_get(map.cast_mut().cast(), socket.cast(), null_mut(), 0) };
    !value.is_null()
}

#[inline(always)]
fn stored(socket: *mut bpf_sock) -> Option<Origin> {
    let map = (&raw const ORIG).cast_mut().cast();
    // SAFETY: not null, and a full socket.
    let record = unsafe { bpf_sk_storage_get(map, socket.cast(), null_mut(), 0) };
    // SAFETY: null, or the storage of a socket that the packet holds.
    unsafe { record.cast::<Origin>().as_ref() }.copied()
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

/// Reads the headers; `None`: of no form that a rule can be for. A fragment has no port, and an
/// IPv6 packet with extension headers none at a known place.
#[inline(always)]
fn headers(ctx: &SkBuffContext) -> Option<Headers> {
    let first: u8 = ctx.load(0).ok()?;
    let (number, address, transport) = match first >> 4 {
        4 => {
            const FRAGMENT: u16 = 0x1fff;
            let fragment: u16 = ctx.load(6).ok()?;
            if u16::from_be(fragment) & FRAGMENT != 0 {
                return None;
            }
            (
                ctx.load::<u8>(9).ok()?,
                Address::from_word(ctx.load(16).ok()?),
                usize::from(first & 15) * 4,
            )
        }
        6 => (
            ctx.load::<u8>(6).ok()?,
            Address::from_words(ctx.load(24).ok()?),
            40,
        ),
        _ => return None,
    };
    let number = u16::from(number);
    let port = match number {
        protocol::TCP | protocol::UDP => ctx.load(transport + 2).ok()?,
        _ => [0; 2],
    };
    Some(Headers {
        protocol: number,
        port,
        address,
    })
}

/// What a packet was and where it was going. The current task may be any: the socket's cgroup says whose
/// it was.
#[inline(always)]
fn describe(ctx: &SkBuffContext, headers: Option<Headers>) -> (u16, Origin) {
    // SAFETY: the hook's packet.
    let cgroup = unsafe { bpf_skb_cgroup_id(ctx.skb.skb) };
    let task = Task::new(cgroup, 0, 0, [0; COMM_LEN]);
    let Headers {
        protocol,
        port,
        address,
    } = headers.unwrap_or(Headers {
        protocol: 0,
        port: [0; 2],
        address: Address::NONE,
    });
    (protocol, Origin::new(address, port, 0, task))
}
