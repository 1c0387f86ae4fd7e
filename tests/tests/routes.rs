//! `[[route]]`: admitted connections that are led to another service's servers.

use std::collections::BTreeSet;

use anyhow::Result;
use egress_tests::{Client, Gateway, Python, Scene, Testbed};

/// One service by name, another with servers of its own, and no route.
const SERVICES: &str = "
[[service]]
name = \"packages\"
hosts = [\"packages.example.org\"]
ports = [{ number = 80, protocol = \"HTTP\" }]
resolution = \"DNS\"

[[service]]
name = \"mirror\"
hosts = [\"mirror.example.org\"]
ports = [{ number = 80, protocol = \"HTTP\" }]
resolution = \"STATIC\"
endpoints = [{ address = \"203.0.113.66\" }]
";

const KEYS: &str = "verdict service route upstream.addr";
const DIRECT: &str = "allow packages  203.0.113.12:80";
const LED: &str = "allow packages detour 203.0.113.66:80";

fn route(given: &str, destinations: &str) -> String {
    format!(
        "{SERVICES}
[[route]]
name = \"detour\"
match = [{{ {given} }}]
destinations = [{destinations}]
"
    )
}

const MIRROR: &str = "{ service = \"mirror\" }";

fn ask(client: &mut Python, host: &str) -> Result<String> {
    client.ask(&format!("say('203.0.113.12', 80, request('{host}'))"))
}

#[test]
fn a_name_is_led_to_another_services_server() -> Result<()> {
    for (given, led) in [
        ("sni_hosts = [\"packages.example.org\"]", true),
        ("sni_hosts = [\"*.example.org\"], port = 80", true),
        ("destination_subnets = [\"203.0.113.12/32\"]", true),
        ("sni_hosts = [\"other.example.org\"]", false),
        ("sni_hosts = [\"*.example.org\"], port = 81", false),
        ("destination_subnets = [\"203.0.113.64/26\"]", false),
    ] {
        let scene = Scene::with(&route(given, "{ service = \"mirror\", port = 80 }"))?;
        let said = ask(&mut scene.python()?, "packages.example.org")?;
        let server = if led {
            "served by evil at 203.0.113.66"
        } else {
            "served by packages at 203.0.113.12"
        };
        assert!(said.contains(server), "{given}: {said}");
        let expected = if led { LED } else { DIRECT };
        assert_eq!(scene.line()?.pick(KEYS), expected, "{given}");
    }
    Ok(())
}

#[test]
fn one_caller_is_led_elsewhere_and_another_is_not() -> Result<()> {
    let scene = Scene::on(Testbed::new()?, |bed| {
        let canary = bed.governed_in("canary")?.scope()?;
        Gateway::start(
            bed,
            &route(&format!("from = [{{ cgroup = \"{canary}\" }}]"), MIRROR),
        )
    })?;
    let try_from = |client: &Client| ask(&mut client.session()?, "packages.example.org");

    let said = try_from(&scene.bed.governed_in("canary")?)?;
    assert!(said.contains("served by evil"), "{said}");
    assert_eq!(scene.line()?.pick(KEYS), LED);

    let said = try_from(&scene.bed.governed_in("stable")?)?;
    assert!(said.contains("served by packages"), "{said}");
    assert_eq!(scene.line()?.pick(KEYS), DIRECT);
    Ok(())
}

#[test]
fn a_route_admits_nothing() -> Result<()> {
    let everything = "destination_subnets = [\"0.0.0.0/0\"]";
    let scene = Scene::with(&route(everything, MIRROR))?;
    let said = ask(&mut scene.python()?, "evil.example.net")?;
    assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    assert_eq!(
        scene.line()?.pick("verdict reason route"),
        "deny host_not_in_registry "
    );
    Ok(())
}

#[test]
fn connections_are_spread_over_a_routes_destinations() -> Result<()> {
    /// That all go one way by chance: once in 2^63 runs.
    const TRIES: usize = 64;
    let scene = Scene::with(&route(
        "sni_hosts = [\"packages.example.org\"]",
        "{ service = \"packages\", weight = 1 }, { service = \"mirror\", weight = 1 }",
    ))?;
    let mut client = scene.python()?;
    let mut upstreams = BTreeSet::new();
    for _ in 0..TRIES {
        ask(&mut client, "packages.example.org")?;
        upstreams.insert(scene.line()?.get("upstream.addr"));
        if upstreams.len() == 2 {
            return Ok(());
        }
    }
    panic!("all went to {upstreams:?}");
}
