//! Bounds, names and places of files.

use std::fs;
use std::os::unix::fs::symlink;

use super::{CLUSTER, Scene, errors, file, names, service};
use crate::config::{Config, Force};

#[test]
fn a_file_is_named_for_its_namespace_and_others_are_passed_over() {
    let scene = Scene::new(CLUSTER, &[]);
    for name in [
        "Team",
        "team_a",
        "-team",
        "team-",
        "team.a",
        &"a".repeat(64),
    ] {
        scene.write(name, &service("one", "a.example.com"));
    }
    let directory = scene.path().join("namespaces");
    for passed_over in ["README.md", "team-a.toml~", ".team-a.toml"] {
        fs::write(directory.join(passed_over), "not TOML").expect("it is written");
    }
    let config = scene.read();
    assert_eq!(config.namespaces.files.len(), 6);
    for file in &config.namespaces.files {
        assert_eq!((file.force, names(file)), (Force::Nothing, vec![]));
        assert!(
            errors(file).contains("not named for a namespace"),
            "{}",
            errors(file)
        );
    }
}

#[test]
fn a_link_leads_nowhere_else_and_what_is_no_file_is_not_waited_for() {
    let scene = Scene::new(CLUSTER, &[]);
    let directory = scene.path().join("namespaces");
    fs::write(scene.path().join("secret"), "the secret").expect("it is written");
    symlink("../secret", directory.join("team-a.toml")).expect("a link");
    nix::unistd::mkfifo(
        &directory.join("team-b.toml"),
        nix::sys::stat::Mode::S_IRUSR,
    )
    .expect("a pipe");
    fs::create_dir(directory.join("team-c.toml")).expect("a directory");
    let config = scene.read();
    for (namespace, said) in [
        ("team-a", "a link that leads out of its directory"),
        ("team-b", "not a regular file"),
        ("team-c", "not a regular file"),
    ] {
        let file = file(&config, namespace);
        assert!(errors(file).contains(said), "{}", errors(file));
        assert!(!errors(file).contains("the secret"));
    }
}

#[test]
fn a_config_maps_links_are_followed() {
    let scene = Scene::new(CLUSTER, &[]);
    let directory = scene.path().join("namespaces");
    fs::create_dir(directory.join("..v1")).expect("a version");
    fs::write(
        directory.join("..v1/team-a.toml"),
        service("one", "a.example.com"),
    )
    .expect("it is written");
    symlink("..v1", directory.join("..data")).expect("a link");
    symlink("..data/team-a.toml", directory.join("team-a.toml")).expect("a link");
    let config = scene.read();
    assert_eq!(names(file(&config, "team-a")), ["team-a/one"]);
}

#[test]
fn what_a_file_costs_is_bounded() {
    let long = format!("#{}", "x".repeat(64 << 10));
    let many: String = (0..257)
        .map(|n| service(&format!("s{n}"), "a.example.com"))
        .collect();
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(", ")
    };
    let hosts = list(100, &|n| format!("\"h{n}.example.com\""));
    let addresses = list(100, &|n| format!("\"192.0.2.{n}\""));
    let product = format!(
        "[[service]]\nname = \"a\"\nhosts = [{hosts}]\naddresses = [{addresses}]\n\
         ports = [{{ number = 443, protocol = \"TLS\" }}]\n"
    );
    let scene = Scene::new(
        CLUSTER,
        &[("team-a", &long), ("team-b", &many), ("team-c", &product)],
    );
    let config = scene.read();
    for (namespace, said) in [
        ("team-a", "longer than 65536 bytes"),
        ("team-b", "more than 256 services"),
        ("team-c", "more than 4096 ways to match"),
    ] {
        let file = file(&config, namespace);
        assert_eq!(file.force, Force::Nothing);
        assert!(errors(file).contains(said), "{}", errors(file));
    }
}

#[test]
fn more_files_than_there_are_namespaces_are_the_clusters_error() {
    let scene = Scene::new(CLUSTER, &[]);
    for n in 0..4097 {
        scene.write(&format!("n{n}"), "");
    }
    let error = Config::read(&scene.path().join("egress.toml")).expect_err("too many");
    assert!(
        error.to_string().contains("more than 4096 files"),
        "{error}"
    );
}

#[test]
fn what_namespaces_write_is_not_read_as_the_clusters_too() {
    let included = format!("include = [\"namespaces/*.toml\"]\n{CLUSTER}");
    let beside = CLUSTER.replace("\"namespaces\"", "\".\"");
    for cluster in [included, beside] {
        let scene = Scene::new(&cluster, &[("team-a", &service("one", "a.example.com"))]);
        let error = Config::read(&scene.path().join("egress.toml")).expect_err("an error");
        let said = error.to_string();
        assert!(
            said.contains("which is read as the cluster's own"),
            "{said}"
        );
    }
}

#[test]
fn a_directory_that_is_not_there_is_the_clusters_error() {
    let scene = Scene::new(&CLUSTER.replace("\"namespaces\"", "\"elsewhere\""), &[]);
    let error = Config::read(&scene.path().join("egress.toml")).expect_err("an error");
    assert!(
        error.to_string().contains("elsewhere: No such file"),
        "{error}"
    );
}

#[test]
fn what_is_said_of_a_file_is_bounded_and_obeyed_by_no_terminal() {
    let keys: Vec<_> = (0..1000).map(|n| format!("k{n} = 1\n")).collect();
    let keys = keys.concat();
    let escapes = "\"\\u001b[2J\" = 1\n# \u{202e}\n[[service]]\nname = \"\\u001b[31m\"\n";
    let raw = "x = \u{1b}[2J\n";
    let scene = Scene::new(CLUSTER, &[("a", &keys), ("b", escapes), ("c", raw)]);
    let config = scene.read();
    let many = file(&config, "a").errors.as_ref().expect("errors");
    assert_eq!(many.iter().len(), 100);
    for namespace in ["b", "c"] {
        let said = errors(file(&config, namespace));
        assert!(!said.is_empty() && !said.contains('\u{1b}'), "{said:?}");
    }
}
