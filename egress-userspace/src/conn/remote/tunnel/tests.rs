//! What tunnels may be for, as long as they last.

use super::*;
use crate::conn::Connection;
use crate::conn::connection::Admitted;
use crate::policy::{Options, Permit, Terms};
use crate::types::{
    CgroupId, ClientAddr, ConnId, Generation, OnRevoke, OutboundTrafficPolicy, Port, Protocol,
    Remote, Service, UpstreamAddr,
};

const DB: &str = "db.example.com";

/// One that refuses a name.
fn denies(host: &str) -> Service {
    Service {
        hosts: vec![host.parse().expect("a pattern")],
        ports: vec![Port {
            number: 5432,
            protocol: Protocol::Tls,
            target_port: None,
            name: None,
        }],
        deny: true,
        ..Service::new("no")
    }
}

/// A policy that lets all else through.
fn policy(services: &[Service]) -> Policy {
    let options = Options {
        outbound: OutboundTrafficPolicy::AllowAny,
        ..Options::default()
    };
    Policy::compile(services, &[], options, Generation(2))
}

fn stranger() -> Caller {
    let remote = Remote {
        listener: "nodes".into(),
        address: "192.0.2.7".parse().expect("an address"),
        is_certified: false,
    };
    Caller::remote(remote, None)
}

/// A live connection in which nothing was said that has a name.
fn joined(addr: &str, caller: Caller, asked: Option<&str>) -> Connection {
    let addr: SocketAddr = addr.parse().expect("an address");
    let known = Known {
        client: ClientAddr::new(addr),
        dst: OriginalDst::new(addr),
        caller: Arc::new(caller),
        learned: asked
            .iter()
            .map(|name| name.parse().expect("a name"))
            .collect(),
        draw: 0,
    };
    let admitted = Admitted {
        permit: Permit::for_test(Target::Address(addr), Terms::default()),
        on_revoke: OnRevoke::default(),
        generation: Generation(1),
    };
    let upstream = UpstreamAddr::new(addr);
    Connection::new(ConnId(1), known, Claim::Opaque, admitted, upstream)
}

#[test]
fn a_live_tunnel_is_judged_by_the_name_that_was_asked_for() {
    let tunnel = joined("203.0.113.20:5432", stranger(), Some(DB));
    assert!(tunnel.is_admitted_by(&policy(&[])));
    assert!(tunnel.is_admitted_by(&policy(&[denies("other.example.com")])));
    assert!(!tunnel.is_admitted_by(&policy(&[denies(DB)])));
}

#[test]
fn a_live_tunnel_leads_nowhere_that_a_new_one_would_not() {
    let here = Caller::unknown(CgroupId(1));
    for (addr, caller, expected) in [
        ("203.0.113.20:5432", stranger(), true),
        ("10.0.0.5:5432", stranger(), false),
        ("10.0.0.5:5432", here, true),
    ] {
        let tunnel = joined(addr, caller, None);
        assert_eq!(tunnel.is_admitted_by(&policy(&[])), expected, "{addr}");
    }
}

#[test]
fn a_live_tunnel_by_name_leads_nowhere_that_a_new_one_would_not() {
    let [port] = denies(DB).ports.try_into().expect("one");
    let db = Service {
        deny: false,
        ports: vec![Port {
            protocol: Protocol::Tcp,
            ..port
        }],
        ..denies(DB)
    };
    for (addr, expected) in [("203.0.113.20:5432", true), ("10.0.0.5:5432", false)] {
        let tunnel = joined(addr, stranger(), Some(DB));
        let policy = policy(std::slice::from_ref(&db));
        assert_eq!(tunnel.is_admitted_by(&policy), expected, "{addr}");
    }
}

#[test]
fn what_could_be_said_in_a_tunnel_leads_somewhere_or_nowhere_or_is_refused() {
    let name: HostName = DB.parse().expect("a name");
    let outlook = |addr: &str, services: &[Service]| {
        let addr: SocketAddr = addr.parse().expect("an address");
        let known = Known {
            client: ClientAddr::new(addr),
            dst: OriginalDst::new(addr),
            caller: Arc::new(stranger()),
            learned: Box::from([name.clone()]),
            draw: 0,
        };
        match outlook(&policy(services), &known, &name, |permit| {
            leads(permit, &[])
        }) {
            Outlook::LetThrough => "let through",
            Outlook::Guarded => "guarded",
            Outlook::Refused(Claim::Tls(_)) => "refused in TLS",
            Outlook::Refused(_) => "refused",
        }
    };
    assert_eq!(outlook("203.0.113.20:5432", &[]), "let through");
    assert_eq!(outlook("10.0.0.5:5432", &[]), "guarded");
    let refused = outlook("10.0.0.5:5432", &[denies(DB)]);
    assert_eq!(
        refused, "refused in TLS",
        "by name, and not for what it speaks"
    );
}

#[test]
fn families_take_turns_and_what_cannot_be_reached_comes_last() {
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let [v6a, v6b, v4a, v4b] = ["::1", "::2", "127.0.0.1", "127.0.0.2"].map(ip);
    let all = || vec![v6a, v6b, v4a, v4b];
    assert_eq!(in_turn(all(), |_| true), [v6a, v4a, v6b, v4b]);
    assert_eq!(in_turn(all(), |ip| ip != v6a), [v4a, v6b, v4b, v6a]);
    assert_eq!(in_turn(vec![v4a, v4b, v6a], |_| true), [v6a, v4a, v4b]);
    assert!(has_way(v4a));
    let many = (0..=u8::MAX).map(|host| IpAddr::from([127, 0, 1, host]));
    assert_eq!(in_turn(many.collect(), |_| true).len(), MAX_ADDRESSES);
}
