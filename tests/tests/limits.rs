//! Over a limit a connection is refused at once, with its reason; room that is given back is used again.

use anyhow::Result;
use egress_tests::{Python, Scene};

/// Opens a connection that stays, and waits until it is joined to the server.
fn hold(client: &mut Python, name: &str) -> Result<()> {
    client.run(&format!("{name} = connect('198.51.100.20', 5432)"))?;
    assert_eq!(
        client.ask(&format!("exactly({name}, 20)"))?,
        "ready 198.51.100.20\n"
    );
    Ok(())
}

/// The line of a connection that is refused while others stay, and what its client sees.
fn refused(scene: &Scene, client: &mut Python) -> Result<String> {
    let said = client.ask("connect('198.51.100.20', 5432).recv(20)")?;
    let line = scene.line()?;
    Ok(format!(
        "{said}, {}",
        line.pick("verdict reason response_flags")
    ))
}

/// Ends a connection, and waits until the gateway has seen it.
fn release(scene: &Scene, client: &mut Python, name: &str) -> Result<()> {
    client.run(&format!("reset({name})"))?;
    assert_eq!(scene.line()?.get("close_reason"), "client_reset");
    Ok(())
}

/// The line is written just before the room is given back.
fn room(scene: &Scene, taken: u64) -> Result<()> {
    scene.counted("egress_connections", &[], taken)
}

#[test]
fn there_is_a_limit_to_connections_in_all() -> Result<()> {
    let scene = Scene::new("[limits]\nconnections = 2")?;
    let mut client = scene.python()?;
    let mut other = scene.bed.governed_in("other")?.session()?;
    hold(&mut client, "a")?;
    hold(&mut other, "b")?;
    let expected = "ConnectionResetError, deny limit_connections UO";
    assert_eq!(refused(&scene, &mut client)?, expected);
    assert_eq!(refused(&scene, &mut other)?, expected);
    release(&scene, &mut client, "a")?;
    room(&scene, 1)?;
    hold(&mut other, "c")
}

#[test]
fn there_is_a_limit_to_a_cgroups_connections_and_others_do_not_feel_it() -> Result<()> {
    let scene = Scene::new("[limits]\nconnections_per_cgroup = 1")?;
    let mut client = scene.bed.governed_in("one")?.session()?;
    let mut other = scene.bed.governed_in("other")?.session()?;
    hold(&mut client, "a")?;
    let expected = "ConnectionResetError, deny limit_caller UO";
    assert_eq!(refused(&scene, &mut client)?, expected);
    hold(&mut other, "b")?;
    assert_eq!(refused(&scene, &mut other)?, expected);
    release(&scene, &mut client, "a")?;
    room(&scene, 1)?;
    hold(&mut client, "a")
}

#[test]
fn there_is_a_limit_to_memory_for_first_messages() -> Result<()> {
    // Room for one message of the longest and not for two.
    let sections =
        "[sniff]\nmax_bytes = \"32KiB\"\ntimeout = \"1m\"\n[limits]\nsniff_memory = \"64KiB\"";
    let scene = Scene::new(sections)?;
    let mut client = scene.python()?;
    client.run("silent = connect('203.0.113.10', 443)")?;
    scene.counted("egress_connections", &[], 1)?;
    assert_eq!(
        client.ask("connect('203.0.113.10', 443).recv(1)")?,
        "ConnectionResetError"
    );
    assert_eq!(
        scene.line()?.pick("verdict reason"),
        "deny limit_sniff_memory"
    );
    hold(&mut client, "without_a_name")?;
    release(&scene, &mut client, "silent")?;
    room(&scene, 1)?;
    let said = client.ask("get('api.example.com', '203.0.113.10')")?;
    assert!(said.starts_with("served by api"), "{said}");
    Ok(())
}
