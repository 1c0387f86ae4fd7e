//! Where an admitted connection goes: never only where the client says.

use std::time::{Duration, Instant};

use anyhow::Result;
use egress_tests::{REGISTRY, Scene};

const ADDRESSES: &str = "dst.addr upstream.addr service";

#[test]
fn a_name_goes_to_its_own_address_whatever_address_was_asked_for() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let said = client.ask("get('img.cdn.example.com', '203.0.113.66')")?;
    assert_eq!(said, "served by cdn at 203.0.113.11 over HTTP/1.0");
    let expected = "203.0.113.66:443 203.0.113.11:443 cdn";
    assert_eq!(scene.line()?.pick(ADDRESSES), expected);
    Ok(())
}

#[test]
fn with_resolution_none_another_servers_address_is_dialled_anew() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    for (address, redials) in [("203.0.113.12", 0), ("203.0.113.66", 1)] {
        let said = client.ask(&format!(
            "say('{address}', 80, request('packages.example.org'))"
        ))?;
        assert!(
            said.contains("served by packages at 203.0.113.12"),
            "{said}"
        );
        let expected = format!("{address}:80 203.0.113.12:80 packages");
        assert_eq!(scene.line()?.pick(ADDRESSES), expected);
        assert_eq!(scene.metrics()?.sum("egress_redials_total", &[]), redials);
    }
    Ok(())
}

#[test]
fn a_static_service_is_dialled_where_it_is_listed() -> Result<()> {
    let ledger = "
[[service]]
name = \"ledger\"
hosts = [\"ledger.example.com\"]
ports = [{ number = 443, protocol = \"TLS\", target_port = 8443 }]
resolution = \"STATIC\"
endpoints = [{ address = \"203.0.113.10\" }]
";
    let scene = Scene::with(&format!("{REGISTRY}{ledger}"))?;
    let mut client = scene.python()?;
    let said = client.ask("get('ledger.example.com', '203.0.113.14')")?;
    assert_eq!(said, "served by ledger at 203.0.113.10 over HTTP/1.0");
    let expected = "203.0.113.14:443 203.0.113.10:8443 ledger";
    assert_eq!(scene.line()?.pick(ADDRESSES), expected);
    Ok(())
}

#[test]
fn an_address_that_does_not_answer_does_not_hold_up_the_next() -> Result<()> {
    let scene = Scene::new("[dial]\nconnect_timeout = \"1m\"\nattempt_delay = \"50ms\"")?;
    let mut client = scene.python()?;
    let begun = Instant::now();
    for _ in 0..2 {
        let said = client.ask("get('half.cdn.example.com', '203.0.113.11')")?;
        assert_eq!(said, "served by cdn at 203.0.113.11 over HTTP/1.0");
        assert_eq!(scene.line()?.get("upstream.addr"), "203.0.113.11:443");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}
