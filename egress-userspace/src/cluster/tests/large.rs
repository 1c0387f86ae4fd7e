//! What is too large, or cannot be read.

use super::*;

#[tokio::test]
async fn one_pod_that_cannot_be_read_keeps_no_other_from_being_known() {
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
    scene.until_state(State::Synced).await;
    assert!(scene.pod(2).is_some());
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
