//! Callers that are pods: who they are is what a cluster's API says of their cgroups.

mod labels;

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{ApiServer, Client, Gateway, Metrics, Scene, Testbed, binary, wait_until};
use serde_json::{Value, json};

const NODE: &str = "worker-1";
const SHOP: &str = "2c48913c-b29f-41e7-9350-020968147796";
const BANK: &str = "6c2d9f0e-6a3b-4b6e-8c0a-4cf1c6ab7a1d";
const CONTAINER: &str = "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961";
/// Longer than any test.
const LONG: &str = "30s";
/// Over at once.
const SHORT: &str = "100ms";
/// What is told has happened within a second or two; a loaded machine takes longer.
const SOON: Duration = Duration::from_mins(1);

/// Of a pod that the API never tells of.
const UNKNOWN: &str = "7d1b0c5e-5b0e-4c7a-9f43-0a1b2c3d4e5f";
const AUDIT: &str = "[gateway]\nmode = \"audit\"\n";

const KEYS: &str = "verdict reason service";
const ALLOWED: &str = "allow  api";
const REFUSED: &str = "deny caller_not_allowed api";

/// A node of a cluster.
struct Cluster {
    // First, and so dropped first: the gateway asks it to the end.
    scene: Scene,
    api: ApiServer,
}

/// For whom the services are: one for a namespace, one for a label.
fn config(bed: &Testbed, timeout: &str) -> Result<String> {
    let root = bed.governed().scope()?;
    let kubeconfig = bed.dir().join("kubeconfig");
    let kubeconfig = kubeconfig.display();
    Ok(format!(
        r#"
[kubernetes]
node = "{NODE}"
kubeconfig = "{kubeconfig}"
identity_timeout = "{timeout}"
cgroup_root = "{root}"

[[service]]
name = "api"
hosts = ["api.example.com"]
ports = [{{ number = 443, protocol = "TLS" }}]
resolution = "DNS"
from = [{{ namespace = "shop" }}]

[[service]]
name = "orders-db"
addresses = ["198.51.100.20"]
ports = [{{ number = 5432, protocol = "TCP" }}]
resolution = "STATIC"
endpoints = [{{ address = "198.51.100.20" }}]
from = [{{ pod_labels = {{ app = "orders" }} }}]
"#
    ))
}

impl Cluster {
    /// With namespaces and no pods, set up by `prepare` before the gateway starts.
    fn new(timeout: &str, prepare: impl FnOnce(&ApiServer)) -> Result<Self> {
        Self::with("", timeout, prepare)
    }

    fn with(sections: &str, timeout: &str, prepare: impl FnOnce(&ApiServer)) -> Result<Self> {
        let bed = Testbed::new()?;
        let listener = bed.net().on_node(|| TcpListener::bind("127.0.0.1:0"))??;
        let api = ApiServer::serve(listener)?;
        api.write_kubeconfig(&bed.dir().join("kubeconfig"))?;
        for namespace in ["shop", "bank"] {
            api.namespace(namespace, &json!({}));
        }
        prepare(&api);
        let scene = Scene::on(bed, |bed| {
            Gateway::start(bed, &format!("{sections}{}", config(bed, timeout)?))
        })?;
        Ok(Self { scene, api })
    }

    /// A client in a pod's container.
    fn pod(&self, uid: &str, below: &str) -> Result<Client> {
        let cgroup = format!("kubepods/burstable/pod{uid}/{CONTAINER}{below}");
        self.scene.bed.governed_in(&cgroup)
    }

    /// Waits until this many pods are known.
    fn known(&self, pods: u64) -> Result<()> {
        self.scene.counted("egress_cluster_pods", &[], pods)
    }

    /// What the gateway's status says of the cluster.
    fn told(&self) -> Result<Value> {
        let socket = self.scene.gateway.socket().to_string_lossy().into_owned();
        let args = ["--unix-socket", &socket, "http://localhost/v1/status"];
        let said = self.scene.bed.outside().curl(&args)?;
        let status: Value = serde_json::from_str(&said.stdout).with_context(|| said.text())?;
        Ok(status.get("cluster").cloned().unwrap_or_default())
    }

    fn says(&self, state: &str) -> Result<Value> {
        wait_until(&format!("the cluster is {state}"), SOON, || {
            self.told()
                .ok()
                .filter(|told| told.get("state") == Some(&state.into()))
        })
    }
}

