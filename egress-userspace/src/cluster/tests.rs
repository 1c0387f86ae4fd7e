//! Against a server that speaks the API's watch protocol.

mod account;
mod large;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egress_tests::ApiServer;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::pods::{Label, State};
use crate::types::{Pod, PodMode, PodUid};

const NODE: &str = "worker-1";
/// All of it takes a second or two; a loaded machine takes longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// A cluster that is followed.
struct Scene {
    api: ApiServer,
    pods: Arc<Pods>,
    freshness: Arc<Freshness>,
    following: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.following.abort();
    }
}

/// With the namespaces `shop` and `bank`.
fn api() -> ApiServer {
    // What the gateway's main installs. Another test may have.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let api = ApiServer::serve(listener).expect("a server");
    for name in ["shop", "bank"] {
        api.namespace(name, &json!({}));
    }
    api
}

impl Scene {
    async fn of(api: ApiServer, node: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let kubeconfig = dir.path().join("kubeconfig");
        api.write_kubeconfig(&kubeconfig).expect("written");
        Self::by(api, kubeconfig, node, dir).await
    }

    async fn by(
        api: ApiServer,
        kubeconfig: PathBuf,
        node: Option<&'static str>,
        dir: tempfile::TempDir,
    ) -> Self {
        let settings = ClusterSettings {
            kubeconfig: Some(kubeconfig),
            node: node.map(Into::into),
        };
        let client = connect(&settings).await.expect("a client");
        let pods = Arc::<Pods>::default();
        let freshness = Arc::<Freshness>::default();
        let following = tokio::spawn({
            let (pods, freshness) = (Arc::clone(&pods), Arc::clone(&freshness));
            async move { follow(client, node, pods, freshness).await }
        });
        Self {
            api,
            pods,
            freshness,
            following,
            _dir: dir,
        }
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let waited = timeout(PATIENCE, async {
            while !is(self) {
                sleep(LOOK).await;
            }
        });
        let asked = || self.api.asked();
        assert!(
            waited.await.is_ok(),
            "{what}: {:?}, asked {:#?}",
            self.freshness.now(),
            asked()
        );
    }

    async fn until_state(&self, state: State) {
        let what = format!("it is {}", state.label());
        self.until(&what, |scene| scene.freshness.now().state == state)
            .await;
    }

    async fn until_known(&self, number: u8, is: impl Fn(Option<&Pod>) -> bool) {
        let what = format!("pod {number} is as expected");
        self.until(&what, |scene| is(scene.pod(number).as_deref()))
            .await;
    }

    fn pod(&self, number: u8) -> Option<Arc<Pod>> {
        self.pods
            .by_uid(uid(number).parse::<PodUid>().expect("a uid"))
    }

    /// How often all objects of a kind were listed.
    fn lists(&self, kind: &str) -> usize {
        let asked = self.api.asked();
        let is_list = |target: &&String| target.contains(kind) && !target.contains("watch=true");
        asked.iter().filter(is_list).count()
    }
}

fn uid(number: u8) -> String {
    format!("2c48913c-b29f-41e7-9350-0209681477{number:02x}")
}

fn put(api: &ApiServer, number: u8, labels: &Value) {
    api.pod("shop", &format!("pod-{number}"), &uid(number), NODE, labels);
}

fn app(pod: Option<&Pod>) -> Option<&str> {
    pod?.labels.get("app").map(|app| &**app)
}

#[tokio::test]
async fn what_there_is_and_what_comes_changes_and_goes_is_known() {
    let api = api();
    api.page_by(2);
    for number in 0..5 {
        put(&api, number, &json!({"app": "a"}));
    }
    api.pod("shop", "elsewhere", &uid(100), "worker-2", &json!({}));
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    assert_eq!(scene.pods.count(), 5, "those of the node, on three pages");
    let pod = scene.pod(4).expect("the pod");
    assert_eq!((&*pod.namespace, &*pod.name), ("shop", "pod-4"));

    put(&scene.api, 5, &json!({"app": "new"}));
    put(&scene.api, 0, &json!({"app": "changed"}));
    scene.api.pod(
        "shop",
        "elsewhere",
        &uid(100),
        "worker-2",
        &json!({"app": "x"}),
    );
    scene.until_known(5, |pod| app(pod) == Some("new")).await;
    scene
        .until_known(0, |pod| app(pod) == Some("changed"))
        .await;
    assert_eq!(scene.pods.count(), 6);

    let ip = "10.0.0.7".parse().expect("an address");
    let metadata = json!({"name": "pod-6", "namespace": "bank", "uid": uid(6)});
    let status = json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.7"}]});
    let spec = json!({"nodeName": NODE});
    scene
        .api
        .put_pod(json!({"metadata": metadata, "spec": spec, "status": status}));
    scene
        .until("its address is known", |scene| {
            scene.pods.by_ip(ip, &scene.freshness).is_some()
        })
        .await;
    scene.api.remove_pod("pod-6");
    scene
        .until("its address is free", |scene| {
            scene.pods.by_ip(ip, &scene.freshness).is_none()
        })
        .await;
    assert!(scene.pod(6).is_some(), "its last connections are its own");
    assert_eq!(scene.freshness.now().state, State::Synced);
}

#[tokio::test]
async fn the_whole_cluster_may_be_watched() {
    let api = api();
    put(&api, 1, &json!({}));
    api.pod("bank", "elsewhere", &uid(2), "worker-2", &json!({}));
    let scene = Scene::of(api, None).await;
    scene.until_state(State::Synced).await;
    assert_eq!(scene.pods.count(), 2);
}

