//! Who may use a service is said by namespace, and a cluster's API says whose pod a container is.

use std::net::TcpListener;

use anyhow::Result;
use egress_tests::{ApiServer, GatewayPod, Node, Volume, registry};
use serde_json::json;

use crate::{EVIL, EVIL_SERVED, evil_for};

#[test]
fn a_service_is_one_namespaces_and_a_pod_is_waited_for() -> Result<()> {
    let node = Node::new()?;
    let listener = node
        .bed()
        .net()
        .on_node(|| TcpListener::bind("127.0.0.1:0"))??;
    let api = ApiServer::serve(listener)?;
    for namespace in ["shop", "bank"] {
        api.namespace(namespace, &json!({}));
    }
    let (shop, bank) = (node.pod(1), node.pod(2));
    api.pod("shop", "cart", &shop.uid(), "worker", &json!({}));

    let root = node.cgroup_root();
    let cluster = format!(
        "[kubernetes]\nnode = \"worker\"\nkubeconfig = \"/etc/egress/kubeconfig\"\n\
         identity_timeout = \"15s\"\ncgroup_root = {root:?}\n"
    );
    let evil = evil_for("from = [{ namespace = \"shop\" }]\n");
    let volume = Volume::new(&node, &registry(&format!("{cluster}{evil}")))?;
    api.write_kubeconfig(&volume.path().join("kubeconfig"))?;
    let gateway = GatewayPod::start(&node, "egress-a", &volume)?;
    node.counted("egress_cluster_pods", &[], 1)?;
    assert_eq!(shop.session()?.ask(EVIL)?, EVIL_SERVED);

    // The API tells of it when it connects already: judged before, or as unknown, it would be refused.
    let mut late = node.pod(3).session()?;
    late.begin(EVIL)?;
    node.counted("egress_connections", &[], 1)?;
    api.pod("shop", "late", &node.pod(3).uid(), "worker", &json!({}));
    assert_eq!(late.answer()?, EVIL_SERVED);

    api.pod("bank", "till", &bank.uid(), "worker", &json!({}));
    node.counted("egress_cluster_pods", &[], 3)?;
    assert_eq!(bank.session()?.ask(EVIL)?, "SSLError");
    let log = gateway.access_log();
    let denied = log.wait_for("the denied pod", |line| line.get("verdict") == "deny")?;
    assert_eq!(
        denied.pick("src.namespace src.pod reason"),
        "bank till caller_not_allowed"
    );
    Ok(())
}
