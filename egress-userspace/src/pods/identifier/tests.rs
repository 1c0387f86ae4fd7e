//! Which pod a caller is known to be in, and until when it is waited for.

use std::net::IpAddr;

use super::*;
use crate::pods::Watched;
use crate::types::{CgroupId, Mode, Remote};

const TIMEOUT: Duration = Duration::from_secs(2);
const UID: &str = "2c48913c-b29f-11e7-9350-020968147796";

fn caller(path: &str) -> Caller {
    Caller {
        cgroup_path: Some(path.into()),
        ..Caller::unknown(CgroupId(1))
    }
}

fn in_pod() -> Caller {
    caller(&format!("/kubepods/burstable/pod{UID}/x"))
}

fn uid() -> PodUid {
    UID.parse().expect("a uid")
}

fn pod() -> Pod {
    Pod {
        name: "checkout".into(),
        ..Pod::default()
    }
}

fn identifier() -> (Arc<Pods>, Arc<Identifier>) {
    let pods = Arc::<Pods>::default();
    let identifier = Identifier::new(Arc::clone(&pods), Arc::default(), "/", TIMEOUT);
    (pods, Arc::new(identifier))
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_known_is_not_waited_for_nor_is_what_is_no_pod() {
    let (pods, identifier) = identifier();
    pods.set(uid(), pod(), Vec::new());
    let mut known = in_pod();
    assert_eq!(identifier.look_up(&mut known), None);
    assert_eq!(known.pod.as_deref(), Some(&pod()));
    for path in ["/system.slice/sshd.service", "/kubepods/burstable"] {
        let mut other = caller(path);
        assert_eq!(identifier.look_up(&mut other), None, "{path}");
        assert_eq!(other.pod, None, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_is_waited_for() {
    let (pods, identifier) = identifier();
    let unknown = identifier.look_up(&mut in_pod()).expect("it is unknown");
    let waiting = tokio::spawn({
        let identifier = Arc::clone(&identifier);
        async move { identifier.wait(unknown).await }
    });
    tokio::time::sleep(TIMEOUT / 2).await;
    // Another pod's is not it.
    pods.set("0".repeat(32).parse().expect("a hash"), pod(), Vec::new());
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    pods.set(uid(), pod(), Vec::new());
    let found = waiting.await.expect("it ends");
    assert_eq!(found.as_deref(), Some(&pod()));
    assert_eq!(identifier.now(&in_pod()), found);
}

#[tokio::test(start_paused = true)]
async fn what_never_comes_is_waited_for_once() {
    let (pods, identifier) = identifier();
    let unknown = identifier.look_up(&mut in_pod()).expect("it is unknown");
    let begun = Instant::now();
    assert_eq!(identifier.wait(unknown).await, None);
    assert_eq!(begun.elapsed(), TIMEOUT);
    assert_eq!(identifier.wait(unknown).await, None);
    assert_eq!(begun.elapsed(), TIMEOUT);
    assert!(!identifier.is_news(uid()), "it was told of");
    // What comes at last is known, and what is forgotten then is waited for again.
    pods.set(uid(), pod(), Vec::new());
    assert!(identifier.wait(unknown).await.is_some());
    pods.remove(uid());
    assert_eq!(identifier.wait(unknown).await, None);
    assert_eq!(begun.elapsed(), 2 * TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_not_known_is_judged_as_the_kernel_does() {
    let (pods, identifier) = identifier();
    let mode = |caller: &Caller| caller.mode(Mode::Audit);
    let look_up = || {
        let mut caller = in_pod();
        let unknown = identifier.look_up(&mut caller).expect("it is unknown");
        (caller, unknown)
    };
    assert_eq!(mode(&look_up().0), PodMode::Audit);
    // It may be of the namespace that enforces, also if that is known while it is waited for.
    let (mut waiting, unknown) = look_up();
    pods.set_mode("shop", Some(PodMode::Enforce));
    assert_eq!(mode(&look_up().0), PodMode::Enforce);
    identifier.identify(&mut waiting, unknown).await;
    assert_eq!(mode(&waiting), PodMode::Enforce);
    assert!(identifier.renewed(&waiting).is_none());
    // So is one that is connected already.
    pods.set_mode("shop", None);
    waiting = identifier.renewed(&waiting).expect("something else");
    assert_eq!(mode(&waiting), PodMode::Audit);
    pods.set_mode("shop", Some(PodMode::Enforce));
    waiting = identifier.renewed(&waiting).expect("something else");
    assert_eq!(mode(&waiting), PodMode::Enforce);
    let mut other = caller("/system.slice/sshd.service");
    assert_eq!(identifier.look_up(&mut other), None);
    assert!(identifier.renewed(&other).is_none());
    assert_eq!(mode(&other), PodMode::Audit);
    pods.set_mode("shop", None);
    let own = in_pod().cgroup_path;
    identifier.holding(move |path| (Some(path) == own.as_deref()).then_some(PodMode::Enforce));
    assert_eq!(mode(&look_up().0), PodMode::Enforce);
    pods.set(uid(), pod(), Vec::new());
    let (mut waiting, unknown) = (in_pod(), unknown);
    identifier.identify(&mut waiting, unknown).await;
    assert_eq!(mode(&waiting), PodMode::Audit);
}

fn remote(address: IpAddr, is_certified: bool) -> Remote {
    Remote {
        listener: "mesh".into(),
        address,
        is_certified,
    }
}

#[test]
fn what_the_kernel_held_before_holds_until_all_is_known_and_for_live_callers_too() {
    let freshness = Arc::<Freshness>::default();
    let identifier = Identifier::new(Arc::default(), Arc::clone(&freshness), "/", TIMEOUT);
    identifier.holding(|_| Some(PodMode::Off));
    let mut live = in_pod();
    assert!(identifier.look_up(&mut live).is_some());
    assert_eq!(live.held, Some(PodMode::Off));
    assert!(identifier.renewed(&live).is_none());
    for watched in [Watched::Pods, Watched::Namespaces] {
        freshness.synced(watched, 0);
    }
    let renewed = identifier.renewed(&live).expect("something else");
    assert_eq!(renewed.held, None);
}

#[tokio::test(start_paused = true)]
async fn who_is_known_by_an_address_is_the_pod_that_has_it_now_unless_that_is_old() {
    let (pods, identifier) = identifier();
    let address = "192.0.2.7".parse().expect("an address");
    let by = |is_certified| Caller::remote(remote(address, is_certified), None);
    assert_eq!(identifier.now(&by(false)), None);
    pods.set(uid(), pod(), vec![address]);
    assert_eq!(identifier.now(&by(false)).as_deref(), Some(&pod()));
    assert_eq!(identifier.now(&by(true)), None);
    pods.end(uid());
    assert_eq!(identifier.now(&by(false)), None);
    // The API is never heard of, and who was known by it stays who it was.
    pods.set(uid(), pod(), vec![address]);
    let known = by(false).in_pod(Arc::default());
    assert!(identifier.renewed(&known).is_some());
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(identifier.now(&by(false)), None);
    assert_eq!(identifier.renewed(&known), None);
}

#[test]
fn what_its_namespaces_label_says_holds_for_one_that_is_connected_whoever_has_its_address() {
    let (pods, identifier) = identifier();
    let address = "192.0.2.7".parse().expect("an address");
    let in_shop = |mode| {
        Arc::new(Pod {
            namespace: "shop".into(),
            mode,
            ..Pod::default()
        })
    };
    for is_certified in [true, false] {
        let remote = remote(address, is_certified);
        let mut caller = Caller::remote(remote, Some(in_shop(None)));
        assert_eq!(identifier.renewed(&caller), None);
        for mode in [Some(PodMode::Enforce), Some(PodMode::Audit), None] {
            pods.set_mode("shop", mode);
            caller = identifier.renewed(&caller).expect("something else");
            assert_eq!(caller.pod, Some(in_shop(mode)));
            assert_eq!(identifier.renewed(&caller), None);
        }
        pods.forget_namespace("shop");
        assert_eq!(identifier.renewed(&caller), None);
        // It may be of that one.
        pods.set_mode("bank", Some(PodMode::Enforce));
        caller = identifier.renewed(&caller).expect("something else");
        assert_eq!(caller.pod, Some(in_shop(Some(PodMode::Enforce))));
        pods.forget_namespace("bank");
        assert_eq!(identifier.renewed(&caller), None, "what held before");
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_those_that_were_waited_for_has_an_end() {
    let (_pods, identifier) = identifier();
    for number in 0..2 * u128::try_from(REMEMBERED).expect("small") {
        identifier.until(PodUid::Uuid(number));
    }
    assert!(identifier.waited().len() <= REMEMBERED);
}
