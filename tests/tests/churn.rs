//! Pods come and go while others connect; nothing of those that are gone is kept.

use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{Footprint, Pod, Python, Scene, wait_until};

/// So many that one of each that is kept is seen.
const PODS: u8 = 24;
/// As many at one moment.
const AT_ONCE: usize = 4;
/// The gateway looks for empty namespaces every few seconds; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// Asks for the allowed and for the unlisted, again and again, until it is ended.
const LOAD: &str = r"
import socket
while True:
    for address in ('198.51.100.20', '198.51.100.21'):
        try:
            with socket.create_connection((address, 5432), timeout=5) as s:
                s.recv(20)
        except OSError:
            pass
";

/// A pod's first connections: before it has listeners, and after.
fn connects(client: &mut Python) -> Result<()> {
    assert_eq!(client.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    assert_eq!(
        client.ask("echo(b'x', '198.51.100.21')")?,
        "PermissionError"
    );
    Ok(())
}

/// The devices that lead into pods: one goes with its namespace, and not before.
fn devices(scene: &Scene) -> Result<usize> {
    let links = scene.bed.outside().shell("ip -o link show type veth")?;
    Ok(links.stdout.matches(": pod").count())
}

#[test]
fn pods_that_are_gone_leave_nothing_in_the_gateway() -> Result<()> {
    let scene = Scene::new("")?;
    connects(&mut scene.python()?)?;
    let load = scene
        .bed
        .governed_in("load")?
        .spawn_python(LOAD, &scene.bed.dir().join("load.log"))?;
    let before = Footprint::of(&scene)?;

    let mut pods: Vec<(Pod<'_>, Python)> = Vec::new();
    for number in 1..=PODS {
        let pod = scene.bed.pod(number)?;
        let mut client = pod.client().session()?;
        connects(&mut client).with_context(|| format!("pod {number}"))?;
        pods.push((pod, client));
        if pods.len() == AT_ONCE {
            let height = Footprint::of(&scene)?;
            assert!(height.namespaces > before.namespaces, "{height:?}");
            pods.drain(..).try_for_each(|(pod, _)| pod.remove())?;
        }
    }
    drop(load);

    wait_until("all is let go", SOON, || {
        let now = Footprint::of(&scene).ok()?;
        let same = now.namespaces == before.namespaces
            && now.descriptors <= before.descriptors
            && now.flows == 0;
        (same && devices(&scene).ok()? == 0).then_some(())
    })
    .with_context(|| {
        let now = Footprint::of(&scene);
        format!("{before:?}, {now:?}, {:?} devices", devices(&scene))
    })?;
    connects(&mut scene.python()?)
}
