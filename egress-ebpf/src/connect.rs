//! `connect()`: pass, redirect, or refuse.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Counter, Denied, Origin, Rule, Settings, protocol};

use crate::maps::{EXEMPT, ORIG, count, is_lenient, namespace, rule, settings};
use crate::sock_addr::{self, Family};
use crate::{PROCEED, begun, namespace as listeners, refuse, report, scope, source, task};

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
            if counter == Counter::PassedAddress {
                let origin = Origin::new(address, port, netns(ctx), task::current());
                report::passed(sock_addr::protocol(ctx), origin);
            }
            PROCEED
        }
        Ok(Verdict::Redirect) => {
            count(Counter::Redirected);
            PROCEED
        }
        Err(reason) => {
            let origin = Origin::new(address, port, netns(ctx), task::current());
            report::denied(reason, sock_addr::protocol(ctx), origin);
            refuse::call()
        }
    }
}

/// A datagram socket may connect to anything, for that sends nothing, and programs do it to learn their
/// own address: what it then sends is judged packet by packet.
#[inline(always)]
fn try_judge<F: Family>(
    ctx: &SockAddrContext,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    if !matches!(sock_addr::protocol(ctx), protocol::TCP | protocol::MPTCP) {
        return Ok(Verdict::Ungoverned);
    }
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if !scope::governs_task(&settings) || is_exempt(ctx) {
        return Ok(forget(ctx, Verdict::Ungoverned));
    }
    if address.is_local() {
        if settings.keeps(port) {
            return Err(Denied::OwnListener);
        }
        return pass(ctx, Counter::PassedLocal);
    }
    match rule(protocol::TCP, port, address) {
        Some(Rule::Internal) => pass(ctx, Counter::PassedInternal),
        Some(Rule::Allow) => pass(ctx, Counter::PassedAddress),
        Some(Rule::Deny) => Err(Denied::Address),
        None if address.is_v6_link_local() && !is_lenient() => Err(Denied::LinkLocal),
        None if address.is_v6_link_local() => Ok(forget(ctx, Verdict::Ungoverned)),
        Some(Rule::Gateway) | None => redirect::<F>(ctx, &settings, address, port),
    }
}

/// Writes down where the client was going, then turns it to the gateway.
#[inline(always)]
fn redirect<F: Family>(
    ctx: &SockAddrContext,
    settings: &Settings,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    let mut origin = Origin::new(address, port, netns(ctx), task::current());
    // SAFETY: the hook's socket is a full socket; the value outlives the call.
    let record = unsafe { ORIG.get_or_insert_ptr_mut(ctx, Some(&mut origin)) };
    if record.is_null() {
        return Err(Denied::NoMemory);
    }
    // A socket that connects again has a record already, which the helper leaves as it was.
    // SAFETY: not null, and the storage lives as long as the socket, which the hook holds.
    unsafe { *record = origin };
    begun::forget(ctx);
    let listener = if let Some(namespace) = namespace(origin.netns()) {
        source::keep::<F>(ctx, namespace.source(address));
        namespace.port()
    } else {
        listeners::ask(&origin);
        settings.listener_port()
    };
    source::unbind_device(ctx);
    F::set_address(ctx, address.listener());
    sock_addr::set_port(ctx, listener);
    Ok(Verdict::Redirect)
}

/// Lets the connection go where it was going.
#[inline(always)]
fn pass(ctx: &SockAddrContext, counter: Counter) -> Result<Verdict, Denied> {
    begun::connects(ctx)?;
    Ok(forget(ctx, Verdict::Pass(counter)))
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
pub(crate) fn netns(ctx: &SockAddrContext) -> u64 {
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