fn put(api: &ApiServer, namespace: &str, uid: &str, labels: &Value) {
    let owner = json!([{"kind": "ReplicaSet", "name": "checkout-6d4cf56db6", "controller": true}]);
    let mut labels = labels.as_object().cloned().unwrap_or_default();
    labels.insert("pod-template-hash".into(), "6d4cf56db6".into());
    api.put_pod(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("pod-{namespace}"), "namespace": namespace, "uid": uid, "labels": labels,
            "ownerReferences": owner,
        },
        "spec": {"nodeName": NODE, "serviceAccountName": "default"},
        "status": {"phase": "Running"},
    }));
}

fn both(api: &ApiServer) {
    put(api, "shop", SHOP, &json!({}));
    put(api, "bank", BANK, &json!({}));
}

/// What a client is told, by curl: the server's answer, or an alert's name.
fn call(client: &Client) -> Result<String> {
    // By its address, so that only the connection is judged, and not the question for the name.
    let to = "api.example.com:443:203.0.113.10";
    let outcome = client.curl(&["--resolve", to, "https://api.example.com/"])?;
    Ok(outcome.text())
}

#[test]
fn a_caller_is_the_pod_whose_container_it_is_in_whatever_it_calls_its_cgroups() -> Result<()> {
    let cluster = Cluster::new(LONG, both)?;
    cluster.known(2)?;
    let inner = format!("/kubepods/burstable/pod{SHOP}/{CONTAINER}");
    let pod = "src.namespace src.pod src.workload src.container";
    let shop = format!("shop pod-shop checkout {CONTAINER}");
    let bank = format!("bank pod-bank checkout {CONTAINER}");
    for (client, verdict, who) in [
        (cluster.pod(SHOP, "")?, ALLOWED, &*shop),
        (cluster.pod(SHOP, "/init.scope")?, ALLOWED, &shop),
        (cluster.pod(BANK, "")?, REFUSED, &bank),
        (cluster.pod(BANK, &inner)?, REFUSED, &bank),
        (cluster.scene.governed(), REFUSED, "   "),
        (
            cluster.scene.bed.governed_in("sshd.service/kubepods")?,
            REFUSED,
            "   ",
        ),
    ] {
        let said = call(&client)?;
        let cgroup = client.scope()?;
        assert_eq!(
            said.contains("served by api"),
            verdict == ALLOWED,
            "{cgroup}: {said}"
        );
        let line = cluster.scene.line()?;
        assert_eq!(line.pick(KEYS), verdict, "{cgroup}");
        assert_eq!(line.pick(pod), who, "{cgroup}");
    }
    let metrics = cluster.scene.metrics()?;
    let closed =
        |metrics: &Metrics, labels| metrics.sum("istio_tcp_connections_closed_total", labels);
    let labels = [
        ("source_workload", "checkout"),
        ("source_workload_namespace", "shop"),
    ];
    assert_eq!(closed(&metrics, &labels), 2);
    let failed = metrics.sum(
        "istio_tcp_connections_failed_total",
        &[("source_workload_namespace", "bank")],
    );
    assert_eq!(failed, 2);
    Ok(())
}

#[test]
fn names_are_for_the_pods_that_they_are_for() -> Result<()> {
    let cluster = Cluster::new(LONG, both)?;
    cluster.known(2)?;
    let lookup = "socket.getaddrinfo('api.example.com', 443, socket.AF_INET)[0][4][0]";
    assert_eq!(
        cluster.pod(SHOP, "")?.session()?.ask(lookup)?,
        "203.0.113.10"
    );
    assert_eq!(cluster.pod(BANK, "")?.session()?.ask(lookup)?, "gaierror");
    let line = cluster.scene.line()?;
    assert_eq!(line.pick("reason src.pod"), "caller_not_allowed pod-bank");
    Ok(())
}

#[test]
fn a_pod_of_which_the_api_tells_late_is_waited_for() -> Result<()> {
    let cluster = Cluster::new(LONG, |_| {})?;
    cluster.says("synced")?;
    let mut asks = cluster.pod(SHOP, "")?.session()?;
    asks.begin("socket.getaddrinfo('api.example.com', 443, socket.AF_INET)[0][4][0]")?;
    let mut connects = cluster.pod(SHOP, "")?.session()?;
    connects.begin("get('api.example.com', '203.0.113.10')")?;
    cluster.scene.counted("egress_connections", &[], 1)?;
    put(&cluster.api, "shop", SHOP, &json!({}));
    assert!(connects.answer()?.starts_with("served by api"));
    assert_eq!(asks.answer()?, "203.0.113.10");
    let line = cluster.scene.line()?;
    assert_eq!(line.pick(KEYS), ALLOWED);
    assert_eq!(line.get("src.pod"), "pod-shop");
    Ok(())
}

