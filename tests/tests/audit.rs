//! What is let through although no service admits it, and the guard over resolved addresses.

use anyhow::Result;
use egress_tests::{REGISTRY, Scene};

const AUDIT: &str = "[gateway]\nmode = \"audit\"";
const ALLOW_ANY: &str = "[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"";

/// Names below the wildcard whose answers no public name should have.
const NOT_PUBLIC: [&str; 3] = [
    "private.cdn.example.com",
    "loopback.cdn.example.com",
    "rebind.cdn.example.com",
];

#[test]
fn audit_lets_through_and_logs_what_it_would_have_denied() -> Result<()> {
    let scene = Scene::new(AUDIT)?;
    let mut client = scene.python()?;
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    assert_eq!(said, "served by evil at 203.0.113.66 over HTTP/1.0");
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason service"),
        "audit host_not_in_registry "
    );
    assert_eq!(line.pick("upstream.addr"), "203.0.113.66:443");
    let labels = [("verdict", "audit"), ("reason", "host_not_in_registry")];
    assert_eq!(scene.metrics()?.sum("egress_decisions_total", &labels), 1);
    Ok(())
}

#[test]
fn audit_makes_no_difference_to_what_a_service_admits() -> Result<()> {
    let scene = Scene::new(AUDIT)?;
    scene.python()?.run("echo(b'')")?;
    assert_eq!(
        scene.line()?.pick("verdict reason service"),
        "allow  orders-db"
    );
    Ok(())
}

#[test]
fn audit_lets_through_what_speaks_no_known_protocol() -> Result<()> {
    let scene = Scene::new(AUDIT)?;
    let mut client = scene.python()?;
    assert_eq!(
        client.ask("echo(b'x', '198.51.100.21')")?,
        "ready 198.51.100.21\nx"
    );
    assert_eq!(
        scene.line()?.pick("verdict reason"),
        "audit address_not_in_registry"
    );
    Ok(())
}

#[test]
fn allow_any_passes_what_is_not_registered() -> Result<()> {
    let scene = Scene::new(ALLOW_ANY)?;
    let mut client = scene.python()?;
    let said = client.ask("get('evil.example.net', '203.0.113.66')")?;
    assert_eq!(said, "served by evil at 203.0.113.66 over HTTP/1.0");
    assert_eq!(scene.line()?.pick("verdict reason service"), "allow  ");
    let labels = [("destination_service_name", "PassthroughCluster")];
    assert_eq!(
        scene
            .metrics()?
            .sum("istio_tcp_connections_opened_total", &labels),
        1
    );
    Ok(())
}

#[test]
fn a_name_that_leads_inside_is_refused() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    for name in NOT_PUBLIC {
        let said = client.ask(&format!("alert(say('203.0.113.11', 443, hello('{name}')))"))?;
        assert_eq!(said, "alert 49", "{name}");
        let line = scene.line()?;
        assert_eq!(
            line.pick("verdict reason"),
            "deny resolved_address_refused",
            "{name}"
        );
        assert_eq!(line.pick("service upstream.addr"), "cdn ", "{name}");
    }
    Ok(())
}

#[test]
fn in_audit_such_a_name_goes_where_the_client_was_going() -> Result<()> {
    let scene = Scene::new(AUDIT)?;
    let mut client = scene.python()?;
    for name in NOT_PUBLIC {
        // The certificate is of another name, which is why nothing more can be said over it.
        client.ask(&format!("get('{name}', '203.0.113.66')"))?;
        let line = scene.line()?;
        assert_eq!(
            line.pick("verdict reason"),
            "audit resolved_address_refused",
            "{name}"
        );
        assert_eq!(line.get("upstream.addr"), "203.0.113.66:443", "{name}");
    }
    Ok(())
}

#[test]
fn an_inside_address_is_dialled_if_the_service_lists_it() -> Result<()> {
    let listed = "
[[service]]
name = \"inside\"
hosts = [\"private.cdn.example.com\"]
addresses = [\"10.20.0.0/24\"]
ports = [{ number = 443, protocol = \"TLS\" }]
resolution = \"DNS\"
";
    let scene = Scene::with(&format!("{REGISTRY}{listed}"))?;
    let mut client = scene.python()?;
    let said = client.ask("get('private.cdn.example.com', '10.20.0.7')")?;
    assert_eq!(said, "served by private at 10.20.0.7 over HTTP/1.0");
    assert_eq!(scene.line()?.pick("verdict service"), "allow inside");
    Ok(())
}
