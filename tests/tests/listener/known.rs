//! Callers that the cluster's API knows by their addresses.

use std::net::TcpListener;

use anyhow::Result;
use egress_tests::{ApiServer, Gateway, Scene, Testbed};
use serde_json::json;

use super::{LISTENERS, caller};

/// An address that `peers` says nothing of.
const POD: &str = "203.0.113.200";

/// A pod that has it.
fn put(api: &ApiServer, namespace: &str, uid: &str) {
    api.put_pod(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{namespace}"), "namespace": namespace, "uid": uid, "labels": {}},
        "spec": {"nodeName": "elsewhere", "serviceAccountName": "web"},
        "status": {"phase": "Running", "podIP": POD, "podIPs": [{"ip": POD}]},
    }));
}

#[test]
fn a_pod_is_known_by_its_address_as_soon_as_the_api_tells_of_it() -> Result<()> {
    let bed = Testbed::new()?;
    let listener = bed.net().on_node(|| TcpListener::bind("127.0.0.1:0"))??;
    let api = ApiServer::serve(listener)?;
    let kubeconfig = bed.dir().join("kubeconfig");
    api.write_kubeconfig(&kubeconfig)?;
    for namespace in ["shop", "bank"] {
        api.namespace(namespace, &json!({}));
    }
    let cluster = format!(
        "[kubernetes]\nwatch = \"cluster\"\nidentity_timeout = \"30s\"\nkubeconfig = \"{}\"\n",
        kubeconfig.display()
    );
    let sections = format!("{cluster}\n{LISTENERS}");
    let scene = Scene::on(bed, |bed| Gateway::start(bed, &sections))?;
    scene.counted("egress_cluster_pods", &[], 0)?;
    let mut caller = caller(&scene)?;
    // It is waited for.
    let ask = format!("asked('198.51.100.21:5432', '{POD}')");
    caller.begin(&ask)?;
    put(&api, "shop", "2c48913c-b29f-41e7-9350-020968147796");
    assert_eq!(caller.answer()?, "HTTP/1.1 200 Connection established");
    scene.counted("egress_cluster_pods", &[], 1)?;
    // Another has its address now, and may not go there.
    api.remove_pod("pod-shop");
    put(&api, "bank", "6c2d9f0e-6a3b-4b6e-8c0a-4cf1c6ab7a1d");
    scene.counted("egress_cluster_pods", &[], 2)?;
    let said = caller.ask(&ask)?;
    assert!(said.contains(" egress: caller_not_allowed: "), "{said}");
    Ok(())
}
