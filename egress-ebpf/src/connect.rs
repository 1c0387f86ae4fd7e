//! `connect()`: pass, redirect, or refuse.

use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Counter, Denied, Origin, Rule, Settings, protocol};

use crate::maps::{count, is_audit, is_lenient, rule, settings};
use crate::redirect::{self, forget, netns};
use crate::sock_addr::{self, Family};
use crate::{PROCEED, begun, names, refuse, report, scope, task};

const SOCK_DGRAM: u32 = 2;

/// What is done with a connection that is not refused.
enum Verdict {
    /// Not the gateway's business: another protocol, another task, or the gateway itself.
    Ungoverned,
    /// Goes where it was going.
    Pass(Counter),
    /// Goes to the gateway.
    Redirect,
    /// Will ask the gateway: its datagrams are counted, one by one.
    Ask,
}

/// Judges one `connect()`.
#[inline(always)]
pub(crate) fn judge<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    #[cfg(feature = "debug-log")]
    trace(ctx, address, port);
    match try_judge::<F>(ctx, address, port) {
        Ok(Verdict::Ungoverned | Verdict::Ask) => PROCEED,
        Ok(Verdict::Pass(counter)) => {
            count(counter);
            if counter == Counter::PassedAddress {
                let origin = Origin::new(address, port, netns(ctx), task::recorded());
                report::passed(sock_addr::protocol(ctx), origin);
            }
            PROCEED
        }
        Ok(Verdict::Redirect) => {
            count(Counter::Redirected);
            PROCEED
        }
        Err(reason) => {
            let origin = Origin::new(address, port, netns(ctx), task::recorded());
            report::denied(reason, sock_addr::protocol(ctx), origin);
            refuse::call()
        }
    }
}

#[inline(always)]
fn try_judge<F: Family>(
    ctx: &SockAddrContext,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    match (sock_addr::protocol(ctx), sock_addr::kind(ctx)) {
        (protocol::TCP | protocol::MPTCP, _) => stream::<F>(ctx, address, port),
        (protocol::UDP, SOCK_DGRAM) => datagrams::<F>(ctx, address, port),
        _ => Ok(Verdict::Ungoverned),
    }
}

/// A datagram socket may connect to anything, for that sends nothing, and programs do it to learn their
/// own address: what it then sends is judged packet by packet. Only questions have to be turned here.
#[inline(always)]
fn datagrams<F: Family>(
    ctx: &SockAddrContext,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    if names::is_question(protocol::UDP, port) {
        let settings = settings().ok_or(Denied::Unconfigured)?;
        if scope::of_task(&settings).is_some() {
            redirect::connection::<F>(ctx, &settings, address, port)?;
            return Ok(Verdict::Ask);
        }
    }
    forget(ctx);
    Ok(Verdict::Ungoverned)
}

#[inline(always)]
fn stream<F: Family>(
    ctx: &SockAddrContext,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    let settings = settings().ok_or(Denied::Unconfigured)?;
    let Some(governance) = scope::of_task(&settings) else {
        forget(ctx);
        return Ok(Verdict::Ungoverned);
    };
    if address.is_local() && settings.keeps(port) {
        return Err(Denied::OwnListener);
    }
    if names::is_question(protocol::TCP, port) {
        return turn::<F>(ctx, &settings, address, port);
    }
    if address.is_local() {
        return pass(ctx, &settings, Counter::PassedLocal);
    }
    match rule(protocol::TCP, port, address) {
        Some(Rule::Internal) => pass(ctx, &settings, Counter::PassedInternal),
        Some(Rule::Allow) => pass(ctx, &settings, Counter::PassedAddress),
        // What is denied without effect the gateway lets through, and records.
        Some(Rule::Deny) if is_audit(governance) => turn::<F>(ctx, &settings, address, port),
        Some(Rule::Deny) => Err(Denied::Address),
        None if address.is_v6_link_local() && !is_lenient(governance) => Err(Denied::LinkLocal),
        None if address.is_v6_link_local() => {
            forget(ctx);
            begun::connects(ctx, &settings)?;
            Ok(Verdict::Ungoverned)
        }
        Some(Rule::Gateway) | None => turn::<F>(ctx, &settings, address, port),
    }
}

#[inline(always)]
fn turn<F: Family>(
    ctx: &SockAddrContext,
    settings: &Settings,
    address: Address,
    port: [u8; 2],
) -> Result<Verdict, Denied> {
    redirect::connection::<F>(ctx, settings, address, port)?;
    Ok(Verdict::Redirect)
}

/// Lets the connection go where it was going.
#[inline(always)]
fn pass(ctx: &SockAddrContext, settings: &Settings, counter: Counter) -> Result<Verdict, Denied> {
    // In this order: on a socket that has no storage at all there is nothing to look for.
    forget(ctx);
    begun::connects(ctx, settings)?;
    Ok(Verdict::Pass(counter))
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
