//! Ports that carry what is found by name and what is found by address.

use std::time::{Duration, Instant};

use anyhow::Result;
use egress_tests::{REGISTRY, Scene};

/// A port of both kinds, and a time to read names that no test would wait for.
fn both(port: u16) -> String {
    format!(
        "[sniff]\ntimeout = \"1m\"\n\n{REGISTRY}
[[service]]
name = \"by-name\"
hosts = [\"evil.example.net\"]
ports = [{{ number = {port}, protocol = \"TLS\" }}]
resolution = \"DNS\"

[[service]]
name = \"by-address\"
addresses = [\"198.51.100.21\"]
ports = [{{ number = {port}, protocol = \"TCP\" }}]
resolution = \"STATIC\"
endpoints = [{{ address = \"198.51.100.21\" }}]
"
    )
}

/// Far less than what would be waited for otherwise.
const AT_ONCE: Duration = Duration::from_secs(10);

#[test]
fn a_server_that_speaks_first_is_heard_at_once() -> Result<()> {
    let scene = Scene::with(&both(5432))?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.21', 5432)")?;
    let begun = Instant::now();
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.21\n");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    client.run("s.sendall(b'echo\\nhello')")?;
    assert_eq!(client.ask("finish(s)")?, "hello");
    assert_eq!(
        scene
            .line()?
            .pick("service verdict close_reason bytes_sent"),
        "by-address allow client_closed 25"
    );
    Ok(())
}

#[test]
fn a_client_that_speaks_first_is_judged_by_the_name_it_sends() -> Result<()> {
    let scene = Scene::with(&both(443))?;
    // Nobody is at the address for this port, which the client must not notice.
    let mut client = scene.python()?;
    let said = client.ask("get('evil.example.net', '198.51.100.21')")?;
    assert!(said.starts_with("served by evil at 203.0.113.66"), "{said}");
    assert_eq!(
        scene.line()?.pick("service requested_server_name protocol"),
        "by-name evil.example.net tls"
    );
    Ok(())
}

#[test]
fn the_upstream_that_was_not_wanted_has_had_no_byte() -> Result<()> {
    let scene = Scene::with(&both(443))?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.21', 443)")?;
    let mut client = scene.python()?;
    let said = client.ask("get('evil.example.net', '198.51.100.21')")?;
    assert!(said.starts_with("served by evil"), "{said}");
    // The client may have spoken before anybody was dialled for its sake.
    server.run("import select; came = bool(select.select([l], [], [], 0)[0])")?;
    assert_eq!(server.ask("everything(accept(l)) if came else ''")?, "");
    Ok(())
}

#[test]
fn a_client_whose_bytes_have_no_name_goes_to_the_address() -> Result<()> {
    let scene = Scene::with(&both(6001))?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.21', 6001)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.21', 6001); s.sendall(b'hello\\n')")?;
    server.run("s = accept(l)")?;
    assert_eq!(server.ask("exactly(s, 6)")?, "hello\n");
    server.run("s.sendall(b'there'); s.close()")?;
    assert_eq!(client.ask("finish(s)")?, "there");
    assert_eq!(scene.line()?.pick("service protocol"), "by-address tcp");
    Ok(())
}
