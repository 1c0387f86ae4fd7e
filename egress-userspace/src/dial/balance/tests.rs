//! Distributions, with seeded lots: what is drawn is the same in every run.

use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;

use fastrand::Rng;
use proptest::prelude::*;

use super::super::guard::Cleared;
use super::*;

fn addr(number: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from_bits(0xc000_0200 + number), 443))
}

/// Addresses 0, 1, … with these weights.
fn pool(weights: &[u32]) -> Vec<Candidate> {
    (0..)
        .zip(weights)
        .map(|(number, weight)| Candidate {
            addr: Cleared::permitted(addr(number)),
            weight: *weight,
            distance: 0,
            second: false,
        })
        .collect()
}

fn balance(balancer: LoadBalancer, state: Option<&State>) -> Balance<'_> {
    Balance {
        balancer,
        turn: 0,
        source: 0,
        state,
        rng: Rng::with_seed(7),
    }
}

/// The numbers of the addresses, in order.
fn numbers(candidates: &[Candidate]) -> Vec<u32> {
    let ip = |candidate: &Candidate| match candidate.addr.addr() {
        SocketAddr::V4(addr) => addr.ip().to_bits() - 0xc000_0200,
        SocketAddr::V6(_) => panic!("an IPv6 address"),
    };
    candidates.iter().map(ip).collect()
}

fn chosen(balance: &mut Balance<'_>, weights: &[u32]) -> u32 {
    *numbers(&balance.order(pool(weights))).first().expect("one")
}

/// How often each is chosen.
fn shares(balance: &mut Balance<'_>, weights: &[u32], times: usize) -> Vec<usize> {
    let mut shares = vec![0; weights.len()];
    for _ in 0..times {
        let number = chosen(balance, weights) as usize;
        *shares.get_mut(number).expect("an address") += 1;
    }
    shares
}

#[test]
fn equal_weights_take_turns_without_any_state() {
    let mut balance = balance(LoadBalancer::RoundRobin, None);
    let mut order = Vec::new();
    for turn in 0..4 {
        balance.turn = turn;
        order.push(chosen(&mut balance, &[1, 1, 1]));
    }
    assert_eq!(order, [0, 1, 2, 0]);
}

#[test]
fn unequal_weights_are_mixed_smoothly() {
    // nginx's own example: a a b a c a a, and not five times a first.
    let state = State::default();
    let mut balance = balance(LoadBalancer::RoundRobin, Some(&state));
    let order: Vec<_> = (0..7).map(|_| chosen(&mut balance, &[5, 1, 1])).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(shares(&mut balance, &[5, 1, 1], 700), [500, 100, 100]);
}

#[test]
fn lots_fall_by_weight() {
    let mut balance = balance(LoadBalancer::Random, None);
    let shares = shares(&mut balance, &[6, 3, 1], 10_000);
    for (share, expected) in shares.iter().zip([6_000_usize, 3_000, 1_000]) {
        assert!(share.abs_diff(expected) < 200, "{shares:?}");
    }
}

#[test]
fn of_two_drawn_the_less_loaded_is_chosen() {
    let state = State::default();
    for _ in 0..10 {
        state.succeeded(addr(0));
    }
    let mut balance = balance(LoadBalancer::LeastRequest, Some(&state));
    assert_eq!(shares(&mut balance, &[1, 1], 100), [0, 100]);
    // The loaded one of three is chosen by nobody, the others by both halves.
    let three = shares(&mut balance, &[1, 1, 1], 1_000);
    assert_eq!(three.first(), Some(&0));
    assert!(three.iter().skip(1).all(|share| *share > 400), "{three:?}");
    // Ten connections are few for a hundred times the weight.
    assert_eq!(shares(&mut balance, &[100, 1], 100), [100, 0]);
}

#[test]
fn those_not_chosen_follow_by_their_load() {
    let state = State::default();
    for number in [1, 2, 2, 3, 3, 3] {
        state.succeeded(addr(number));
    }
    let mut balance = balance(LoadBalancer::LeastRequest, Some(&state));
    for _ in 0..20 {
        let order = numbers(&balance.order(pool(&[1, 1, 1, 1])));
        let rest = order.get(1..).expect("the rest");
        assert!(rest.is_sorted(), "{order:?}");
    }
}

#[test]
fn clients_spread_by_weight_and_each_stays() {
    let mut balance = balance(LoadBalancer::SourceIp, None);
    let mut shares = BTreeMap::<u32, usize>::new();
    for client in 0..10_000_u32 {
        balance.source = source(Ipv4Addr::from_bits(client).into());
        let number = chosen(&mut balance, &[3, 1]);
        assert_eq!(number, chosen(&mut balance, &[3, 1]));
        *shares.entry(number).or_default() += 1;
    }
    assert!(
        shares.get(&0).is_some_and(|n| n.abs_diff(7_500) < 200),
        "{shares:?}"
    );
}

#[test]
fn when_an_address_goes_only_its_own_clients_move() {
    let mut balance = balance(LoadBalancer::SourceIp, None);
    for client in 0..1_000_u64 {
        balance.source = client;
        let before = numbers(&balance.order(pool(&[1; 5])));
        let left: Vec<_> = pool(&[1; 5]).into_iter().skip(1).collect();
        let after = numbers(&balance.order(left));
        let expected: Vec<_> = before.into_iter().filter(|number| *number != 0).collect();
        assert_eq!(after, expected);
    }
}

fn any_balancer() -> impl Strategy<Value = LoadBalancer> {
    prop_oneof![
        Just(LoadBalancer::RoundRobin),
        Just(LoadBalancer::LeastRequest),
        Just(LoadBalancer::Random),
        Just(LoadBalancer::SourceIp),
    ]
}

proptest! {
    /// Whoever is first, nobody is lost or added.
    #[test]
    fn every_address_is_there_once(
        balancer in any_balancer(),
        weights in prop::collection::vec(1..1_000_000_u32, 0..20),
        turn: usize,
        seed: u64,
        live in prop::collection::vec(0..20_u32, 0..30),
    ) {
        let state = State::default();
        for number in live {
            state.succeeded(addr(number));
        }
        let mut balance = Balance { turn, rng: Rng::with_seed(seed), ..balance(balancer, Some(&state)) };
        let order = numbers(&balance.order(pool(&weights)));
        prop_assert_eq!(order.len(), weights.len());
        prop_assert_eq!(order.iter().collect::<HashSet<_>>().len(), weights.len());
    }

    /// In a whole round each address has exactly its weight.
    #[test]
    fn a_round_has_every_weight(weights in prop::collection::vec(1..20_u32, 2..8)) {
        let state = State::default();
        let mut balance = balance(LoadBalancer::RoundRobin, Some(&state));
        prop_assume!(differ(&pool(&weights)));
        let total = weights.iter().sum::<u32>() as usize;
        let expected: Vec<_> = weights.iter().map(|weight| *weight as usize).collect();
        prop_assert_eq!(shares(&mut balance, &weights, total), expected);
    }
}
