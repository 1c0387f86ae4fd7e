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

/// With a cluster of two namespaces, watched so.
fn scene(watch: &str) -> Result<(Scene, ApiServer)> {
    let bed = Testbed::new()?;
    let listener = bed.net().on_node(|| TcpListener::bind("127.0.0.1:0"))??;
    let api = ApiServer::serve(listener)?;
    let kubeconfig = bed.dir().join("kubeconfig");
    api.write_kubeconfig(&kubeconfig)?;
    for namespace in ["shop", "bank"] {
        api.namespace(namespace, &json!({}));
    }
    let sections = format!(
        "{watch}\nkubeconfig = \"{}\"\n{LISTENERS}",
        kubeconfig.display()
    );
    let scene = Scene::on(bed, |bed| Gateway::start(bed, &sections))?;
    scene.counted("egress_cluster_synced", &[], 1)?;
    Ok((scene, api))
}

#[test]
fn a_pod_is_known_by_its_address_as_soon_as_the_api_tells_of_it() -> Result<()> {
    let watch = "[kubernetes]\nwatch = \"cluster\"\nidentity_timeout = \"30s\"";
    let (scene, api) = scene(watch)?;
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

/// A tunnel for who shows a certificate, and how it ends.
const CERTIFIED: &str = r"
made = ssl.create_default_context(cafile=CA)
made.load_cert_chain('DIR/pod.pem', 'DIR/pod.key')
def certified(target):
    s = made.wrap_socket(come(15082, '203.0.113.200'), server_hostname='192.0.2.2')
    s.sendall(f'CONNECT {target} HTTP/1.1\r\n\r\n'.encode())
    return s, head_of(s)
def end_of(s):
    try:
        return s.recv(1)
    except TimeoutError:
        raise
    except OSError:
        return b''
";

#[test]
fn the_label_of_its_namespace_holds_for_who_is_certified_also_in_a_tunnel_that_lasts() -> Result<()>
{
    let audit = "[gateway]\nmode = \"audit\"\n[kubernetes]\nnode = \"here\"";
    let (scene, api) = scene(audit)?;
    let mut caller = caller(&scene)?;
    let dir = scene.bed.certificates().display().to_string();
    caller.run(&CERTIFIED.replace("DIR", &dir))?;
    // Another namespace's.
    caller.run("s, head = certified('198.51.100.21:6432'); s.sendall(b'echo\\n')")?;
    assert_eq!(caller.ask("s.recv(20).decode()")?, "ready 198.51.100.21\n");
    api.namespace("shop", &json!({"egress-gateway/mode": "enforce"}));
    assert_eq!(caller.ask("repr(end_of(s))")?, "b''");
    let line = scene.line()?;
    assert_eq!(
        line.pick("listener verdict close_reason"),
        "certified audit revoked"
    );
    let said = caller.ask("certified('198.51.100.21:6432')[1]")?;
    assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    Ok(())
}
