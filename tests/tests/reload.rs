//! The configuration changes while the gateway runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, Python, REGISTRY, Scene, Testbed, fit, registry};
use nix::sys::signal::Signal;

/// A service that the registry lacks.
const EVIL: &str = "
[[service]]
name = \"evil\"
hosts = [\"evil.example.net\"]
ports = [{ number = 443, protocol = \"TLS\" }]
resolution = \"DNS\"
";

/// The registry and one service more.
fn with_evil() -> String {
    format!("{REGISTRY}{EVIL}")
}

/// What comes of a call to the service that comes and goes.
fn try_evil(client: &mut Python) -> Result<String> {
    client.ask("get('evil.example.net', '203.0.113.66')")
}

fn admitted(said: &str) -> bool {
    said.starts_with("served by evil")
}

#[test]
fn a_service_that_is_added_is_admitted_and_one_that_is_removed_is_not() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    assert_eq!(try_evil(&mut client)?, "SSLError");
    assert_eq!(scene.line()?.pick("verdict policy_generation"), "deny 1");

    scene.gateway.replace_config(&with_evil())?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut client)?));
    assert_eq!(scene.line()?.pick("verdict policy_generation"), "allow 2");

    scene.gateway.replace_config(REGISTRY)?;
    scene.reloaded(3)?;
    assert_eq!(try_evil(&mut client)?, "SSLError");
    assert_eq!(scene.line()?.pick("verdict policy_generation"), "deny 3");
    let applied = scene
        .metrics()?
        .sum("egress_reloads_total", &[("outcome", "applied")]);
    assert_eq!(applied, 3, "the first and two more");
    Ok(())
}

#[test]
fn a_file_that_is_written_in_place_is_read_again() -> Result<()> {
    let scene = Scene::new("")?;
    fs::write(scene.gateway.config(), fit(&scene.bed, &with_evil()))?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut scene.python()?)?));
    Ok(())
}

#[test]
fn sighup_has_the_file_read_again_even_when_it_has_not_changed() -> Result<()> {
    let scene = Scene::new("")?;
    scene.gateway.signal(Signal::SIGHUP)?;
    scene.reloaded(2)
}

/// One version of a volume's contents.
fn version(volume: &Path, name: &str, text: &str) -> Result<()> {
    let dir = volume.join(name);
    fs::create_dir(&dir).context("cannot make a version of the volume")?;
    fs::write(dir.join("egress.toml"), text).context("cannot write the version's file")
}

#[test]
fn a_config_maps_volume_is_followed() -> Result<()> {
    let bed = Testbed::new()?;
    let volume = bed.dir().join("volume");
    fs::create_dir(&volume)?;
    version(&volume, "..1", &fit(&bed, REGISTRY))?;
    version(&volume, "..2", &fit(&bed, &with_evil()))?;
    symlink("..1", volume.join("..data"))?;
    symlink("..data/egress.toml", volume.join("egress.toml"))?;
    let scene = Scene::on(bed, |bed| {
        Gateway::start_from(bed, &volume.join("egress.toml"))
    })?;

    symlink("..2", volume.join("..next"))?;
    fs::rename(volume.join("..next"), volume.join("..data"))?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut scene.python()?)?));
    Ok(())
}

#[test]
fn a_broken_file_changes_nothing_and_each_error_is_told_with_its_line() -> Result<()> {
    let scene = Scene::with(&with_evil())?;
    let broken = "[sniff]\ntimeout = 5\n\n[dsn]\n";
    fs::write(scene.gateway.config(), broken)?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;
    scene.gateway.says(&["egress.toml:2:", "egress.toml:4:"])?;
    let mut client = scene.python()?;
    assert!(admitted(&try_evil(&mut client)?));
    assert_eq!(scene.line()?.get("policy_generation"), "1");

    scene.gateway.replace_config(REGISTRY)?;
    scene.reloaded(2)?;
    assert_eq!(try_evil(&mut client)?, "SSLError");
    Ok(())
}

#[test]
fn a_scope_that_cannot_be_governed_is_refused_with_all_that_came_with_it() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let governed = scene.governed().scope()?;
    // The last one is beside the directory that the programs are attached to.
    let not_governable = [
        "/no/such/cgroup".into(),
        governed.replace("node/governed", "inet"),
    ];
    for (scope, refused) in not_governable.into_iter().zip(1..) {
        let scopes = [governed.clone(), scope.clone()];
        scene
            .gateway
            .replace_config_and_scope(&with_evil(), &scopes)?;
        scene.counted("egress_reloads_total", &[("outcome", "refused")], refused)?;
        scene.gateway.says(&[&scope])?;
        assert_eq!(try_evil(&mut client)?, "SSLError", "{scope}");
    }
    Ok(())
}

#[test]
fn a_live_connection_lives_on() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    scene.gateway.replace_config(&with_evil())?;
    scene.reloaded(2)?;
    client.run("s.sendall(b'after')")?;
    assert_eq!(client.ask("finish(s)")?, "after");
    assert_eq!(
        scene.line()?.pick("policy_generation close_reason"),
        "1 client_closed"
    );
    Ok(())
}

#[test]
fn what_is_inside_the_mesh_and_who_is_governed_can_change() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let internal = "[gateway]\ninternal = [\"203.0.113.64/29\"]";
    scene.gateway.replace_config(&registry(internal))?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut client)?), "inside the mesh");
    scene.gateway.replace_config(REGISTRY)?;
    scene.reloaded(3)?;
    assert_eq!(try_evil(&mut client)?, "SSLError", "outside again");

    let mut other = scene.bed.outside().session()?;
    assert!(admitted(&try_evil(&mut other)?), "not governed");
    let scope = [scene.bed.outside().scope()?];
    scene.gateway.replace_config_and_scope(REGISTRY, &scope)?;
    scene.reloaded(4)?;
    assert_eq!(try_evil(&mut other)?, "SSLError", "governed from now on");
    assert!(admitted(&try_evil(&mut client)?), "governed no longer");
    Ok(())
}

#[test]
fn no_connection_fails_in_a_storm_of_reloads() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let over = AtomicBool::new(false);
    let (reloads, answers) = thread::scope(|scope| {
        let storm = scope.spawn(|| -> Result<u64> {
            let mut generation = 1;
            while !over.load(Ordering::Relaxed) {
                generation += 1;
                scene.gateway.signal(Signal::SIGHUP)?;
                scene.reloaded(generation)?;
            }
            Ok(generation)
        });
        let answers = client.ask(
            "{echo(b'x') for _ in range(100)} | {get('api.example.com', '203.0.113.10') for _ in range(50)}",
        );
        over.store(true, Ordering::Relaxed);
        (storm.join(), answers)
    });
    let reloads = reloads.expect("the storm does not panic")?;
    assert!(reloads > 10, "{reloads} reloads are no storm");
    let answers = answers?;
    assert!(!answers.contains("Error"), "{answers}");
    Ok(())
}

#[test]
fn a_governed_cgroup_that_is_made_again_is_governed_again() -> Result<()> {
    let scene = Scene::new("")?;
    let client = scene.bed.governed_in("again")?;
    let scope = [client.scope()?];
    scene.gateway.replace_config_and_scope(REGISTRY, &scope)?;
    scene.reloaded(2)?;
    fs::remove_dir(client.cgroup())?;
    fs::create_dir(client.cgroup())?;
    scene
        .gateway
        .says(&["was made again, and is governed again"])?;
    assert_eq!(try_evil(&mut client.session()?)?, "SSLError");
    Ok(())
}
