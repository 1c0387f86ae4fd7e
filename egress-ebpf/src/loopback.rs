//! Packets that stay in their namespace: what was turned to a listener is on its way there.

use core::ptr::{addr_of, null_mut, read_volatile};

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::programs::SkBuffContext;
use egress_common::{Address, Asker, Counter, DNS_PORT, Origin, Settings, protocol};

use crate::headers::{self, Headers};
use crate::maps::{ASKERS, ORIG, count, is_lenient};
use crate::packet::{backstop, bypasses, judged};
use crate::{PROCEED, REFUSE, SWALLOW, early, namespace};

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const TCP_SYN_SENT: u32 = 2;

macro_rules! read {
    ($socket:expr, $($field:tt)+) => {
        // SAFETY: the pointer is to a full socket that the packet holds.
        unsafe { read_volatile(addr_of!((*$socket).$($field)+)) }
    };
}

/// Judges one packet. Of streams only the SYN matters, unless a DNS server is at the other end: the rest
/// is not even looked at.
#[inline(always)]
pub(crate) fn judge(ctx: &SkBuffContext, settings: &Settings, socket: *mut bpf_sock) -> i32 {
    if socket.is_null() {
        return PROCEED;
    }
    let is_stream = read!(socket, type_) == SOCK_STREAM;
    let port = read!(socket, dst_port).to_ne_bytes();
    if is_stream
        && read!(socket, state) == TCP_SYN_SENT
        && let Some(origin) = stored(socket)
    {
        return hold(&origin, port);
    }
    if is_stream && u16::from_ne_bytes(port) != u16::from_ne_bytes(DNS_PORT) {
        return PROCEED;
    }
    let Some(headers) = headers::parse(ctx) else {
        return PROCEED;
    };
    if is_for_listener(settings, &headers) {
        return ask(ctx, settings, socket, headers);
    }
    if bypasses(&headers) {
        return refuse(ctx, settings, socket, headers);
    }
    PROCEED
}

/// The SYN of a redirected connection waits until its namespace has a listener, and asks for one again
/// each time it is sent.
#[inline(always)]
fn hold(origin: &Origin, port: [u8; 2]) -> i32 {
    if namespace::is_served(origin, port) {
        return PROCEED;
    }
    namespace::ask(origin);
    count(Counter::Held);
    REFUSE
}

/// A datagram to a listener says whose it is, or does not arrive: nobody speaks for another.
///
/// Of what is not governed the port may be anyone's.
#[inline(always)]
fn ask(ctx: &SkBuffContext, settings: &Settings, socket: *mut bpf_sock, headers: Headers) -> i32 {
    let Some((asker, origin)) = asker(ctx, socket, &headers) else {
        return refuse(ctx, settings, socket, headers);
    };
    count(Counter::Asked);
    // Where there is no room for it the gateway does not know who asks, and answers nothing.
    let _ = ASKERS.insert(asker, origin, 0);
    if namespace::is_served(&origin, headers.port) {
        return PROCEED;
    }
    namespace::ask(&origin);
    early::keep(ctx, &origin, &asker, &headers);
    SWALLOW
}

/// Whose datagram it is; `None`: its socket was not turned to the listener, or it comes from where its
/// socket is not.
#[inline(always)]
fn asker(ctx: &SkBuffContext, socket: *mut bpf_sock, headers: &Headers) -> Option<(Asker, Origin)> {
    // What a raw socket sends has the source that it likes.
    if read!(socket, type_) != SOCK_DGRAM || read!(socket, protocol) != u32::from(protocol::UDP) {
        return None;
    }
    let origin = stored(socket)?;
    let address = headers::source(ctx, headers)?;
    if !is_at(socket, address) {
        return None;
    }
    let port = ctx.load(headers.transport).ok()?;
    Some((Asker::new(origin.netns(), address, port), origin))
}

/// Whether a socket may send from an address: it is bound to it, or to none. A datagram can be given
/// another of the host's addresses (`IP_PKTINFO`), which with the same port is somebody else's socket.
#[inline(always)]
fn is_at(socket: *mut bpf_sock, address: Address) -> bool {
    // Both are read before either is chosen, or LLVM would choose the pointer.
    let v4 = Address::from_word(read!(socket, src_ip4));
    let v6 = Address::from_words([
        read!(socket, src_ip6[0]),
        read!(socket, src_ip6[1]),
        read!(socket, src_ip6[2]),
        read!(socket, src_ip6[3]),
    ]);
    let own = if address.is_v4() { v4 } else { v6 };
    let any = Address::from_word(0);
    own == address || own == any || own == Address::NONE
}

#[inline(always)]
fn refuse(
    ctx: &SkBuffContext,
    settings: &Settings,
    socket: *mut bpf_sock,
    headers: Headers,
) -> i32 {
    match judged(ctx, settings, socket) {
        Some(governance) if !is_lenient(governance) => {
            backstop(ctx, settings, socket, Some(headers))
        }
        _ => PROCEED,
    }
}

#[inline(always)]
fn is_for_listener(settings: &Settings, headers: &Headers) -> bool {
    headers.protocol == protocol::UDP
        && headers.address == headers.address.listener()
        && settings.keeps(headers.port)
}

#[inline(always)]
fn stored(socket: *mut bpf_sock) -> Option<Origin> {
    let map = (&raw const ORIG).cast_mut().cast();
    // SAFETY: not null, and a full socket.
    let record = unsafe { bpf_sk_storage_get(map, socket.cast(), null_mut(), 0) };
    // SAFETY: null, or the storage of a socket that the packet holds.
    unsafe { record.cast::<Origin>().as_ref() }.copied()
}
