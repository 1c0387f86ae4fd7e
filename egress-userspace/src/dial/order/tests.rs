//! Orders of candidates, balanced in turn unless a test says otherwise.

use std::net::SocketAddr;

use fastrand::Rng;

use super::super::service::State;
use super::*;
use crate::types::{LoadBalancer, OutlierDetection};

const RULES: OutlierDetection = OutlierDetection {
    consecutive_failures: 1,
    base_ejection_time: std::time::Duration::from_secs(30),
    max_ejection_time: std::time::Duration::from_mins(5),
    max_ejection_percent: 100,
};

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn candidate(text: &str) -> Candidate {
    Candidate {
        addr: Cleared::permitted(addr(text)),
        weight: 1,
        distance: 0,
        second: false,
    }
}

fn second(text: &str) -> Candidate {
    Candidate {
        second: true,
        ..candidate(text)
    }
}

fn at(distance: usize, text: &str) -> Candidate {
    Candidate {
        distance,
        ..candidate(text)
    }
}

fn ordered(candidates: &[Candidate], turn: usize, state: Option<&State>) -> Vec<String> {
    let mut balance = Balance {
        balancer: LoadBalancer::RoundRobin,
        turn,
        source: 0,
        state,
        rng: Rng::with_seed(7),
    };
    let ordered = order(candidates.to_vec(), &mut balance);
    ordered.iter().map(|c| c.addr().to_string()).collect()
}

#[test]
fn families_alternate_and_ipv6_goes_first() {
    let given = [
        second("192.0.2.1:1"),
        second("192.0.2.2:1"),
        second("192.0.2.3:1"),
        candidate("[2001:db8::1]:1"),
    ];
    let expected = [
        "[2001:db8::1]:1",
        "192.0.2.1:1",
        "192.0.2.2:1",
        "192.0.2.3:1",
    ];
    assert_eq!(ordered(&given, 0, None), expected);
}

#[test]
fn each_turn_starts_at_another_address_of_each_family() {
    let given = [
        second("192.0.2.1:1"),
        second("192.0.2.2:1"),
        candidate("[2001:db8::1]:1"),
        candidate("[2001:db8::2]:1"),
    ];
    let expected = [
        "[2001:db8::2]:1",
        "192.0.2.2:1",
        "[2001:db8::1]:1",
        "192.0.2.1:1",
    ];
    assert_eq!(ordered(&given, 1, None), expected);
    assert_eq!(ordered(&given, 2, None), ordered(&given, 0, None));
}

#[test]
fn a_service_with_many_addresses_does_not_become_a_scan() {
    let many: Vec<_> = (1..1_000)
        .map(|port| candidate(&format!("192.0.2.1:{port}")))
        .collect();
    let ordered = ordered(&many, 500, None);
    assert_eq!(ordered.len(), MAX_ADDRESSES);
    assert_eq!(ordered.first().map(String::as_str), Some("192.0.2.1:501"));
}

#[test]
fn an_address_of_two_names_is_tried_once() {
    let given = [candidate("192.0.2.1:1"), candidate("192.0.2.1:1")];
    assert_eq!(ordered(&given, 0, None), ["192.0.2.1:1"]);
}

#[test]
fn near_addresses_come_first_and_take_turns_among_themselves() {
    let given = [
        at(3, "192.0.2.4:1"),
        at(1, "192.0.2.2:1"),
        at(0, "192.0.2.1:1"),
        at(1, "192.0.2.3:1"),
    ];
    let expected = ["192.0.2.1:1", "192.0.2.3:1", "192.0.2.2:1", "192.0.2.4:1"];
    assert_eq!(ordered(&given, 1, None), expected);
}

#[test]
fn distance_is_counted_in_parts_that_differ() {
    let here = Locality::new("eu/a/1");
    let to = |there: &str| distance(Some(&here), Some(&Locality::new(there)));
    assert_eq!(to("eu/a/1"), 0);
    assert_eq!(to("eu/a/2"), 1);
    assert_eq!(to("eu/a"), 1);
    assert_eq!(to("eu/b/1"), 2);
    assert_eq!(to("us/a/1"), 3);
    assert_eq!(distance(Some(&here), None), 3);
    assert_eq!(distance(None, Some(&here)), 0);
}

#[tokio::test(start_paused = true)]
async fn ejected_addresses_are_passed_over_until_all_are() {
    let state = State::default();
    let given = [
        at(0, "192.0.2.1:1"),
        at(0, "192.0.2.2:1"),
        at(1, "192.0.2.3:1"),
    ];
    let all: Vec<_> = given.iter().map(|c| c.addr.addr()).collect();
    let eject = |text| state.failed(addr(text), &all, &RULES);
    eject("192.0.2.1:1");
    assert_eq!(
        ordered(&given, 0, Some(&state)),
        ["192.0.2.2:1", "192.0.2.3:1"]
    );
    eject("192.0.2.2:1");
    assert_eq!(ordered(&given, 0, Some(&state)), ["192.0.2.3:1"]);
    eject("192.0.2.3:1");
    assert_eq!(ordered(&given, 0, Some(&state)).len(), 3);
    assert_eq!(state.stats().ejected, 3);
    tokio::time::advance(RULES.base_ejection_time).await;
    assert_eq!(state.stats().ejected, 0);
    assert_eq!(ordered(&given, 0, Some(&state)).len(), 3);
}
