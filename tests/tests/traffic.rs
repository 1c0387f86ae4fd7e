//! What a service's traffic policy says, over real servers.

use anyhow::{Context as _, Result};
use egress_tests::Scene;

/// A service on port 6000 whose endpoints are the two plain addresses, where a test listens itself.
fn lab(endpoints: &str, policy: &str) -> Result<Scene> {
    Scene::with(&format!(
        "
[[service]]
name = \"lab\"
addresses = [\"198.51.100.20\"]
ports = [{{ number = 6000, protocol = \"TCP\" }}]
resolution = \"STATIC\"
endpoints = [{endpoints}]
[service.traffic_policy]
{policy}
"
    ))
}

const BOTH: &str = "{ address = \"198.51.100.20\" }, { address = \"198.51.100.21\" }";
const ONE: &str = "{ address = \"198.51.100.20\" }";

/// Listens at an address, and answers each connection with it, then ends.
fn answering(name: &str, address: &str) -> String {
    format!(
        "
{name} = listen('{address}', 6000)
def serve_{name}():
    while True:
        try:
            connection = accept({name})
        except OSError:
            return
        connection.sendall(b'{address}')
        connection.close()
threading.Thread(target=serve_{name}, daemon=True).start()
"
    )
}

const ASK: &str = "everything(connect('198.51.100.20', 6000))";

#[test]
fn an_endpoint_that_dies_is_passed_over() -> Result<()> {
    let scene = lab(
        BOTH,
        "outlier_detection = { consecutive_connect_failures = 1, max_ejection_percent = 50 }",
    )?;
    let mut server = scene.bed.inet_session()?;
    server.run(&answering("one", "198.51.100.20"))?;
    server.run(&answering("two", "198.51.100.21"))?;
    let mut client = scene.python()?;
    let mut said = Vec::new();
    for _ in 0..4 {
        said.push(client.ask(ASK)?);
        scene.line()?;
    }
    said.sort();
    said.dedup();
    assert_eq!(said, ["198.51.100.20", "198.51.100.21"]);

    server.run("one.shutdown(socket.SHUT_RDWR); one.close()")?;
    for _ in 0..4 {
        assert_eq!(client.ask(ASK)?, "198.51.100.21");
        assert_eq!(
            scene.line()?.pick("verdict upstream.addr"),
            "allow 198.51.100.21:6000"
        );
    }
    let service = [("destination_service_name", "lab")];
    let metrics = scene.metrics()?;
    assert_eq!(metrics.sum("egress_service_ejected", &service), 1);
    assert_eq!(metrics.sum("egress_service_ejections_total", &service), 1);
    Ok(())
}

#[test]
fn endpoints_are_chosen_by_weight() -> Result<()> {
    let endpoints =
        "{ address = \"198.51.100.20\", weight = 3 }, { address = \"198.51.100.21\", weight = 1 }";
    let scene = lab(endpoints, "load_balancer = \"ROUND_ROBIN\"")?;
    let mut server = scene.bed.inet_session()?;
    server.run(&answering("one", "198.51.100.20"))?;
    server.run(&answering("two", "198.51.100.21"))?;
    let mut client = scene.python()?;
    let mut first = 0;
    for _ in 0..8 {
        if client.ask(ASK)? == "198.51.100.20" {
            first += 1;
        }
    }
    assert_eq!(first, 6);
    Ok(())
}

#[test]
fn with_a_balancer_by_source_a_client_stays_with_one_endpoint() -> Result<()> {
    let scene = lab(BOTH, "load_balancer = \"SOURCE_IP\"")?;
    let mut server = scene.bed.inet_session()?;
    server.run(&answering("one", "198.51.100.20"))?;
    server.run(&answering("two", "198.51.100.21"))?;
    let mut client = scene.python()?;
    let first = client.ask(ASK)?;
    for _ in 0..8 {
        assert_eq!(client.ask(ASK)?, first);
    }
    Ok(())
}

#[test]
fn with_a_balancer_by_load_the_endpoint_with_fewer_connections_is_next() -> Result<()> {
    let scene = lab(BOTH, "load_balancer = \"LEAST_REQUEST\"")?;
    let mut server = scene.bed.inet_session()?;
    server.run("one = listen('198.51.100.20', 6000); two = listen('198.51.100.21', 6000)")?;
    let mut client = scene.python()?;
    let service = [("destination_service_name", "lab")];
    client.run("held = []")?;
    for live in 1..=10 {
        client.run("held.append(connect('198.51.100.20', 6000))")?;
        scene.counted("egress_service_connections", &service, live)?;
    }
    server.run("accepted = [accept(l) for _ in range(5) for l in (one, two)]")?;
    // Those of one end, so that the next five are its.
    server.run("[a.close() for a in accepted[::2]]")?;
    client.run(
        "
import select
for _ in range(5):
    ended, = select.select(held, [], [], LIMIT)[0][:1]
    ended.close()
    held.remove(ended)
",
    )?;
    scene.counted("egress_service_connections", &service, 5)?;
    for live in 6..=10 {
        client.run("held.append(connect('198.51.100.20', 6000))")?;
        scene.counted("egress_service_connections", &service, live)?;
    }
    server.run("for _ in range(5): accept(one)")
}

#[test]
fn a_service_has_no_more_connections_than_it_may() -> Result<()> {
    let scene = lab(ONE, "connection_pool = { tcp = { max_connections = 1 } }")?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.20', 6000)")?;
    let mut client = scene.python()?;
    client.run("first = connect('198.51.100.20', 6000)")?;
    server.run("accepted = accept(l)")?;
    let said = client.ask("connect('198.51.100.20', 6000).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("verdict reason service response_flags"),
        "deny limit_service lab UO"
    );
    let service = [("destination_service_name", "lab")];
    let metrics = scene.metrics()?;
    assert_eq!(metrics.sum("egress_service_overflows_total", &service), 1);
    assert_eq!(metrics.sum("egress_service_connections", &service), 1);

    client.run("first.close()")?;
    server.run("accepted.close()")?;
    scene.line()?;
    scene.counted("egress_service_connections", &service, 0)?;
    client.run("again = connect('198.51.100.20', 6000)")?;
    server.run("accept(l)")
}

#[test]
fn a_connection_lasts_no_longer_than_its_service_allows() -> Result<()> {
    for (bound, ended) in [
        ("max_connection_duration = \"1s\"", "max_duration DT"),
        ("idle_timeout = \"200ms\"", "idle_timeout UT"),
    ] {
        let scene = lab(ONE, &format!("connection_pool = {{ tcp = {{ {bound} }} }}"))?;
        let mut server = scene.bed.inet_session()?;
        server.run("l = listen('198.51.100.20', 6000)")?;
        let mut client = scene.python()?;
        client.run("c = connect('198.51.100.20', 6000)")?;
        server.run("a = accept(l)")?;
        assert_eq!(client.ask("c.recv(1)")?, "ConnectionResetError");
        assert_eq!(server.ask("a.recv(1)")?, "ConnectionResetError");
        assert_eq!(scene.line()?.pick("close_reason response_flags"), ended);
    }
    Ok(())
}

#[test]
fn an_upstream_learns_of_the_client_by_the_proxy_protocol() -> Result<()> {
    for version in ["V1", "V2"] {
        let scene = Scene::with(&format!(
            "
[[service]]
name = \"proxied\"
hosts = [\"proxied.example.org\"]
ports = [{{ number = 80, protocol = \"HTTP\", target_port = 8081 }}]
resolution = \"STATIC\"
endpoints = [{{ address = \"203.0.113.12\" }}]
[service.traffic_policy]
proxy_protocol = \"{version}\"
"
        ))?;
        let mut client = scene.python()?;
        client.run("sent = request('proxied.example.org')")?;
        let said = client.ask("say('203.0.113.77', 80, sent)")?;
        let line = scene.line()?;
        let from = line.get("src.addr");
        let (client_ip, _) = from.rsplit_once(':').context("a port")?;
        assert!(
            said.ends_with(&format!("for {client_ip} to 203.0.113.77:80\n")),
            "{said}"
        );
        // The header is the gateway's own, and is none of the client's bytes.
        assert_eq!(line.get("bytes_received"), client.ask("len(sent)")?);
    }
    Ok(())
}
