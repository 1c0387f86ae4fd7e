//! Dialling for callers of other nodes.
//!
//! What is local to the gateway is not so to them: its loopback addresses, its network, its cloud's metadata,
//! and all that listens on its own node are none of theirs, whatever the mode. The operator leads them there by
//! a service that lists the address, or that says itself where it is; but never to the gateway's own ports.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use ipnet::IpNet;

use super::super::stop::Stop;
use super::super::{Live, step};
use crate::account::Record;
use crate::dial::{Confines, DialError, Ends, Upstream, check_answer, is_special};
use crate::policy::{EndpointHost, Permit, Target, Terms};
use crate::types::DenyReason;

/// Connects to where `permit` leads, if a caller of another node may be led there. Unless it is `pinned`, the
/// destination is not one that the client chose.
pub(super) async fn dial(
    live: &Live,
    permit: Permit,
    ends: &Ends<'_>,
    own_ports: &[u16],
    pinned: bool,
    record: &mut Record,
) -> Result<(Permit, Upstream), Stop> {
    let dialled = {
        let allows = |addr| allows(&permit, addr, own_ports);
        let confines = Confines {
            allows: &allows,
            pinned,
        };
        live.dialer.dial_within(&permit, ends, &confines).await
    };
    if let Err(error) = &dialled
        && let Some(reason) = error.denial()
    {
        // In audit mode it would go to where the client wanted to go.
        let there = unlisted(&Terms::default(), ends.dst.socket_addr(), own_ports);
        if there.is_err() || matches!(error, DialError::Confined { .. }) {
            return Err(reason.into());
        }
    }
    step::connected(dialled, &live.dialer, permit, ends, record).await
}

/// Whether `permit` may lead a caller of another node to this address.
fn allows(permit: &Permit, addr: SocketAddr, own_ports: &[u16]) -> Result<(), DenyReason> {
    if is_endpoint(permit, addr) {
        return if own_ports.contains(&addr.port()) && is_here(addr.ip()) {
            Err(DenyReason::OwnListener)
        } else {
            Ok(())
        };
    }
    unlisted(permit.terms(), addr, own_ports)
}

/// Whether a permit leads a caller of another node to the address itself that it is for, or to one that is looked for
/// yet.
pub(super) fn leads(permit: &Permit, own_ports: &[u16]) -> bool {
    match permit.target() {
        Target::Address(addr) | Target::Answer { addr, .. } => {
            allows(permit, *addr, own_ports).is_ok()
        }
        Target::Name { .. } | Target::Endpoints(_) => true,
    }
}

/// Whether it does still, of a connection that lives. Ports are not looked at: the gateway's own stay what they are.
pub(in crate::conn) fn still_allows(permit: &Permit) -> bool {
    leads(permit, &[])
}

/// Whether the operator says in so many words that a service is there.
fn is_endpoint(permit: &Permit, addr: SocketAddr) -> bool {
    let Target::Endpoints(targets) = permit.target() else {
        return false;
    };
    let is_it =
        |host: &EndpointHost| matches!(host, EndpointHost::Address(listed) if *listed == addr);
    targets.iter().any(|target| is_it(&target.host))
}

fn unlisted(terms: &Terms, addr: SocketAddr, own_ports: &[u16]) -> Result<(), DenyReason> {
    let ip = addr.ip().to_canonical();
    // To connect to it is to connect to the local host.
    if ip.is_unspecified() {
        return Err(DenyReason::AddressNotPublic);
    }
    if !lists(terms, ip) {
        check_answer(ip, terms.location).map_err(|_| DenyReason::AddressNotPublic)?;
    }
    if !is_here(ip) {
        return Ok(());
    }
    if own_ports.contains(&addr.port()) {
        return Err(DenyReason::OwnListener);
    }
    if lists_alone(terms, ip) || ip.is_loopback() {
        Ok(())
    } else {
        Err(DenyReason::AddressNotPublic)
    }
}

