//! A second policy that is judged beside the enforced one, counted and logged, and never enforced.

use std::fs;

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, REGISTRY, Scene, Testbed, fit};

/// Names the shadow's file, beside the file itself.
const SHADOWED: &str = "[gateway]\nshadow = \"next.toml\"\n";

/// The registry without a service.
fn without(name: &str) -> String {
    let services = REGISTRY.split_inclusive("\n\n");
    services
        .filter(|service| !service.contains(&format!("name = \"{name}\"")))
        .collect()
}

/// A gateway that enforces one registry, with another as the shadow.
fn scene(enforced: &str, shadow: &str) -> Result<Scene> {
    Scene::on(Testbed::new()?, |bed| {
        let etc = bed.dir().join("etc");
        fs::create_dir_all(&etc)?;
        fs::write(etc.join("next.toml"), fit(bed, shadow)).context("cannot write next.toml")?;
        Gateway::start(bed, &format!("{SHADOWED}\n{enforced}"))
    })
}

const API: &str = "get('api.example.com', '203.0.113.10')";
const SHADOW: &str = "verdict shadow_verdict shadow_reason shadow_service";

#[test]
fn what_the_shadow_would_deny_goes_on_and_is_told() -> Result<()> {
    let scene = scene(REGISTRY, &without("api"))?;
    let mut client = scene.python()?;
    assert!(client.ask(API)?.starts_with("served by api"));
    assert_eq!(
        scene.line()?.pick(SHADOW),
        "allow deny host_not_in_registry "
    );
    client.ask("echo(b'x')")?;
    let same = scene.line()?;
    assert_eq!(same.pick(SHADOW), "allow   ", "both say the same");
    for (verdict, agrees) in [("deny", "false"), ("allow", "true")] {
        let labels = [("verdict", verdict), ("agrees", agrees)];
        scene.counted("egress_shadow_verdicts_total", &labels, 1)?;
    }
    Ok(())
}

#[test]
fn what_the_shadow_would_admit_stays_denied_and_is_told() -> Result<()> {
    let scene = scene(&without("api"), REGISTRY)?;
    assert_eq!(scene.python()?.ask(API)?, "SSLError");
    assert_eq!(scene.line()?.pick(SHADOW), "deny allow  api");
    Ok(())
}

/// A service whose connections the kernel judges by itself.
const STRAIGHT: &str = "
[[service]]
name = \"straight\"
addresses = [\"198.51.100.20\"]
ports = [{ number = 5432, protocol = \"TCP\" }]
resolution = \"NONE\"
";

#[test]
fn what_the_kernel_judges_by_itself_is_judged_by_the_shadow_too() -> Result<()> {
    let straight = format!("{}{STRAIGHT}", without("orders-db"));
    let other = straight.replace("198.51.100.20", "198.51.100.21");
    let scene = scene(&straight, &other)?;
    let mut client = scene.python()?;
    assert_eq!(client.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    let passed = scene.line()?;
    assert_eq!(passed.get("close_reason"), "direct");
    assert_eq!(passed.pick(SHADOW), "allow deny address_not_in_registry ");
    assert_eq!(
        client.ask("connect('198.51.100.21', 5432)")?,
        "PermissionError"
    );
    assert_eq!(scene.line()?.pick(SHADOW), "deny allow  straight");
    Ok(())
}

#[test]
fn the_shadow_is_replaced_by_a_change_of_its_own_file() -> Result<()> {
    let scene = scene(REGISTRY, &without("api"))?;
    let next = scene.gateway.config().with_file_name("next.toml");
    fs::write(next, fit(&scene.bed, REGISTRY))?;
    scene.reloaded(2)?;
    assert!(scene.python()?.ask(API)?.starts_with("served by api"));
    assert_eq!(scene.line()?.pick(SHADOW), "allow   ");
    Ok(())
}
