//! What stays in force when a file is wrong.

use super::{CLUSTER, Scene, errors, file, names, service};
use crate::config::Force;

#[test]
fn a_file_speaks_for_its_own_pods_under_a_name_of_its_own() {
    let api = service("api", "api.example.com");
    let cluster = format!("{CLUSTER}{}", service("api", "api.example.org"));
    let scene = Scene::new(&cluster, &[("team-a", &api), ("team-b", &api)]);
    let config = scene.read();
    for namespace in ["team-a", "team-b"] {
        let file = file(&config, namespace);
        assert_eq!((file.force, errors(file)), (Force::Whole, String::new()));
        assert_eq!(names(file), [format!("{namespace}/api")]);
        let service = file.services.first().expect("a service");
        let from: Vec<_> = service
            .from
            .iter()
            .map(|f| f.namespace.as_deref())
            .collect();
        assert_eq!(from, [Some(namespace)]);
        let place = service.place.to_string();
        assert!(
            place.ends_with(&format!("namespaces/{namespace}.toml:1")),
            "{place}"
        );
    }
    assert_eq!(config.services.len(), 1);
}

#[test]
fn one_wrong_file_is_no_other_files_concern_and_gets_nothing_at_the_start() {
    let good = service("api", "api.example.com");
    let wrong = format!("{good}deny = true\n");
    let scene = Scene::new(CLUSTER, &[("team-a", &wrong), ("team-b", &good)]);
    let config = scene.read();
    let [a, b] = ["team-a", "team-b"].map(|namespace| file(&config, namespace));
    assert_eq!((a.force, names(a)), (Force::Nothing, vec![]));
    assert!(errors(a).contains("team-a.toml:6:1"), "{}", errors(a));
    assert_eq!((b.force, names(b)), (Force::Whole, vec!["team-b/api"]));
}

#[test]
fn the_last_version_that_was_right_stays_in_force_until_another_is() {
    let scene = Scene::new(CLUSTER, &[("team-a", &service("one", "a.example.com"))]);
    let mut config = scene.read();
    for wrong in [
        "[[service",
        "[[service]]\nname = 'x'\n",
        &"#".repeat(65 << 10),
    ] {
        scene.write("team-a", wrong);
        config = scene.read_after(config.last_good);
        let file = file(&config, "team-a");
        assert_eq!(
            (file.force, names(file)),
            (Force::Earlier, vec!["team-a/one"])
        );
        assert!(!errors(file).is_empty());
    }
    scene.write("team-a", &service("two", "a.example.com"));
    config = scene.read_after(config.last_good);
    let now = file(&config, "team-a");
    assert_eq!((now.force, names(now)), (Force::Whole, vec!["team-a/two"]));

    // What is taken away is meant, and does not come back.
    std::fs::remove_file(scene.path().join("namespaces/team-a.toml")).expect("removed");
    config = scene.read_after(config.last_good);
    assert!(config.namespaces.files.is_empty());
    scene.write("team-a", "[[service");
    config = scene.read_after(config.last_good);
    let now = file(&config, "team-a");
    assert_eq!((now.force, names(now)), (Force::Nothing, vec![]));
}

#[test]
fn a_ceiling_that_comes_down_holds_for_what_was_right_before_too() {
    let both = format!(
        "{}{}",
        service("one", "a.example.com"),
        service("two", "b.a.example.com")
    );
    let scene = Scene::new(CLUSTER, &[("team-a", &both)]);
    let config = scene.read();
    scene.cluster(&CLUSTER.replace("*.example.com", "*.a.example.com"));
    let config = scene.read_after(config.last_good);
    let part = file(&config, "team-a");
    assert_eq!((part.force, names(part)), (Force::Part, vec!["team-a/two"]));
    scene.write("team-a", "[[service");
    let config = scene.read_after(config.last_good);
    let earlier = file(&config, "team-a");
    assert_eq!(
        (earlier.force, names(earlier)),
        (Force::Earlier, vec!["team-a/two"])
    );
    scene.cluster(&CLUSTER.replace("team-*", "team-b"));
    let config = scene.read_after(config.last_good);
    assert_eq!(names(file(&config, "team-a")), Vec::<&str>::new());
}

#[test]
fn the_ceiling_says_on_which_terms() {
    use crate::types::{Ech, OnRevoke, Trust};
    let terms = "trust = 'verify'\nech = 'deny'\n";
    let cluster = format!("{CLUSTER}{terms}[gateway]\non_revoke = 'keep'\n");
    let scene = Scene::new(&cluster, &[("team-a", &service("one", "a.example.com"))]);
    let config = scene.read();
    let service = file(&config, "team-a").services.first().expect("a service");
    assert_eq!(
        (service.trust, service.ech, service.on_revoke),
        (Trust::Verify, Ech::Deny, OnRevoke::Keep)
    );
}

#[test]
fn the_files_and_their_directory_are_watched_and_the_shadow_has_its_own() {
    let shadow = CLUSTER.replace("\"namespaces\"", "\"next\"");
    let cluster = format!("{CLUSTER}[gateway]\nshadow = 'shadow.toml'\n");
    let scene = Scene::new(&cluster, &[("team-a", &service("one", "a.example.com"))]);
    let path = scene.path();
    std::fs::create_dir(path.join("next")).expect("it is made");
    std::fs::write(path.join("shadow.toml"), shadow).expect("it is written");
    std::fs::write(
        path.join("next/team-a.toml"),
        service("two", "b.example.com"),
    )
    .expect("it is written");
    let config = scene.read();
    for watched in ["namespaces/team-a.toml", "next/team-a.toml"] {
        assert!(config.sources.contains(&path.join(watched)), "{watched}");
    }
    assert_eq!(
        config.include_dirs,
        [path.join("namespaces"), path.join("next")]
    );
    let shadow = config.shadow.expect("a shadow");
    let next = shadow.namespaces.files.first().expect("a file");
    assert_eq!(names(next), ["team-a/two"]);
}
