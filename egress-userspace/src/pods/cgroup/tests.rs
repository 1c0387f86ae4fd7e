//! Paths as nodes have them, and as tenants would like to have them.

use proptest::prelude::*;

use super::*;

/// Where the kubelet's cgroups are if nothing else is said.
const ROOT: &str = "/";

/// The table: path, pod, container.
fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    let lines = include_str!("paths.tsv").lines();
    lines.filter(|line| !line.starts_with('#')).map(|line| {
        let cells: Vec<_> = line.split('\t').collect();
        cells.try_into().expect("three cells")
    })
}

fn said(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| *cell != "-")
}

#[test]
fn each_path_has_the_pod_and_the_container_of_the_table() {
    for [path, uid, id] in rows() {
        let found = pod(path, ROOT).map(|uid| uid.to_string());
        assert_eq!(found.as_deref(), said(uid), "{path}");
        assert_eq!(container(path), said(id), "{path}");
    }
}

#[test]
fn elsewhere_the_kubelets_cgroups_are_found_where_it_has_them_and_nowhere_else() {
    let uid = "pod2c48913c-b29f-11e7-9350-020968147796";
    let slice = "pod2c48913c_b29f_11e7_9350_020968147796.slice";
    for (root, path) in [
        ("/node-1", format!("/node-1/kubepods/burstable/{uid}")),
        ("/node-1", format!("/node-1/kubelet/kubepods/{uid}/x")),
        (
            "/k8s.slice",
            format!("/k8s.slice/k8s-kubepods.slice/k8s-kubepods-{slice}"),
        ),
        ("/a/b", format!("/a/b/kubepods.slice/kubepods-{slice}")),
    ] {
        assert!(pod(&path, root).is_some(), "{path} in {root}");
        assert_eq!(pod(&path, "/other"), None, "{path}");
        assert_eq!(pod(&path, ROOT), None, "{path}");
        let beside = path.replacen(root, &format!("{root}x"), 1);
        assert_eq!(pod(&beside, root), None, "{beside}");
    }
}

proptest! {
    #[test]
    fn no_path_is_too_strange(path in "\\PC*", root in "\\PC*") {
        let _ = pod(&path, &root);
        let _ = container(&path);
    }

    #[test]
    fn what_is_below_a_pod_changes_neither_it_nor_its_container(
        row in prop::sample::select(rows().collect::<Vec<_>>()),
        below in prop::collection::vec(
            prop_oneof![
                "[^/]{1,40}",
                "(kubepods|burstable|kubepods\\.slice|kubelet\\.slice|\\.\\.)",
                "pod[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                "kubepods-pod[0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12}\\.slice",
                "cri-containerd-[0-9a-f]{64}\\.scope",
            ],
            1..6,
        ),
    ) {
        let [path, uid, id] = row;
        prop_assume!(uid != "-");
        let deeper = format!("{path}/{}", below.join("/"));
        prop_assert_eq!(pod(&deeper, ROOT), pod(path, ROOT));
        if id != "-" {
            prop_assert_eq!(container(&deeper), container(path));
        }
    }
}
