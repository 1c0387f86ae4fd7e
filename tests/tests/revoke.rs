//! Connections that live on when the policy changes, and those that do not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use egress_tests::{Python, REGISTRY, Scene};

/// The service that `connected` uses.
const OWN: &str = "orders-db";
/// Longer than any test.
const NEVER: &str = "drain(1h)";
/// Changes of the policy while bytes move.
const RELOADS: u64 = 20;

/// Sends and reads back blocks, until a file is there.
const PUMP: &str = r"
def pump(s, file):
    block, blocks, wrong = bytes(range(256)) * 64, 0, 0
    while not os.path.exists(file):
        s.sendall(block)
        back = b''
        while len(back) < len(block):
            more = s.recv(len(block) - len(back))
            if not more:
                return f'{blocks} blocks, then an end'
            back += more
        blocks, wrong = blocks + 1, wrong + (back != block)
    return f'{wrong} wrong, {blocks > 0}'
";

/// The registry without a service.
fn without(name: &str) -> String {
    let services = REGISTRY.split_inclusive("\n\n");
    services
        .filter(|service| !service.contains(&format!("name = \"{name}\"")))
        .collect()
}

/// The registry, with what a service says of connections that a new policy forbids.
fn with_on_revoke(word: &str) -> String {
    let name = format!("name = \"{OWN}\"\n");
    REGISTRY.replace(&name, &format!("{name}on_revoke = \"{word}\"\n"))
}

/// A client with a connection that both sides keep open.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(client)
}

/// How many connections were forbidden, with what was done.
fn revoked(scene: &Scene, action: &str, count: u64) -> Result<()> {
    let labels = [("action", action)];
    scene.counted("egress_revoked_connections_total", &labels, count)
}

/// What the connection says once more, after its way there and back.
fn says(client: &mut Python, text: &str) -> Result<String> {
    client.run(&format!("s.sendall(b'{text}')"))?;
    client.ask(&format!("exactly(s, {})", text.len()))
}

#[test]
fn what_the_new_policy_forbids_is_reset_and_the_log_names_both_policies() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    scene.gateway.replace_config(&without(OWN))?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    let line = scene.line()?;
    assert_eq!(
        line.pick("close_reason response_flags policy_generation revoked_by_generation service"),
        format!("revoked UAEX 1 2 {OWN}")
    );
    assert_eq!(line.pick("verdict bytes_sent"), "allow 20");
    revoked(&scene, "close", 1)
}

#[test]
fn what_is_to_be_kept_goes_on() -> Result<()> {
    let scene = Scene::with(&with_on_revoke("keep"))?;
    let mut client = connected(&scene)?;
    scene.gateway.replace_config(&without(OWN))?;
    revoked(&scene, "keep", 1)?;
    assert_eq!(says(&mut client, "as ever")?, "as ever");
    client.ask("finish(s)")?;
    assert_eq!(
        scene.line()?.pick("close_reason revoked_by_generation"),
        "client_closed "
    );
    Ok(())
}

#[test]
fn what_is_to_drain_has_its_time_and_no_more() -> Result<()> {
    let scene = Scene::with(&with_on_revoke("drain(1s)"))?;
    let mut client = connected(&scene)?;
    scene.gateway.replace_config(&without(OWN))?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(
        scene
            .line()?
            .pick("close_reason policy_generation revoked_by_generation"),
        "revoked 1 2"
    );
    revoked(&scene, "drain", 1)
}

#[test]
fn what_drains_is_spared_by_a_policy_that_admits_it_again() -> Result<()> {
    let scene = Scene::with(&with_on_revoke(NEVER))?;
    let mut client = connected(&scene)?;
    scene.gateway.replace_config(&without(OWN))?;
    revoked(&scene, "drain", 1)?;
    assert_eq!(says(&mut client, "still")?, "still");
    scene.gateway.replace_config(REGISTRY)?;
    scene.reloaded(3)?;
    // Forbidden anew, by a policy of which it is told anew.
    scene.gateway.replace_config(&without(OWN))?;
    revoked(&scene, "drain", 2)?;
    assert_eq!(says(&mut client, "there")?, "there");
    Ok(())
}

#[test]
fn where_nothing_is_denied_nothing_is_revoked() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    let lenient = [
        "[gateway]\nmode = \"audit\"\n",
        "[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"\n",
    ];
    for (sections, generation) in lenient.into_iter().zip(2..) {
        let config = format!("{sections}\n{}", without(OWN));
        scene.gateway.replace_config(&config)?;
        scene.reloaded(generation)?;
        assert_eq!(says(&mut client, "as ever")?, "as ever", "{sections}");
    }
    // What it lives under is what admitted it, so it is known by its service still.
    scene.gateway.replace_config(&without(OWN))?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(
        scene.line()?.pick("service revoked_by_generation"),
        format!("{OWN} 4")
    );
    Ok(())
}

#[test]
fn one_that_was_not_joined_yet_when_the_policy_changed_is_judged_by_both() -> Result<()> {
    let scene = Scene::new("[sniff]\ntimeout = \"1m\"")?;
    let mut client = scene.python()?;
    client.run("s = connect('203.0.113.10', 443)")?;
    scene.counted("egress_connections", &[], 1)?;
    scene.gateway.replace_config(&without("api"))?;
    scene.reloaded(2)?;
    client.run("s.sendall(hello('api.example.com'))")?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    assert_eq!(
        scene
            .line()?
            .pick("close_reason policy_generation revoked_by_generation bytes_received"),
        "revoked 1 2 0"
    );
    Ok(())
}

