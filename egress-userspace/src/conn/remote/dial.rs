//! Dialling for callers of other nodes.
//!
//! What is local to the gateway is not so to them: its loopback addresses, its network and its cloud's
//! metadata are none of theirs, whatever the mode, and neither are its own ports. The operator leads them
//! there by a service that lists the address, or that says itself where it is.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::super::stop::Stop;
use super::super::{Live, step};
use crate::account::Record;
use crate::dial::{Ends, Upstream, check_answer};
use crate::policy::{Permit, Target};
use crate::types::{DenyReason, Location, OriginalDst};

/// Connects to where `permit` leads, if a caller of another node may be led there.
pub(super) async fn dial(
    live: &Live,
    permit: Permit,
    ends: &Ends<'_>,
    own_ports: &[u16],
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    guard(&permit, own_ports)?;
    let dialled = live.dialer.dial(&permit, ends).await;
    if let Err(error) = &dialled
        && let Some(reason) = error.denial()
        && !is_public(ends.dst)
    {
        // In audit mode it would go to where the client wanted to go.
        return Err(reason.into());
    }
    let (permit, upstream) = step::connected(dialled, &live.dialer, permit, ends, record).await?;
    if is_own(upstream.addr.socket_addr(), own_ports) {
        return Err(DenyReason::OwnListener.into());
    }
    Ok((permit, upstream))
}

/// What a name resolves to is guarded where it is resolved, and what an operator lists is meant.
fn guard(permit: &Permit, own_ports: &[u16]) -> Result<(), DenyReason> {
    let addr = match permit.target() {
        Target::Address(addr) => *addr,
        Target::Answer { .. } | Target::Name { .. } | Target::Endpoints(_) => return Ok(()),
    };
    if !permit.lists(addr.ip()) {
        check_answer(addr.ip(), permit.terms().location)
            .map_err(|_| DenyReason::AddressNotPublic)?;
    }
    if is_own(addr, own_ports) {
        return Err(DenyReason::OwnListener);
    }
    Ok(())
}

fn is_public(dst: OriginalDst) -> bool {
    check_answer(dst.ip(), Location::default()).is_ok()
}

/// Whether it is a port of the gateway's own on this node.
fn is_own(addr: SocketAddr, own_ports: &[u16]) -> bool {
    own_ports.contains(&addr.port()) && is_here(addr.ip())
}

/// An address that can be bound is one of this network namespace. Where every one can be, none is let
/// through.
fn is_here(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Terms;

    #[test]
    fn nobody_is_led_to_an_address_that_is_not_public_and_not_listed() {
        let to = |addr: &str, terms| {
            let target = Target::Address(addr.parse().expect("an address"));
            guard(&Permit::for_test(target, terms), &[15080])
        };
        for addr in [
            "127.0.0.1:15000",
            "169.254.169.254:80",
            "10.0.0.1:443",
            "0.0.0.0:443",
            "[::1]:443",
        ] {
            let refused = Err(DenyReason::AddressNotPublic);
            assert_eq!(to(addr, Terms::default()), refused, "{addr}");
        }
        assert_eq!(to("203.0.113.10:443", Terms::default()), Ok(()));
        let listing = Terms {
            listed: Box::from(["10.0.0.0/8".parse().expect("a network")]),
            ..Terms::default()
        };
        assert_eq!(to("10.0.0.1:443", listing), Ok(()));
        let own = Terms {
            listed: Box::from(["127.0.0.0/8".parse().expect("a network")]),
            ..Terms::default()
        };
        assert_eq!(to("127.0.0.1:15080", own), Err(DenyReason::OwnListener));
    }

    #[test]
    fn only_the_gateways_own_ports_on_its_own_node_are_its_own() {
        let own = |addr: &str| is_own(addr.parse().expect("an address"), &[15080]);
        assert!(own("127.0.0.1:15080"));
        assert!(!own("127.0.0.1:15081"));
        assert!(!own("203.0.113.10:15080"));
    }
}
