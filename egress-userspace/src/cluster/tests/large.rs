//! What is too large, or cannot be read.

use super::*;

#[tokio::test]
async fn one_pod_that_cannot_be_read_stays_as_it_was_and_keeps_no_other_from_being_known() {
    let api = api();
    for number in [1, 2] {
        put(&api, number, &json!({}));
    }
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    put(&scene.api, 1, &json!({"app": 7}));
    scene
        .until("it lists again", |scene| scene.lists("/pods") == 2)
        .await;
    put(&scene.api, 3, &json!({}));
    scene.until_known(3, |pod| pod.is_some()).await;
    scene.until_state(State::Partial).await;
    assert!(scene.pod(2).is_some());
    let changes = scene.pods.changes();
    let before = *changes.borrow();
    scene.pods.end(uid(1).parse().expect("a uid"));
    assert_ne!(*changes.borrow(), before, "it had not ended");
    // All is listed again when the watch is over.
    put(&scene.api, 1, &json!({"app": "a"}));
    scene.until_known(1, |pod| app(pod) == Some("a")).await;
    assert_eq!(scene.freshness.now().state, State::Partial);
    scene.api.disconnect();
    scene.until_state(State::Synced).await;
}

#[tokio::test]
async fn a_namespace_that_cannot_be_read_is_as_it_was_and_may_be_one_that_enforces() {
    let enforces = json!({"egress-gateway/mode": "enforce"});
    let enforce = Some(PodMode::Enforce);
    let api = api();
    put(&api, 1, &json!({}));
    api.namespace("shop", &enforces);
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    scene.api.namespace("shop", &json!({"team": 7}));
    scene.until_state(State::Partial).await;
    assert_eq!(scene.pod(1).and_then(|pod| pod.mode), enforce);
    assert_eq!(scene.pods.label("shop"), Some(Label(enforce)));

    // One that never was read, to a gateway that has just been started.
    let scene = {
        let api = super::api();
        put(&api, 1, &json!({}));
        api.namespace("shop", &json!({"team": 7}));
        Scene::of(api, Some(NODE)).await
    };
    scene.until_state(State::Partial).await;
    assert_eq!(scene.pod(1), None);
    assert_eq!(scene.pods.of_unknown(), enforce);
    scene.api.namespace("shop", &json!({}));
    scene.until_known(1, |pod| pod.is_some()).await;
    scene.api.disconnect();
    scene.until_state(State::Synced).await;
    assert_eq!(scene.pods.of_unknown(), None);
}

#[tokio::test]
async fn the_largest_object_is_an_event() {
    let api = api();
    let scene = Scene::of(api, Some(NODE)).await;
    scene.until_state(State::Synced).await;
    // As much as etcd takes, of what Go writes as six bytes each.
    let large = "\\u003c".repeat(3 << 19);
    let pod = json!({
        "metadata": {
            "name": "large", "namespace": "shop", "uid": uid(1), "resourceVersion": "1000",
            "annotations": {"x": "LARGE"},
        },
        "spec": {"nodeName": NODE},
    });
    let line = json!({"type": "ADDED", "object": pod}).to_string();
    scene.api.say(&line.replace("LARGE", &large));
    scene.until_known(1, |pod| pod.is_some()).await;
    assert_eq!(scene.lists("/pods"), 1);
}

#[tokio::test]
async fn where_objects_are_large_fewer_are_asked_for() {
    let api = api();
    for number in 0..3 {
        put(&api, number, &json!({"app": "x".repeat(500)}));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let kubeconfig = dir.path().join("kubeconfig");
    api.write_kubeconfig(&kubeconfig).expect("written");
    let settings = ClusterSettings {
        kubeconfig: Some(kubeconfig),
        node: None,
    };
    let client = connect(&settings).await.expect("a client");
    let pods = Arc::<Pods>::default();
    let census = Arc::new(Census::new(Arc::clone(&pods)));
    for (page_bytes, count) in [(100, 0), (1500, 3)] {
        let follower = Follower {
            client: client.clone(),
            fields: None,
            census: Arc::clone(&census),
            freshness: Arc::default(),
            page_bytes,
        };
        let listed = follower.list::<ApiPod>().await;
        assert_eq!(listed.is_ok(), count > 0, "{listed:?}");
        census.namespace("shop", None);
        assert_eq!(pods.count(), count);
    }
}
