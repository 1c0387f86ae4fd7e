//! What an operator learns of a connection: its line in the access log, and the metrics.

use anyhow::Result;
use egress_tests::{Line, Scene};

/// A time in milliseconds, which the line must have.
fn millis(line: &Line, key: &str) -> f64 {
    let value = line.get(key);
    value
        .parse()
        .unwrap_or_else(|_| panic!("{key} is {value:?} in {line:?}"))
}

#[test]
fn the_line_of_an_allowed_connection_says_who_where_and_how_much() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("import os; os.setuid(65534)")?;
    client.run("s = connect('203.0.113.12', 80)")?;
    let (ip, port) = ("s.getsockname()[0]", "s.getsockname()[1]");
    let own = format!("{}:{}", client.ask(ip)?, client.ask(port)?);
    client.run("asked = request('packages.example.org'); s.sendall(asked)")?;
    client.run("answer = everything(s); s.close()")?;
    let answer = client.ask("answer")?;
    assert!(answer.contains("served by packages"), "{answer}");

    let line = scene.line()?;
    assert_eq!(line.get("conn_id"), "1");
    assert_eq!(line.get("src.addr"), own);
    assert_eq!(line.get("src.pid"), client.pid().to_string());
    assert_eq!(
        line.get("src.exe"),
        client.ask("os.readlink('/proc/self/exe')")?
    );
    assert_eq!(line.get("src.uid"), "65534");
    assert_eq!(line.get("src.cgroup"), scene.governed().scope()?);
    assert_eq!(
        line.pick("dst.addr upstream.addr requested_server_name protocol service"),
        "203.0.113.12:80 203.0.113.12:80 packages.example.org http packages"
    );
    assert_eq!(line.pick("verdict reason policy_generation"), "allow  1");
    assert_eq!(line.get("bytes_received"), client.ask("len(asked)")?);
    assert_eq!(line.get("bytes_sent"), client.ask("len(answer)")?);
    assert_eq!(
        line.pick("close_reason response_flags"),
        "upstream_closed -"
    );
    let stages = ["sniff_ms", "resolve_ms", "connect_ms"].map(|key| millis(&line, key));
    assert!(
        stages.iter().sum::<f64>() <= millis(&line, "duration_ms"),
        "{line:?}"
    );
    Ok(())
}

/// A client that is refused has a second to close; its line does not wait for that.
#[test]
fn a_denial_is_logged_before_the_client_has_closed() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("s = connect('203.0.113.66', 443); s.sendall(hello('evil.example.net'))")?;
    let line = scene.line()?;
    assert_eq!(
        line.pick("dst.addr requested_server_name protocol"),
        "203.0.113.66:443 evil.example.net tls"
    );
    assert_eq!(
        line.pick("verdict reason service"),
        "deny host_not_in_registry "
    );
    assert_eq!(line.pick("close_reason response_flags"), "denied UAEX");
    assert_eq!(line.pick("upstream.addr bytes_received bytes_sent"), " 0 0");
    assert!(millis(&line, "duration_ms") < 1000.0, "{line:?}");
    Ok(())
}

#[test]
fn traffic_can_be_read_off_the_metrics() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let greeting = "ready 198.51.100.20\n".len() as u64;
    for message in ["12345", "1234567"] {
        client.run(&format!("echo(b'{message}')"))?;
        scene.line()?;
    }
    client.ask("say('203.0.113.12', 80, request('evil.example.net'))")?;
    scene.line()?;
    client.ask("alert(say('203.0.113.14', 443, hello('refused.cdn.example.com')))")?;
    scene.line()?;

    let metrics = scene.metrics()?;
    let tcp = |what: &str, service: &str, flags: &str| {
        let labels = [
            ("destination_service_name", service),
            ("response_flags", flags),
        ];
        metrics.sum(&format!("istio_tcp_{what}_total"), &labels)
    };
    assert_eq!(tcp("connections_opened", "orders-db", "-"), 2);
    assert_eq!(tcp("connections_closed", "orders-db", "-"), 2);
    assert_eq!(tcp("received_bytes", "orders-db", "-"), 2 * 5 + 5 + 7);
    assert_eq!(tcp("sent_bytes", "orders-db", "-"), 2 * greeting + 5 + 7);
    assert_eq!(tcp("connections_failed", "BlackHoleCluster", "UAEX"), 1);
    assert_eq!(tcp("connections_failed", "cdn", "UF"), 1);
    assert_eq!(metrics.sum("istio_tcp_connections_opened_total", &[]), 2);

    let allowed = [("verdict", "allow"), ("reason", "none")];
    assert_eq!(metrics.sum("egress_decisions_total", &allowed), 3);
    let denied = [("verdict", "deny"), ("reason", "host_not_in_registry")];
    assert_eq!(metrics.sum("egress_decisions_total", &denied), 1);
    let refused = [("reason", "connect_refused")];
    assert_eq!(metrics.sum("egress_dial_failures_total", &refused), 1);
    let named = [("protocol", "http"), ("outcome", "name")];
    assert_eq!(metrics.sum("egress_sniff_total", &named), 1);
    assert_eq!(
        metrics.sum("egress_kernel_total", &[("kind", "redirected")]),
        4
    );
    assert_eq!(metrics.sum("egress_connections", &[]), 0);
    Ok(())
}
