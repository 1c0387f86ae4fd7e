//! `connect()`: pass, redirect, or refuse.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_get_netns_cookie, bpf_setsockopt};
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Counter, Denied, Origin, Settings};

use crate::maps::{EXEMPT, INTERNAL, ORIG, count, settings};
use crate::sock_addr::{self, Family};
use crate::{PROCEED, REFUSE, report, scope, task};

const IPPROTO_TCP: u32 = 6;
const IPPROTO_MPTCP: u32 = 262;
const SOL_SOCKET: i32 = 1;
const SO_BINDTODEVICE: i32 = 25;
/// An empty device name, with its length: no device.
const NO_DEVICE: ([u8; 4], i32) = ([0; 4], 4);

/// What is done with a connection that is not refused.
enum Verdict {
    /// Not the gateway's business: another protocol, another task, or the gateway itself.
    Ungoverned,
    /// Goes where it was going.
    Pass(Counter),
    /// Goes to the gateway.
    Redirect,
}

/// Judges one `connect()`.
#[inline(always)]
pub(crate) fn judge<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    #[cfg(feature = "debug-log")]
    trace(ctx, address, port);
    match try_judge::<F>(ctx, address, port) {
        Ok(Verdict::Ungoverned) => PROCEED,
        Ok(Verdict::Pass(counter)) => {
            count(counter);
            PROCEED
        }
        Ok(Verdict::Redirect) => {
            count(Counter::Redirected);
            PROCEED
        }
        Err(reason) => {
            report::denied(
                reason,
                Origin::new(address, port, netns(ctx), task::current()),
            );
            REFUSE
        }
    }
}

#[inline(always)]
fn try_judge<F: Family>(
    ctx: &SockAddrContext,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    if !matches!(sock_addr::protocol(ctx), IPPROTO_TCP | IPPROTO_MPTCP) {
        return Ok(Verdict::Ungoverned);
    }
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if !scope::governs(&settings) || is_exempt(ctx) {
        return Ok(forget(ctx, Verdict::Ungoverned));
    }
    if address.is_local() {
        if port == settings.listener_port() {
            return Err(Denied::OwnListener);
        }
        return Ok(forget(ctx, Verdict::Pass(Counter::PassedLocal)));
    }
    if INTERNAL.get(&Key::new(Address::BITS, address)).is_some() {
        return Ok(forget(ctx, Verdict::Pass(Counter::PassedInternal)));
    }
    if address.is_v6_link_local() {
        return Err(Denied::LinkLocal);
    }
    redirect::<F>(ctx, &settings, address, port)
}

/// Writes down where the client was going, then turns it to the gateway.
#[inline(always)]
fn redirect<F: Family>(
    ctx: &SockAddrContext,
    settings: &Settings,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    let netns = netns(ctx);
    if netns != settings.netns() {
        return Err(Denied::ForeignNamespace);
    }
    let mut origin = Origin::new(address, port, netns, task::current());
    // SAFETY: the hook's socket is a full socket; the value outlives the call.
    let record = unsafe { ORIG.get_or_insert_ptr_mut(ctx, Some(&mut origin)) };
    if record.is_null() {
        return Err(Denied::NoMemory);
    }
    // A socket that connects again has a record already, which the helper leaves as it was.
    // SAFETY: not null, and the storage lives as long as the socket, which the hook holds.
    unsafe { *record = origin };
    unbind_device(ctx);
    F::set_address(ctx, address.listener());
    sock_addr::set_port(ctx, settings.listener_port());
    Ok(Verdict::Redirect)
}

/// Loopback is not reached through the device that a client chose: it would wait for an answer in vain.
#[inline(always)]
fn unbind_device(ctx: &SockAddrContext) {
    let (mut name, length) = NO_DEVICE;
    // SAFETY: the helper takes this hook's context, and reads as many bytes as it is told. Should it
    // fail, the client waits, and nothing passes.
    let _ = unsafe {
        bpf_setsockopt(
            ctx.as_ptr(),
            SOL_SOCKET,
            SO_BINDTODEVICE,
            name.as_mut_ptr().cast(),
            length,
        )
    };
}

/// Drops what is left of an earlier redirection of the same socket, or `getpeername()` would lie.
#[inline(always)]
fn forget(ctx: &SockAddrContext, verdict: Verdict) -> Verdict {
    // SAFETY: the hook's socket is a full socket. There being nothing to delete is the usual case.
    let _ = unsafe { ORIG.delete(sock_addr::socket(ctx)) };
    verdict
}

#[inline(always)]
fn is_exempt(ctx: &SockAddrContext) -> bool {
    // SAFETY: the hook's socket is a full socket, and the value is not read.
    !unsafe { EXEMPT.get_ptr_mut(ctx) }.is_null()
}

#[inline(always)]
fn netns(ctx: &SockAddrContext) -> u64 {
    // SAFETY: the helper takes this hook's context.
    unsafe { bpf_get_netns_cookie(ctx.as_ptr()) }
}

#[cfg(feature = "debug-log")]
fn trace(ctx: &SockAddrContext, address: Address, port: [u8; 2]) {
    let [a, b, c, d] = address.words().map(u32::from_be);
    let port = u16::from_be_bytes(port);
    aya_log_ebpf::debug!(
        ctx,
        "connect to {:x}:{:x}:{:x}:{:x} port {}",
        a,
        b,
        c,
        d,
        port
    );
}
