//! Gateways that are in the governed scope themselves, each in a cgroup of its own, as pods of a node are.

use std::fs;

use anyhow::{Context as _, Result};
use egress_tests::{Scene, registry};

/// Served by the gateway, and by nothing else.
const ECHO: &str = "echo(b'x')";
const SERVED: &str = "ready 198.51.100.20\nx";

/// A gateway that governs everything on its node, itself and the one after it included.
fn scene() -> Result<Scene> {
    let scene = Scene::new("")?;
    let governed = scene.governed().scope()?;
    let node = governed.trim_end_matches("/governed").to_owned();
    scene
        .gateway
        .replace_config_and_scope(&registry(""), &[node])?;
    scene.reloaded(2)?;
    Ok(scene)
}

/// Programs in the place of the next gateway are governed as any others until it is there.
fn serves(scene: &Scene) -> Result<()> {
    let mut client = scene.python()?;
    assert_eq!(client.ask(ECHO)?, SERVED);
    Ok(())
}

#[test]
fn a_gateway_takes_over_from_one_in_the_same_scope() -> Result<()> {
    let mut scene = scene()?;
    let Scene { gateway, bed, .. } = &mut scene;
    let old = gateway.pid();
    gateway.succeed_elsewhere(bed)?;
    assert_ne!(gateway.pid(), old);
    serves(&scene)
}

#[test]
fn a_gateway_follows_one_that_died_in_the_same_scope() -> Result<()> {
    for options in [&[][..], &["--take-over"]] {
        let mut scene = scene()?;
        let Scene { gateway, bed, .. } = &mut scene;
        gateway.revive_elsewhere(bed, options)?;
        serves(&scene)?;
    }
    Ok(())
}

#[test]
fn a_gateway_follows_one_whose_maps_it_cannot_read() -> Result<()> {
    let mut scene = scene()?;
    let Scene { gateway, bed, .. } = &mut scene;
    // The programs go on with them, wherever they are: as with those of another version.
    let maps = fs::read_dir(bed.pins())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("/maps-"))
        .context("no maps are pinned")?;
    fs::rename(&maps, maps.with_file_name("maps-0"))?;
    gateway.revive_elsewhere(bed, &[])?;
    gateway.says(&["programs of another version are attached"])?;
    serves(&scene)
}
