//! `sendmsg()` with an address, on a datagram socket: an errno at once, where the packet would be dropped.

use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Denied, Origin, Rule, protocol};

use crate::connect::netns;
use crate::maps::{is_lenient, rule, settings};
use crate::sock_addr::{self, Family};
use crate::{PROCEED, refuse, report, scope, task};

/// Judges one datagram by where it is sent.
#[inline(always)]
pub(crate) fn judge<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    match try_judge(address, port) {
        Ok(()) => PROCEED,
        Err(reason) => {
            let origin = Origin::new(address, port, netns(ctx), task::current());
            report::denied(reason, sock_addr::protocol(ctx), origin);
            refuse::call()
        }
    }
}

#[inline(always)]
fn try_judge(address: Address, port: [u8; 2]) -> Result<(), Denied> {
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if !scope::governs_task(&settings) || address.is_local() {
        return Ok(());
    }
    match rule(protocol::UDP, port, address) {
        Some(Rule::Internal | Rule::Allow) => Ok(()),
        _ if is_lenient() => Ok(()),
        Some(Rule::Deny | Rule::Gateway) | None => Err(Denied::Datagram),
    }
}
