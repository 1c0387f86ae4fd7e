//! The gateway as a pod on a node, and its clients in containers.

mod churn;
#[cfg(feature = "k8s")]
mod cluster;
mod rolling_update;

use std::time::Duration;

use anyhow::{Result, ensure};
use egress_tests::{GatewayPod, Node, Volume, registry};

const ECHO: &str = "echo(b'x')";
const ECHOED: &str = "ready 198.51.100.20\nx";
const API: &str = "get('api.example.com', 'api.example.com')";
const EVIL: &str = "get('evil.example.net', '203.0.113.66')";
const EVIL_SERVED: &str = "served by evil at 203.0.113.66 over HTTP/1.0";
const UNLISTED: &str = "echo(b'x', '198.51.100.21')";

/// What a loaded machine takes at most for what is done in a second or two.
const SOON: Duration = Duration::from_secs(30);

/// A service that lets a host be reached by some.
fn evil_for(from: &str) -> String {
    format!(
        "[[service]]\nname = \"evil\"\nhosts = [\"evil.example.net\"]\nresolution = \"DNS\"\n\
         ports = [{{ number = 443, protocol = \"TLS\" }}]\n{from}"
    )
}

#[test]
fn containers_reach_what_is_allowed_and_nothing_else() -> Result<()> {
    let node = Node::new()?;
    let sniffer = node.bed().sniffer()?;
    let pod = node.pod(1);
    // Without a gateway everything is reached, from the pod's own address.
    assert_eq!(pod.session()?.ask(EVIL)?, EVIL_SERVED);
    assert!(!node.past_the_gateway(&sniffer)?.is_empty());
    drop(sniffer);

    let volume = Volume::new(&node, &registry(""))?;
    let gateway = GatewayPod::start(&node, "egress-a", &volume)?;
    let sniffer = node.bed().sniffer()?;
    let mut client = pod.session()?;
    ensure!(client.ask(API)?.starts_with("served by api at"));
    assert_eq!(client.ask(ECHO)?, ECHOED);
    assert_eq!(client.ask(EVIL)?, "SSLError");
    assert_eq!(client.ask(UNLISTED)?, "PermissionError");
    let curl = pod.run("/usr/bin/curl", &["-sS", "https://api.example.com/"])?;
    ensure!(
        curl.text().starts_with("served by api at"),
        "{}",
        curl.text()
    );
    assert_eq!(node.past_the_gateway(&sniffer)?, []);

    let log = gateway.access_log();
    let denied = log.wait_for("the denied name", |line| {
        line.get("requested_server_name") == "evil.example.net"
    })?;
    assert_eq!(denied.get("verdict"), "deny");
    let cgroup = denied.get("src.cgroup");
    assert!(cgroup.starts_with(&pod.cgroup()), "{cgroup}");
    Ok(())
}

#[test]
fn a_service_is_one_pods_and_a_config_map_changes_whose() -> Result<()> {
    let node = Node::new()?;
    let (one, two) = (node.pod(1), node.pod(2));
    let only = |cgroup: &str| registry(&evil_for(&format!("from = [{{ cgroup = {cgroup:?} }}]\n")));
    let mut volume = Volume::new(&node, &only(&one.cgroup()))?;
    let _gateway = GatewayPod::start(&node, "egress-a", &volume)?;
    let (mut first, mut second) = (one.session()?, two.session()?);
    assert_eq!(first.ask(EVIL)?, EVIL_SERVED);
    assert_eq!(second.ask(EVIL)?, "SSLError");

    volume.swap(&only(&two.cgroup()))?;
    node.counted("egress_policy_generation", &[], 2)?;
    assert_eq!(first.ask(EVIL)?, "SSLError");
    assert_eq!(second.ask(EVIL)?, EVIL_SERVED);

    // And once more: the directory that was there first is gone.
    volume.swap(&registry(""))?;
    node.counted("egress_policy_generation", &[], 3)?;
    assert_eq!(second.ask(EVIL)?, "SSLError");
    assert_eq!(second.ask(ECHO)?, ECHOED);
    Ok(())
}

#[test]
fn a_gateway_that_is_killed_leaves_all_closed_until_the_next_serves() -> Result<()> {
    let node = Node::new()?;
    let volume = Volume::new(&node, &registry(""))?;
    let gateway = GatewayPod::start(&node, "egress-a", &volume)?;
    let sniffer = node.bed().sniffer()?;
    let mut client = node.pod(1).session()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");

    let first = gateway.cgroup_id()?;
    gateway.kill()?;
    ensure!(["", "ConnectionResetError"].contains(&client.ask("everything(s)")?.as_str()));
    assert_eq!(client.ask(ECHO)?, "ConnectionRefusedError");
    assert_eq!(client.ask(EVIL)?, "ConnectionRefusedError");
    assert_eq!(client.ask(UNLISTED)?, "PermissionError");
    // One whose network namespace no gateway has seen: its connections are held.
    let mut late = node.pod(2).session()?;
    let held = "socket.create_connection(('203.0.113.66', 443), timeout=2)";
    assert_eq!(late.ask(held)?, "TimeoutError");

    gateway.restart()?;
    assert_ne!(gateway.cgroup_id()?, first);
    for client in [&mut client, &mut late] {
        assert_eq!(client.ask(ECHO)?, ECHOED);
        assert_eq!(client.ask(EVIL)?, "SSLError");
    }
    assert_eq!(node.past_the_gateway(&sniffer)?, []);
    Ok(())
}
