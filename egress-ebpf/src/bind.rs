//! `bind()`: the listeners' ports are the gateway's, also while there is none.

use aya_ebpf::programs::SockAddrContext;
use egress_common::{Denied, Origin};

use crate::maps::settings;
use crate::redirect::netns;
use crate::sock_addr::{self, Family};
use crate::{PROCEED, REFUSE, report, scope, task};

/// Judges one `bind()`.
#[inline(always)]
pub(crate) fn judge<F: Family>(ctx: &SockAddrContext) -> i32 {
    let address = F::address(ctx);
    let port = sock_addr::port(ctx);
    match try_judge(port) {
        Ok(()) => PROCEED,
        Err(reason) => {
            let origin = Origin::new(address, port, netns(ctx), task::recorded());
            report::denied(reason, sock_addr::protocol(ctx), origin);
            REFUSE
        }
    }
}

#[inline(always)]
fn try_judge(port: [u8; 2]) -> Result<(), Denied> {
    let settings = settings().ok_or(Denied::Unconfigured)?;
    if settings.keeps(port) && scope::of_task(&settings).is_some() {
        return Err(Denied::OwnListener);
    }
    Ok(())
}
