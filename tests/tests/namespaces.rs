//! Files that namespaces write beside the cluster's.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, REGISTRY, Scene, Testbed};

/// The directory that each gateway here has beside its file, and a ceiling.
const CEILING: &str = "
[namespaces]
files = \"namespaces\"

[[namespaces.ceiling]]
namespaces = [\"team-*\"]
hosts = [\"*.example.net\"]
ports = [{ number = 443, protocol = \"TLS\" }]
";
/// What the registry lacks.
const EVIL: &str = "[[service]]
name = \"evil\"
hosts = [\"evil.example.net\"]
ports = [{ number = 443, protocol = \"TLS\" }]
resolution = \"DNS\"
";
const FILES: &str = "egress_namespace_files";

fn scene() -> Result<Scene> {
    Scene::on(Testbed::new()?, |bed| {
        Gateway::start(bed, &format!("{CEILING}{REGISTRY}"))
    })
}

/// A namespace's file.
fn file(scene: &Scene, namespace: &str) -> PathBuf {
    let directory = scene.gateway.config().with_file_name("namespaces");
    directory.join(format!("{namespace}.toml"))
}

fn write(scene: &Scene, namespace: &str, text: &str) -> Result<()> {
    let file = file(scene, namespace);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[test]
fn a_wrong_file_is_told_and_keeps_nobody_elses_from_taking_effect() -> Result<()> {
    let scene = scene()?;
    write(&scene, "team-a", EVIL)?;
    scene.reloaded(2)?;
    scene.counted(FILES, &[("state", "whole")], 1)?;

    write(&scene, "team-a", &format!("{EVIL}deny = true\n"))?;
    scene.reloaded(3)?;
    scene.counted(FILES, &[("state", "last_good")], 1)?;
    scene.gateway.says(&[
        "its last version that was right stays in force",
        "`deny` is not for a namespace's file to say",
    ])?;

    write(&scene, "team-b", EVIL)?;
    scene.reloaded(4)?;
    scene.counted(FILES, &[("state", "whole")], 1)?;
    scene.counted(FILES, &[("state", "last_good")], 1)?;

    fs::remove_file(file(&scene, "team-a")).context("cannot remove it")?;
    scene.reloaded(5)?;
    scene.counted(FILES, &[("state", "last_good")], 0)?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 0)
}

#[test]
fn callers_that_are_no_pods_of_the_namespace_have_nothing_of_its_file() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.python()?;
    write(&scene, "team-a", EVIL)?;
    scene.reloaded(2)?;
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    assert_eq!(said, "SSLError");
    assert_eq!(scene.line()?.get("reason"), "host_not_in_registry");
    Ok(())
}
