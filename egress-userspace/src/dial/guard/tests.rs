//! The guard's classes, each with both ends of its range and the addresses next to it.

use proptest::prelude::*;

use super::*;
use crate::policy::{Target, Terms};

/// As for a service outside the mesh.
fn check(ip: IpAddr) -> Result<(), Refused> {
    check_answer(ip, Location::MeshExternal)
}

fn class(ip: &str) -> Option<Class> {
    check(ip.parse().expect("an address"))
        .err()
        .map(|refused| refused.class)
}

fn permit(listed: &[&str]) -> Permit {
    let nets = listed.iter().map(|net| net.parse().expect("a network"));
    let terms = Terms {
        listed: nets.collect(),
        ..Terms::default()
    };
    Permit::for_test(Target::Endpoints([].into()), terms)
}

#[test]
fn each_class_is_refused_from_end_to_end() {
    let table = [
        (Class::Unspecified, &["0.0.0.0", "0.255.255.255", "::"][..]),
        (Class::Loopback, &["127.0.0.1", "127.255.255.255", "::1"]),
        (
            Class::LinkLocal,
            &["169.254.0.0", "169.254.169.254", "fe80::1", "febf:ffff::"],
        ),
        (
            Class::Private,
            &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"],
        ),
        (
            Class::Private,
            &["192.168.0.0", "192.168.255.255", "fc00::", "fdff:ffff::"],
        ),
        (Class::Private, &["fec0::1"]),
        (
            Class::Shared,
            &["100.64.0.0", "100.100.100.200", "100.127.255.255"],
        ),
        (
            Class::Metadata,
            &[
                "168.63.129.16",
                "fd00:ec2::254",
                "fd20:ce::254",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
            ],
        ),
        (
            Class::Multicast,
            &["224.0.0.0", "239.255.255.255", "ff02::1"],
        ),
        (Class::Broadcast, &["255.255.255.255"]),
        (
            Class::Benchmarking,
            &["198.18.0.0", "198.19.255.255", "2001:2::1"],
        ),
        (
            Class::Reserved,
            &["192.0.0.0", "192.0.0.192", "192.88.99.1", "240.0.0.0"],
        ),
        (Class::Reserved, &["255.255.255.254", "100::1", "5f00::1"]),
        (Class::Reserved, &["64:ff9b:1::808:808"]),
    ];
    for (expected, addresses) in table {
        for ip in addresses {
            assert_eq!(class(ip), Some(expected), "{ip}");
        }
    }
}

#[test]
fn the_neighbours_of_each_range_pass() {
    for ip in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:4860::8888",
        "2606:4700::1111",
        "64:ff9c::a00:1",
    ] {
        assert_eq!(class(ip), None, "{ip}");
    }
}

#[test]
fn documentation_ranges_pass() {
    for ip in [
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "3fff::1",
    ] {
        assert_eq!(class(ip), None, "{ip}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_address_is_judged() {
    let forms: [fn(u16, u16) -> Ipv6Addr; 6] = [
        |h, l| Ipv6Addr::new(0, 0, 0, 0, 0, 0, h, l),
        |h, l| Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, h, l),
        |h, l| Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, h, l),
        |h, l| Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, h, l),
        |h, l| Ipv6Addr::new(0x2002, h, l, 0, 0, 0, 0, 1),
        |h, l| Ipv6Addr::new(0x2001, 0, 0xcb00, 0x7101, 0, 0, !h, !l),
    ];
    for form in forms {
        let metadata = form(0xa9fe, 0xa9fe);
        assert_eq!(
            check(metadata.into()).err().map(|r| r.class),
            Some(Class::LinkLocal),
            "{metadata}"
        );
        let public = form(0x0808, 0x0808);
        assert_eq!(check(public.into()), Ok(()), "{public}");
    }
}

#[test]
fn inside_the_mesh_an_answer_may_be_private_and_nothing_else() {
    let inside = |ip: &str| {
        let ip = ip.parse().expect("an address");
        check_answer(ip, Location::MeshInternal).is_ok()
    };
    for private in [
        "10.1.2.3",
        "192.168.0.1",
        "fd12::1",
        "::ffff:10.1.2.3",
        "192.0.2.1",
    ] {
        assert!(inside(private), "{private}");
    }
    for other in [
        "127.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "64:ff9b:1::a9fe:a9fe",
    ] {
        assert!(!inside(other), "{other}");
    }
}

#[test]
fn a_listed_address_passes_and_its_neighbour_does_not() {
    let permit = permit(&["10.1.2.0/24"]);
    let answer = |ip: &str| Cleared::answer(&permit, ip.parse().expect("an address"), 443);
    assert_eq!(
        answer("10.1.2.3").map(Cleared::addr),
        Ok("10.1.2.3:443".parse().expect("an address"))
    );
    assert!(answer("10.1.3.1").is_err());
}

#[test]
fn a_mapped_answer_is_dialled_as_the_ipv4_address_it_stands_for() {
    let ip = "::ffff:192.0.2.1".parse().expect("an address");
    let cleared = Cleared::answer(&permit(&[]), ip, 80).map(Cleared::addr);
    assert_eq!(cleared, Ok("192.0.2.1:80".parse().expect("an address")));
}

#[test]
fn a_listed_range_admits_its_mapped_form() {
    let ip = "::ffff:10.1.2.3".parse().expect("an address");
    assert!(Cleared::answer(&permit(&["10.1.2.0/24"]), ip, 80).is_ok());
}

proptest! {
    /// The standard library's own classes are an oracle for the stable part of the table.
    #[test]
    fn nothing_that_std_calls_local_passes(bits: u32) {
        let ip = Ipv4Addr::from_bits(bits);
        let local = ip.is_loopback() || ip.is_private() || ip.is_link_local()
            || ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified();
        prop_assert!(!local || check(ip.into()).is_err());
    }

    /// However an IPv4 address is dressed, the verdict is the same.
    #[test]
    fn nat64_changes_nothing(bits: u32) {
        let ip = Ipv4Addr::from_bits(bits);
        let dressed = Ipv6Addr::from_bits(0x0064_ff9b_u128 << 96 | u128::from(bits));
        prop_assert_eq!(check(ip.into()).is_ok(), check(dressed.into()).is_ok());
    }
}
