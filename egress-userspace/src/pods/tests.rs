//! What is known of pods, told and forgotten.

use super::*;

fn uid(number: u8) -> PodUid {
    format!("{number:032x}").parse().expect("a uid")
}

fn pod(name: &str) -> Pod {
    Pod {
        name: name.into(),
        ..Pod::default()
    }
}

fn by_ip(pods: &Pods, ip: IpAddr) -> Option<Arc<Pod>> {
    pods.by_ip(ip, &Freshness::default())
}

#[test]
fn a_pod_is_found_by_its_id_and_its_addresses_until_it_is_removed() {
    let pods = Pods::default();
    let ip = "192.0.2.7".parse().expect("an address");
    pods.set(uid(1), pod("a"), vec![ip]);
    let found = by_ip(&pods, ip).expect("the pod");
    assert_eq!(*found.name, *"a");
    assert_eq!(pods.by_uid(uid(1)), Some(found));
    pods.remove(uid(1));
    assert_eq!(by_ip(&pods, ip), None);
    assert_eq!(pods.by_uid(uid(1)), None);
}

#[test]
fn an_address_is_its_last_owners_also_when_the_one_before_ends_later() {
    let pods = Pods::default();
    let ip = "192.0.2.7".parse().expect("an address");
    pods.set(uid(1), pod("before"), vec![ip]);
    pods.set(uid(2), pod("after"), vec![ip]);
    pods.remove(uid(1));
    let found = by_ip(&pods, ip).expect("the pod");
    assert_eq!(*found.name, *"after");
}

#[test]
fn each_change_is_told_of() {
    let pods = Pods::default();
    let mut changes = pods.changes();
    assert!(!changes.has_changed().expect("it is there"));
    pods.set(uid(1), pod("a"), Vec::new());
    assert!(changes.has_changed().expect("it is there"));
    changes.mark_unchanged();
    pods.remove(uid(1));
    assert!(changes.has_changed().expect("it is there"));
}

#[test]
fn what_is_known_already_is_no_change() {
    let pods = Pods::default();
    let ip = "192.0.2.7".parse().expect("an address");
    pods.set(uid(1), pod("a"), vec![ip]);
    pods.set_mode("", None);
    let mut changes = pods.changes();
    changes.mark_unchanged();
    pods.set(uid(1), pod("a"), vec![ip]);
    pods.set_mode("", None);
    pods.forget_other_namespaces(&HashSet::from(["".into()]), true);
    pods.forget_namespace("other");
    pods.end_others(&HashSet::from([uid(1)]), true);
    assert!(!changes.has_changed().expect("it is there"));
    pods.set(uid(1), pod("a"), Vec::new());
    assert!(changes.has_changed().expect("it is there"));
}

#[test]
fn a_namespaces_label_is_of_its_pods_alone() {
    let pods = Pods::default();
    let of = |namespace: &str| Pod {
        namespace: namespace.into(),
        ..Pod::default()
    };
    pods.set(uid(1), of("shop"), Vec::new());
    pods.set(uid(2), of("bank"), Vec::new());
    let changes = pods.changes();
    pods.set_mode("shop", Some(PodMode::Audit));
    assert!(changes.has_changed().expect("it is there"));
    let mode = |number| pods.by_uid(uid(number)).expect("the pod").mode;
    assert_eq!([mode(1), mode(2)], [Some(PodMode::Audit), None]);
    pods.set_mode("shop", None);
    assert_eq!(mode(1), None);
}

#[test]
fn a_namespaces_label_is_told_of_also_where_no_pod_of_it_is_known() {
    let pods = Pods::default();
    let mut changes = pods.changes();
    let mut is_told = || {
        let told = changes.has_changed().expect("it is there");
        changes.mark_unchanged();
        told
    };
    let shown = Arc::new(Pod {
        namespace: "shop".into(),
        ..Pod::default()
    });
    assert!(Arc::ptr_eq(&pods.as_its_namespace(&shown), &shown));
    pods.set_mode("shop", Some(PodMode::Enforce));
    assert!(is_told());
    let expected = Pod {
        mode: Some(PodMode::Enforce),
        ..Pod::clone(&shown)
    };
    assert_eq!(*pods.as_its_namespace(&shown), expected);
    pods.forget_namespace("shop");
    assert!(is_told());
    assert_eq!(pods.as_its_namespace(&shown), shown);
    pods.set_mode("shop", Some(PodMode::Enforce));
    pods.forget_other_namespaces(&HashSet::new(), true);
    assert!(is_told());
    assert_eq!(pods.of_unknown(), None);
}

#[tokio::test(start_paused = true)]
async fn one_that_ended_has_no_address_any_more_and_is_known_for_a_while() {
    let pods = Pods::default();
    let ip = "192.0.2.7".parse().expect("an address");
    pods.set(uid(1), pod("a"), vec![ip]);
    pods.set(uid(2), pod("b"), Vec::new());
    pods.end_others(&HashSet::from([uid(2)]), true);
    assert_eq!(by_ip(&pods, ip), None);
    tokio::time::advance(LINGER / 2).await;
    // Told again, it does not last longer.
    pods.end(uid(1));
    pods.forget_ended();
    assert!(pods.by_uid(uid(1)).is_some());
    tokio::time::advance(LINGER / 2).await;
    pods.forget_ended();
    assert_eq!(pods.by_uid(uid(1)), None);
    assert!(pods.by_uid(uid(2)).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_that_may_not_have_been_read_stays_known_and_has_no_address() {
    let pods = Pods::default();
    let ip = "192.0.2.7".parse().expect("an address");
    pods.set(uid(1), pod("a"), vec![ip]);
    pods.end_others(&HashSet::new(), false);
    assert_eq!(by_ip(&pods, ip), None);
    tokio::time::advance(LINGER).await;
    pods.forget_ended();
    assert!(pods.by_uid(uid(1)).is_some());
}
