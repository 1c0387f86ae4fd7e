//! `socket()`: governed tasks have TCP and UDP, which the other hooks judge, and no other kind.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::programs::SockContext;
use egress_common::{Address, Denied, Origin, Settings, SocketKind, protocol};

use crate::maps::{is_lenient, settings};
use crate::{PROCEED, REFUSE, report, scope, task};

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
    match try_judge(kind, number) {
        Ok(()) => PROCEED,
        Err(reason) => {
            let nowhere = Origin::new(Address::NONE, [0; 2], 0, task::current());
            report::denied(reason, number, nowhere);
            REFUSE
        }
    }
}

#[inline(always)]
fn try_judge(kind: u32, number: u16) -> Result<(), Denied> {
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if is_judged(kind, number)
        || is_admitted(&settings, kind, number)
        || !scope::governs_task(&settings)
        || is_lenient()
    {
        return Ok(());
    }
    Err(Denied::Socket)
}

/// Whether another hook judges what the socket does.
#[inline(always)]
const fn is_judged(kind: u32, number: u16) -> bool {
    matches!(
        (kind, number),
        (SOCK_STREAM, protocol::TCP | protocol::MPTCP) | (SOCK_DGRAM, protocol::UDP)
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
