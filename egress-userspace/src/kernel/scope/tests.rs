//! How entries are found, one sentence a test.

use super::*;

const KUBEPODS: &str = "/kubepods";
const POD: &str = "/kubepods/burstable/pod1";
const CONTAINER: &str = "/kubepods/burstable/pod1/container";

fn known(listed: &[(&str, u64)], pods: &[(&str, u64, Governance)]) -> Known {
    let listed = listed.iter().map(|(path, id)| (path.into(), *id));
    let held = |id, governance| Held { id, governance };
    let pods = pods
        .iter()
        .map(|(path, id, governance)| (path.into(), held(*id, *governance)));
    Known {
        listed: listed.collect(),
        pods: pods.collect(),
    }
}

fn writes(known: &Known, path: &str, id: u64, governance: Governance) -> Vec<(u64, Scope)> {
    known.writes(Path::new(path), Held { id, governance })
}

#[test]
fn what_is_above_an_entry_leads_on_to_it_before_it_is_there() {
    let known = known(&[(KUBEPODS, 1), ("/", 7), ("/other", 8)], &[]);
    let expected = [
        (1, Scope::new(Governance::Policy, false)),
        (7, Scope::new(Governance::Policy, false)),
        (2, Scope::new(Governance::Off, true)),
    ];
    assert_eq!(writes(&known, POD, 2, Governance::Off), expected);
}

#[test]
fn a_cgroup_that_is_listed_in_a_pod_is_found_behind_the_pods_entry() {
    let known = known(&[(KUBEPODS, 1)], &[(POD, 2, Governance::Off)]);
    let expected = [
        (2, Scope::new(Governance::Off, false)),
        (1, Scope::new(Governance::Policy, false)),
        (3, Scope::new(Governance::Policy, true)),
    ];
    assert_eq!(writes(&known, CONTAINER, 3, Governance::Policy), expected);
}

#[test]
fn an_entry_with_others_below_is_not_the_deepest() {
    let known = known(&[], &[(POD, 2, Governance::Off)]);
    let expected = [(1, Scope::new(Governance::Policy, false))];
    assert_eq!(writes(&known, KUBEPODS, 1, Governance::Policy), expected);
}

#[test]
fn the_deepest_entry_on_the_way_to_a_cgroup_holds_for_it() {
    let pods = [(POD, 2, Governance::Off)];
    let mut known = known(&[(KUBEPODS, 1)], &pods);
    let at = |known: &Known, path: &str| known.at(Path::new(path));
    assert_eq!(at(&known, CONTAINER), Some(Governance::Off));
    assert_eq!(at(&known, POD), Some(Governance::Off));
    let beside = "/kubepods/burstable/pod10/container";
    assert_eq!(at(&known, beside), Some(Governance::Policy));
    assert_eq!(at(&known, "/system.slice"), None);
    known.listed.insert(CONTAINER.into(), 3);
    assert_eq!(at(&known, CONTAINER), Some(Governance::Policy));
}

#[test]
fn pods_stay_for_as_long_as_a_scope_is_above_them() {
    let pods = [
        (POD, 2, Governance::Off),
        ("/other/pod2", 4, Governance::Audit),
    ];
    let listed = [(KUBEPODS, 1), ("/other", 3)];
    let mut both = known(&listed, &pods);
    let wanted = BTreeMap::from([(PathBuf::from(KUBEPODS), 1)]);
    assert_eq!(both.retain(&wanted), [3, 4]);
    assert!(both.has(1) && both.has(2));
    assert!(!both.has(3) && !both.has(4));
    assert_eq!(both.retain(&BTreeMap::new()), [1, 2]);
}

#[test]
fn what_is_below_a_path_is_told_from_what_only_begins_as_it_does() {
    let paths = |paths: &[&str]| -> BTreeMap<PathBuf, u64> {
        paths.iter().map(|path| (path.into(), 1)).collect()
    };
    let below = paths(&["/a", "/a/b/c", "/a-b"]);
    assert!(has_below(&below, Path::new("/a")));
    assert!(has_below(&below, Path::new("/")));
    assert!(!has_below(&below, Path::new("/a-b")));
    assert!(!has_below(&below, Path::new("/a/b/c")));
    assert!(!has_below(
        &paths(&["/a", "/a-b", "/ab/c"]),
        Path::new("/a")
    ));
}