#[test]
fn a_pod_of_which_the_api_tells_nothing_is_judged_as_unknown() -> Result<()> {
    let cluster = Cluster::new(SHORT, |_| {})?;
    cluster.says("synced")?;
    for _ in 0..2 {
        let said = call(&cluster.pod(SHOP, "")?)?;
        assert!(said.contains("access denied"), "{said}");
        let line = cluster.scene.line()?;
        assert_eq!(line.pick(KEYS), REFUSED);
        assert_eq!(line.get("src.pod"), "");
    }
    cluster
        .scene
        .gateway
        .says(&["nothing is known of a pod that connects", SHOP])?;
    put(&cluster.api, "shop", SHOP, &json!({}));
    cluster.known(1)?;
    let said = call(&cluster.pod(SHOP, "")?)?;
    assert!(said.contains("served by api"), "{said}");
    Ok(())
}

#[test]
fn what_was_known_last_stays_in_force_while_the_api_is_not_there() -> Result<()> {
    let cluster = Cluster::new(SHORT, |api| {
        both(api);
        api.set_up(false);
    })?;
    let told = cluster.says("unsynced")?;
    assert_eq!(told.get("pods"), Some(&0.into()), "{told}");
    assert!(call(&cluster.pod(SHOP, "")?)?.contains("access denied"));
    cluster.api.set_up(true);
    cluster.says("synced")?;
    cluster.known(2)?;
    assert!(call(&cluster.pod(SHOP, "")?)?.contains("served by api"));

    cluster.api.set_up(false);
    let told = cluster.says("stale")?;
    assert_eq!(told.get("pods"), Some(&2.into()), "{told}");
    assert!(
        told.get("error")
            .and_then(Value::as_str)
            .is_some_and(|error| !error.is_empty()),
        "{told}"
    );
    assert!(call(&cluster.pod(SHOP, "")?)?.contains("served by api"));
    assert!(call(&cluster.pod(BANK, "")?)?.contains("access denied"));
    let metrics = cluster.scene.metrics()?;
    assert_eq!(metrics.sum("egress_cluster_synced", &[]), 0);
    let socket = cluster
        .scene
        .gateway
        .socket()
        .to_string_lossy()
        .into_owned();
    let config = cluster
        .scene
        .gateway
        .config()
        .to_string_lossy()
        .into_owned();
    let args = ["status", "--config", &config, "--socket", &socket];
    let status = cluster
        .scene
        .bed
        .outside()
        .run(&binary()?.to_string_lossy(), &args)?;
    assert!(
        status.stdout.contains("cluster: stale since "),
        "{}",
        status.text()
    );
    Ok(())
}

#[test]
fn a_live_connection_ends_when_its_pod_is_one_that_may_not_have_it() -> Result<()> {
    let cluster = Cluster::new(LONG, |api| {
        put(api, "shop", SHOP, &json!({"app": "orders"}));
    })?;
    cluster.known(1)?;
    let mut client = cluster.pod(SHOP, "")?.session()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    put(
        &cluster.api,
        "shop",
        SHOP,
        &json!({"app": "orders", "version": "2"}),
    );
    put(&cluster.api, "bank", BANK, &json!({}));
    cluster.known(2)?;
    client.run("s.sendall(b'as ever')")?;
    assert_eq!(client.ask("exactly(s, 7)")?, "as ever");
    put(&cluster.api, "shop", SHOP, &json!({"app": "other"}));
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    let line = cluster.scene.line()?;
    assert_eq!(line.pick("close_reason service"), "revoked orders-db");
    Ok(())
}

#[test]
fn a_gateway_that_is_not_told_its_node_does_not_start() -> Result<()> {
    let bed = Testbed::new()?;
    let config = config(&bed, LONG)?.replace(&format!("node = \"{NODE}\"\n"), "");
    let error = Gateway::start(&bed, &config).err().context("it started")?;
    let said = format!("{error:#}");
    assert!(said.contains("set kubernetes.node, or NODE_NAME"), "{said}");
    Ok(())
}
