//! What is remembered, for how long, and how much of it.

use proptest::prelude::*;
use tokio::time::advance;

use super::*;

const CALLER: CgroupId = CgroupId(7);
const MINUTE: Duration = Duration::from_mins(1);

fn ip(last: u8) -> IpAddr {
    [203, 0, 113, last].into()
}

fn name(text: &str) -> HostName {
    text.parse().expect("a name")
}

fn told(learned: &Learned, last: u8) -> Vec<String> {
    let names = learned.names(CALLER, ip(last));
    names.iter().map(HostName::to_string).collect()
}

/// That the two indexes say the same.
fn check(learned: &Learned) {
    let store = learned.store.lock().expect("not poisoned");
    let mut total = 0;
    for names in store.callers.values() {
        let mut ends: Vec<_> = names.addresses.values().flatten().map(|t| t.end).collect();
        ends.sort();
        assert!(ends.iter().eq(names.ends.keys()));
        ends.sort_by_key(|end| end.turn);
        let turns = ends.iter().map(|end| (&end.turn, &end.at));
        assert!(turns.eq(&names.turns));
        assert!(names.addresses.values().all(|told| !told.is_empty()));
        assert!(!ends.is_empty());
        total += ends.len();
    }
    assert_eq!(store.total, total);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_known_to_who_asked_and_until_it_ends() {
    let learned = Learned::default();
    learned.learn(CALLER, ip(1), &name("a.example"), MINUTE, 9);
    assert_eq!(told(&learned, 1), ["a.example"]);
    assert!(learned.names(CgroupId(8), ip(1)).is_empty());
    assert!(told(&learned, 2).is_empty());
    advance(MINUTE).await;
    assert!(told(&learned, 1).is_empty());
    learned.forget_ended();
    assert!(learned.is_empty());
    check(&learned);
}

#[tokio::test(start_paused = true)]
async fn asking_again_keeps_a_name_longer_but_never_shorter() {
    let learned = Learned::default();
    learned.learn(CALLER, ip(1), &name("a.example"), MINUTE, 9);
    advance(MINUTE / 2).await;
    learned.learn(CALLER, ip(1), &name("a.example"), MINUTE, 9);
    learned.learn(CALLER, ip(1), &name("a.example"), MINUTE / 60, 9);
    advance(MINUTE / 2).await;
    assert_eq!(told(&learned, 1), ["a.example"]);
    assert_eq!(learned.len(), 1);
    check(&learned);
}

#[tokio::test(start_paused = true)]
async fn a_mapped_address_is_its_ipv4_address() {
    let learned = Learned::default();
    let mapped = "::ffff:203.0.113.1".parse().expect("an address");
    learned.learn(CALLER, mapped, &name("a.example"), MINUTE, 9);
    assert_eq!(told(&learned, 1), ["a.example"]);
    assert_eq!(learned.names(CALLER, mapped).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn at_its_bound_a_caller_forgets_what_was_told_longest_ago() {
    let learned = Learned::default();
    for last in 1..=4 {
        advance(MINUTE / 60).await;
        learned.learn(CALLER, ip(last), &name("a.example"), MINUTE, 3);
    }
    assert!(told(&learned, 1).is_empty());
    assert!((2..=4).all(|last| told(&learned, last) == ["a.example"]));
    learned.learn(CALLER, ip(5), &name("a.example"), MINUTE, 1);
    assert_eq!(learned.len(), 1);
    check(&learned);
}

#[tokio::test(start_paused = true)]
async fn one_address_has_so_many_names_and_no_more() {
    let learned = Learned::default();
    for number in 0..=PER_ADDRESS {
        advance(MINUTE / 60).await;
        let name = name(&format!("a{number}.example"));
        learned.learn(CALLER, ip(1), &name, MINUTE * 10, 1000);
    }
    let names = told(&learned, 1);
    assert_eq!(names.len(), PER_ADDRESS);
    assert!(!names.contains(&"a0.example".to_owned()));
    check(&learned);
}

#[tokio::test(start_paused = true)]
async fn what_was_just_told_is_known_however_soon_it_ends() {
    let learned = Learned::default();
    for last in 1..=3 {
        learned.learn(CALLER, ip(last), &name("long.example"), MINUTE * 60, 3);
    }
    learned.learn(CALLER, ip(4), &name("short.example"), MINUTE, 3);
    learned.learn(CALLER, ip(5), &name("short.example"), MINUTE, 3);
    assert_eq!(told(&learned, 4), ["short.example"]);
    assert_eq!(told(&learned, 5), ["short.example"]);
    for number in 0..PER_ADDRESS {
        let name = name(&format!("long{number}.example"));
        learned.learn(CALLER, ip(6), &name, MINUTE * 60, 1000);
    }
    learned.learn(CALLER, ip(6), &name("short.example"), MINUTE, 1000);
    assert!(told(&learned, 6).contains(&"short.example".to_owned()));
    check(&learned);
}

#[tokio::test(start_paused = true)]
async fn when_all_room_is_taken_the_largest_caller_gives_way() {
    let learned = Learned::default();
    let small = CgroupId(1);
    learned.learn(small, ip(1), &name("a.example"), MINUTE, 9);
    for number in 0..IN_ALL as u64 {
        let address = std::net::Ipv6Addr::from_bits(number.into()).into();
        let caller = CgroupId(2 + number % 4);
        learned.learn(caller, address, &name("b.example"), MINUTE * 2, usize::MAX);
    }
    assert_eq!(learned.len(), IN_ALL);
    assert_eq!(learned.names(small, ip(1)).len(), 1);
    check(&learned);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_two_indexes_always_agree(
        steps in prop::collection::vec((0..3_u64, 0..4_u8, 0..40_u8, 0..90_u64), 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let learned = Learned::default();
            for (caller, last, host, seconds) in steps {
                let name = name(&format!("h{host}.example"));
                let holds = Duration::from_secs(seconds);
                learned.learn(CgroupId(caller), ip(last), &name, holds, 50);
                check(&learned);
                advance(Duration::from_secs(1)).await;
                if seconds % 7 == 0 {
                    learned.forget_ended();
                    check(&learned);
                }
            }
        });
    }
}
