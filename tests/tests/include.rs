//! A registry in several files.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, Python, REGISTRY, Scene, Testbed};

const INCLUDES: &str = "include = [\"services.d/*.toml\"]\n";
/// A service that the registry lacks.
const EVIL: &str = "[[service]]
name = \"evil\"
hosts = [\"evil.example.net\"]
ports = [{ number = 443, protocol = \"TLS\" }]
resolution = \"DNS\"
";

fn scene() -> Result<Scene> {
    Scene::on(Testbed::new()?, |bed| {
        Gateway::start(bed, &format!("{INCLUDES}{REGISTRY}"))
    })
}

/// An included file.
fn included(scene: &Scene, name: &str) -> PathBuf {
    let directory = scene.gateway.config().with_file_name("services.d");
    directory.join(name)
}

/// What comes of a call to the service that comes and goes.
fn try_evil(client: &mut Python) -> Result<String> {
    client.ask("get('evil.example.net', '203.0.113.66')")
}

fn admitted(said: &str) -> bool {
    said.starts_with("served by evil")
}

#[test]
fn a_file_that_comes_changes_or_goes_is_a_change_of_the_configuration() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.python()?;
    let file = included(&scene, "evil.toml");
    assert_eq!(try_evil(&mut client)?, "SSLError");

    fs::write(&file, EVIL).context("cannot write an included file")?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut client)?));

    fs::write(&file, EVIL.replace("443", "8443")).context("cannot change it")?;
    scene.reloaded(3)?;
    assert_eq!(try_evil(&mut client)?, "SSLError");

    fs::write(&file, EVIL).context("cannot change it back")?;
    scene.reloaded(4)?;
    assert!(admitted(&try_evil(&mut client)?));

    fs::remove_file(&file).context("cannot remove it")?;
    scene.reloaded(5)?;
    assert_eq!(try_evil(&mut client)?, "SSLError");
    Ok(())
}

#[test]
fn a_broken_file_changes_nothing_until_it_is_mended() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    fs::write(included(&scene, "evil.toml"), EVIL)?;
    scene.reloaded(2)?;

    let broken = included(&scene, "broken.toml");
    fs::write(&broken, "[[service]]\nname = \"broken\"\n")?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;
    scene.gateway.says(&["broken.toml:1:"])?;
    assert!(admitted(&try_evil(&mut client)?));
    assert_eq!(scene.line()?.pick("policy_generation"), "2");
    client.run("s.sendall(b'as ever')")?;
    assert_eq!(client.ask("exactly(s, 7)")?, "as ever");

    fs::write(&broken, EVIL.replace("evil", "mended"))?;
    scene.reloaded(3)?;
    assert!(admitted(&try_evil(&mut client)?));
    Ok(())
}

#[test]
fn what_a_refused_configuration_names_is_watched_too() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.python()?;
    let other = scene.gateway.config().with_file_name("other.toml");
    fs::write(&other, "[[service]]\nname = \"broken\"\n")?;
    let config = format!("include = [\"other.toml\"]\n{REGISTRY}");
    scene.gateway.replace_config(&config)?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;

    fs::write(&other, EVIL)?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut client)?));
    Ok(())
}

#[test]
fn a_directory_that_goes_takes_nothing_with_it() -> Result<()> {
    let scene = scene()?;
    let mut client = scene.python()?;
    let file = included(&scene, "evil.toml");
    fs::write(&file, EVIL)?;
    scene.reloaded(2)?;
    let directory = scene.gateway.config().with_file_name("services.d");
    fs::rename(&directory, directory.with_file_name("away"))?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;
    assert!(
        admitted(&try_evil(&mut client)?),
        "the last one stays in force"
    );
    Ok(())
}

#[test]
fn a_line_of_the_log_says_in_which_file_its_service_is() -> Result<()> {
    let scene = scene()?;
    fs::write(included(&scene, "evil.toml"), EVIL)?;
    scene.reloaded(2)?;
    assert!(admitted(&try_evil(&mut scene.python()?)?));
    let rule = scene.line()?.get("rule");
    assert!(rule.ends_with("services.d/evil.toml:1"), "{rule}");
    Ok(())
}
