//! `sendmsg()` with an address, on a datagram socket: an errno at once, where the packet would be
//! dropped; and questions to DNS servers go to the gateway.

use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Denied, Origin, Rule, Settings, protocol};

use crate::maps::{rule, settings, tolerates};
use crate::redirect::{self, netns};
use crate::sock_addr::{self, Family};
use crate::{PROCEED, names, refuse, report, scope, task};

/// Judges one datagram by where it is sent.
#[inline(always)]
pub(crate) fn judge<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    match try_judge::<F>(ctx, address, port) {
        Ok(()) => PROCEED,
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
) -> Result<(), Denied> {
    let settings = settings().ok_or(Denied::Unconfigured)?;
    let Some(governance) = scope::of_task(&settings) else {
        return Ok(());
    };
    if names::is_question(protocol::UDP, port) {
        return redirect::datagram::<F>(ctx, &settings, address, port);
    }
    if address.is_local() {
        return local(ctx, &settings, port);
    }
    match rule(protocol::UDP, port, address) {
        Some(Rule::Internal | Rule::Allow) => Ok(()),
        rule if tolerates(rule, governance) => Ok(()),
        Some(Rule::Deny | Rule::Gateway) | None => Err(Denied::Datagram),
    }
}

/// A socket that was turned to a listener may send to it: of an IPv6 socket with an IPv4-mapped peer the
/// kernel asks for each datagram. The packet's hook knows the others.
#[inline(always)]
fn local(ctx: &SockAddrContext, settings: &Settings, port: [u8; 2]) -> Result<(), Denied> {
    let keeps = |port| settings.keeps(port);
    if keeps(port) && !sock_addr::is_connected_to(ctx, keeps) {
        return Err(Denied::OwnListener);
    }
    Ok(())
}