#[tokio::test]
async fn the_label_of_a_namespace_is_of_its_pods() {
    let api = api();
    put(&api, 1, &json!({"egress-gateway/mode": "off"}));
    let scene = Scene::of(api, Some(NODE)).await;
    let mode = |pod: Option<&Pod>| pod.map(|pod| pod.mode);
    scene.until_known(1, |pod| mode(pod) == Some(None)).await;
    scene
        .api
        .namespace("shop", &json!({"egress-gateway/mode": "audit"}));
    scene
        .until_known(1, |pod| mode(pod) == Some(Some(PodMode::Audit)))
        .await;
    scene
        .api
        .namespace("shop", &json!({"egress-gateway/mode": "?"}));
    scene
        .until_known(1, |pod| mode(pod) == Some(Some(PodMode::Enforce)))
        .await;
}

#[tokio::test]
async fn a_watch_that_breaks_off_goes_on_where_the_last_bookmark_was() {
    let api = api();
    put(&api, 1, &json!({"app": "a"}));
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    // Nothing of it is for this node but the bookmark.
    scene
        .api
        .pod("shop", "elsewhere", &uid(2), "worker-2", &json!({}));
    scene.api.bookmark();
    put(&scene.api, 1, &json!({"app": "b"}));
    scene.until_known(1, |pod| app(pod) == Some("b")).await;
    scene.api.bookmark();
    put(&scene.api, 3, &json!({}));
    scene.until_known(3, |pod| pod.is_some()).await;
    scene.api.compact();
    scene.api.disconnect();
    put(&scene.api, 1, &json!({"app": "c"}));
    scene.until_known(1, |pod| app(pod) == Some("c")).await;
    scene.until_state(State::Synced).await;
    assert_eq!(scene.lists("/pods"), 1, "{:#?}", scene.api.asked());
}

#[tokio::test]
async fn what_went_while_nobody_could_hear_of_it_is_gone_after_the_next_list() {
    let api = api();
    for number in 1..=3 {
        put(&api, number, &json!({}));
    }
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    scene.api.set_up(false);
    scene.until_state(State::Stale).await;
    assert!(scene.pod(2).is_some(), "what was known stays");
    scene.api.lose_pod("pod-2");
    put(&scene.api, 4, &json!({}));
    scene.api.compact();
    scene.api.set_up(true);
    scene.until_state(State::Synced).await;
    assert!(scene.lists("/pods") > 1, "{:#?}", scene.api.asked());
    let changes = scene.pods.changes();
    scene.until_known(4, |pod| pod.is_some()).await;
    // Known a while longer, as ended: told to end, it is no change.
    let before = *changes.borrow();
    scene.pods.end(uid(2).parse().expect("a uid"));
    assert_eq!(*changes.borrow(), before, "it has ended");
    scene.pods.end(uid(3).parse().expect("a uid"));
    assert_ne!(*changes.borrow(), before, "it had not");
}

#[tokio::test]
async fn that_it_is_heard_again_is_told_of_though_nothing_has_changed() {
    let scene = Scene::of(api(), Some(NODE)).await;
    scene.until_state(State::Synced).await;
    let mut changes = scene.pods.changes();
    changes.mark_unchanged();
    scene.api.set_up(false);
    scene.until_state(State::Stale).await;
    assert!(!changes.has_changed().expect("it is there"));
    scene.api.set_up(true);
    scene.until_state(State::Synced).await;
    assert!(changes.has_changed().expect("it is there"));
}

#[tokio::test]
async fn a_watch_that_is_told_that_it_is_too_late_lists_again() {
    let api = api();
    put(&api, 1, &json!({}));
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    scene.api.expire();
    scene
        .until("it lists again", |scene| scene.lists("/pods") == 2)
        .await;
    put(&scene.api, 2, &json!({}));
    scene.until_known(2, |pod| pod.is_some()).await;
    scene.until_state(State::Synced).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_asked_for_again() {
    for line in [
        "garbage",
        r#"{"type":"ADDED"}"#,
        r#"{"type":"?","object":{}}"#,
        "{}",
    ] {
        let api = api();
        put(&api, 1, &json!({}));
        let scene = Scene::of(api, Some(NODE)).await;
        scene.until_state(State::Synced).await;
        scene.api.say(line);
        scene
            .until("it lists again", |scene| scene.lists("/pods") == 2)
            .await;
        put(&scene.api, 2, &json!({}));
        scene.until_known(2, |pod| pod.is_some()).await;
        assert!(scene.pod(1).is_some(), "{line}");
    }
}

#[tokio::test]
async fn an_api_that_is_not_there_yet_refuses_or_is_slow_is_waited_for() {
    let api = api();
    put(&api, 1, &json!({}));
    api.set_up(false);
    let scene = Scene::of(api, Some(NODE)).await;
    let told = |scene: &Scene| scene.freshness.now().trouble.unwrap_or_default();
    scene
        .until("it says that it hears nothing", |scene| {
            !told(scene).is_empty()
        })
        .await;
    assert_eq!(scene.freshness.now().state, State::Unsynced);
    scene.api.refuse(Some(403));
    scene.api.set_up(true);
    let refused = "the API answers 403: the test refuses";
    scene
        .until("it says what the API says", |scene| {
            *told(scene) == *refused
        })
        .await;
    assert_eq!(scene.pods.count(), 0);
    scene.api.hold(true);
    scene.api.refuse(None);
    let asked = scene.api.asked().len();
    scene
        .until("it asks", |scene| scene.api.asked().len() > asked)
        .await;
    assert_eq!(scene.freshness.now().state, State::Unsynced);
    scene.api.hold(false);
    scene.until_state(State::Synced).await;
    assert!(scene.pod(1).is_some());
}