#[test]
fn what_every_policy_allows_loses_no_byte() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    client.run(PUMP)?;
    let over = scene.bed.dir().join("over");
    client.begin(&format!("pump(s, '{}')", over.display()))?;
    let stop = AtomicBool::new(false);
    let others = thread::scope(|scope| -> Result<String> {
        let others = scope.spawn(|| -> Result<String> {
            let mut other = scene.python()?;
            while !stop.load(Ordering::Relaxed) {
                let said = other.ask("echo(b'x')")?;
                if said != "ready 198.51.100.20\nx" {
                    return Ok(said);
                }
            }
            Ok("all well".into())
        });
        for generation in 2..2 + RELOADS {
            let config = if generation % 2 == 0 {
                without("api")
            } else {
                REGISTRY.into()
            };
            scene.gateway.replace_config(&config)?;
            scene.reloaded(generation)?;
        }
        stop.store(true, Ordering::Relaxed);
        others.join().expect("the clients do not panic")
    });
    std::fs::write(&over, "").context("cannot say that it is over")?;
    assert_eq!(client.answer()?, "0 wrong, True");
    assert_eq!(others?, "all well");
    Ok(())
}

/// A service whose connections the kernel lets through by itself.
const STRAIGHT: &str = "
[[service]]
name = \"straight\"
addresses = [\"198.51.100.21\"]
ports = [{ number = 6001, protocol = \"TCP\" }]
resolution = \"NONE\"
";

#[test]
fn what_the_kernel_let_through_by_address_stops_when_no_rule_allows_it() -> Result<()> {
    let scene = Scene::with(&format!("{REGISTRY}{STRAIGHT}"))?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.21', 6001)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.21', 6001); s.sendall(b'before')")?;
    server.run("s = accept(l)")?;
    assert_eq!(server.ask("exactly(s, 6)")?, "before");
    assert_eq!(
        scene.line()?.pick("close_reason service"),
        "direct straight"
    );

    scene.gateway.replace_config(REGISTRY)?;
    scene.reloaded(2)?;
    client.run("s.sendall(b'after')")?;
    assert_eq!(
        scene.line()?.pick("verdict reason dst.addr"),
        "deny packet_not_in_registry 198.51.100.21:6001"
    );
    server.run("s.setblocking(False)")?;
    assert_eq!(server.ask("s.recv(1)")?, "BlockingIOError");

    // The rule is what held it up: with it, what was sent arrives.
    scene
        .gateway
        .replace_config(&format!("{REGISTRY}{STRAIGHT}"))?;
    server.run("s.settimeout(LIMIT)")?;
    assert_eq!(server.ask("exactly(s, 5)")?, "after");
    Ok(())
}

#[test]
fn what_passes_unread_in_audit_mode_is_revoked_when_it_is_enforced() -> Result<()> {
    let scene = Scene::new("[gateway]\nmode = \"audit\"")?;
    let mut client = scene.python()?;
    client.run(
        r"
s = connect('203.0.113.12', 80)
s.sendall(b'GET / HTTP/1.1\r\nHost: packages.example.org\r\n\r\n')
answer = b''
while b'served by packages' not in answer or not answer.endswith(b'\n'):
    answer += s.recv(1 << 16)
s.sendall(b'GET /\n')
s.recv(1)
",
    )?;
    scene.gateway.replace_config(REGISTRY)?;
    revoked(&scene, "close", 1)?;
    let line = scene.line()?;
    assert_eq!(
        line.pick("close_reason policy_generation revoked_by_generation"),
        "revoked 1 2"
    );
    Ok(())
}

/// Two names of one server.
fn two_names(hosts: &str) -> String {
    format!(
        r#"
[[service]]
name = "lab"
hosts = [{hosts}]
ports = [{{ number = 6000, protocol = "HTTP" }}]
resolution = "STATIC"
endpoints = [{{ address = "198.51.100.20" }}]
"#
    )
}

#[test]
fn a_tunnel_ends_with_the_name_that_it_was_asked_for() -> Result<()> {
    let scene = Scene::with(&two_names(r#""a.example.com", "b.example.com""#))?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.20', 6000)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 6000)")?;
    client.run("s.sendall(b'GET / HTTP/1.1\\r\\nHost: a.example.com\\r\\n\\r\\n')")?;
    server.run("c = accept(l); c.recv(1 << 16)")?;
    server.run("c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')")?;
    client.run("exactly(s, 38)")?;
    client.run(
        "s.sendall(b'GET / HTTP/1.1\\r\\nHost: b.example.com\\r\\nUpgrade: websocket\\r\\n\\r\\n')",
    )?;
    server.run("c.recv(1 << 16)")?;
    server.run("c.sendall(b'HTTP/1.1 101 Switching\\r\\n\\r\\n')")?;
    client.run("exactly(s, 26)")?;
    scene
        .gateway
        .replace_config(&two_names(r#""a.example.com""#))?;
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    revoked(&scene, "close", 1)
}