/// Whether an address that is not public is meant by what a service lists. A network that has public ones as
/// well, such as `0.0.0.0/0`, does not mean it.
fn lists(terms: &Terms, ip: IpAddr) -> bool {
    let mut having = terms.listed.iter().filter(|net| net.contains(&ip));
    having.any(|net| is_alone(*net) || is_special(*net))
}

/// Whether a service lists this address by itself: no network that the gateway's node happens to be in means
/// what listens on that.
fn lists_alone(terms: &Terms, ip: IpAddr) -> bool {
    let mut having = terms.listed.iter().filter(|net| net.contains(&ip));
    having.any(|net| is_alone(*net))
}

fn is_alone(net: IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// Whether it is an address of this network namespace: such can be bound. Where every one can be, or it cannot be
/// known, it is.
pub(super) fn is_here(ip: IpAddr) -> bool {
    match UdpSocket::bind((ip, 0)) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::AddrNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(nets: &[&str]) -> Terms {
        let nets = nets.iter().map(|net| net.parse().expect("a network"));
        Terms {
            listed: nets.collect(),
            ..Terms::default()
        }
    }

    fn to(addr: &str, terms: Terms) -> Result<(), DenyReason> {
        let addr = addr.parse().expect("an address");
        allows(
            &Permit::for_test(Target::Address(addr), terms),
            addr,
            &[15080],
        )
    }

    const NOT_PUBLIC: Result<(), DenyReason> = Err(DenyReason::AddressNotPublic);

    #[test]
    fn nobody_is_led_to_an_address_that_is_not_public_and_not_listed() {
        for addr in [
            "127.0.0.1:15000",
            "169.254.169.254:80",
            "10.0.0.1:443",
            "0.0.0.0:443",
            "[::1]:443",
            "[::ffff:127.0.0.1]:443",
        ] {
            assert_eq!(to(addr, Terms::default()), NOT_PUBLIC, "{addr}");
            // All that there is means none of these.
            let all = listing(&["0.0.0.0/0", "::/0", "::ffff:0:0/96"]);
            assert_eq!(to(addr, all), NOT_PUBLIC, "{addr}");
        }
        assert_eq!(to("203.0.113.10:443", Terms::default()), Ok(()));
        assert_eq!(to("10.0.0.1:443", listing(&["10.0.0.0/8"])), Ok(()));
        assert_eq!(
            to("169.254.169.254:80", listing(&["169.254.169.254/32"])),
            Ok(())
        );
        // It stands for no destination.
        assert_eq!(to("0.0.0.0:443", listing(&["0.0.0.0/32"])), NOT_PUBLIC);
    }

    #[test]
    fn the_gateways_own_ports_are_nobodys_whatever_is_listed() {
        let own = Err(DenyReason::OwnListener);
        assert_eq!(to("127.0.0.1:15080", listing(&["127.0.0.1/32"])), own);
        assert_eq!(to("127.0.0.1:15081", listing(&["127.0.0.0/8"])), Ok(()));
        assert_eq!(to("203.0.113.10:15080", Terms::default()), Ok(()));
        let addr = "127.0.0.1:15080".parse().expect("an address");
        let target = crate::policy::EndpointTarget {
            host: EndpointHost::Address(addr),
            weight: 1,
            locality: None,
        };
        let target = Target::Endpoints([target].into());
        let permit = Permit::for_test(target, Terms::default());
        assert_eq!(allows(&permit, addr, &[15080]), own);
        assert_eq!(allows(&permit, addr, &[]), Ok(()));
        let other = "127.0.0.1:15081".parse().expect("an address");
        assert_eq!(allows(&permit, other, &[]), NOT_PUBLIC);
    }

    #[test]
    fn an_address_is_here_unless_it_is_known_not_to_be() {
        let here = |ip: &str| is_here(ip.parse().expect("an address"));
        assert!(here("127.0.0.1"));
        assert!(!here("203.0.113.10"));
        // Of which link, nobody says.
        assert!(here("fe80::1"));
    }
}
