//! `socket()`: governed tasks have TCP and UDP, which the other hooks judge, and no other kind.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use aya_ebpf::programs::SockContext;
use egress_common::{Address, Denied, Origin, Settings, SocketKind, protocol};

use crate::maps::{is_lenient, settings, takes_names};
use crate::{PROCEED, REFUSE, namespace, report, scope, task};

const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;

macro_rules! read {
    ($ctx:expr, $field:ident) => {
        // SAFETY: the kernel passes a valid context with these fields readable.
        unsafe { read_volatile(addr_of!((*$ctx.sock).$field)) }
    };
}

/// Judges one `socket()` of an internet family.
#[inline(always)]
pub(crate) fn judge(ctx: &SockContext) -> i32 {
    let kind = read!(ctx, type_);
    #[expect(clippy::cast_possible_truncation, reason = "the numbers end at 262")]
    let number = read!(ctx, protocol) as u16;
    match try_judge(ctx, kind, number) {
        Ok(()) => PROCEED,
        Err(reason) => {
            let nowhere = Origin::new(Address::NONE, [0; 2], 0, task::recorded());
            report::denied(reason, number, nowhere);
            REFUSE
        }
    }
}

#[inline(always)]
fn try_judge(ctx: &SockContext, kind: u32, number: u16) -> Result<(), Denied> {
    if is_judged(kind, number) {
        return Ok(());
    }
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if (kind, number) == (SOCK_DGRAM, protocol::UDP) {
        prepare(ctx, &settings);
        return Ok(());
    }
    if is_admitted(&settings, kind, number) {
        return Ok(());
    }
    match scope::of_task(&settings) {
        Some(governance) if !is_lenient(governance) => Err(Denied::Socket),
        _ => Ok(()),
    }
}

/// A SYN can wait for a listener, a question can't: a resolver would ask again only after seconds. So the
/// listener is asked for as soon as there is a socket that may ask.
#[inline(always)]
fn prepare(ctx: &SockContext, settings: &Settings) {
    if takes_names() && scope::of_task(settings).is_some() {
        // SAFETY: the helper takes this hook's context.
        namespace::foresee(unsafe { bpf_get_netns_cookie(ctx.sock.cast()) });
    }
}

/// Whether another hook judges what the socket does.
#[inline(always)]
const fn is_judged(kind: u32, number: u16) -> bool {
    matches!(
        (kind, number),
        (SOCK_STREAM, protocol::TCP | protocol::MPTCP)
    )
}

#[inline(always)]
fn is_admitted(settings: &Settings, kind: u32, number: u16) -> bool {
    match (kind, number) {
        (SOCK_DGRAM, protocol::ICMP | protocol::ICMPV6) => settings.admits(SocketKind::Ping),
        (SOCK_RAW, _) => settings.admits(SocketKind::Raw),
        _ => false,
    }
}
