//! Clients that are slow, silent, odd, or hostile in their first bytes.

use std::time::{Duration, Instant};

use anyhow::Result;
use egress_tests::{Python, Scene};

/// A deadline that a test can wait for.
const IMPATIENT: &str = "[sniff]\ntimeout = \"300ms\"";
/// Deadlines that no test waits for: what comes before does not depend on them.
const PATIENT: &str = "[sniff]\ntimeout = \"1m\"\ndetect_timeout = \"10s\"";
/// Well below the deadlines of [`PATIENT`], for what depends on none of them.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What the API's server answers a hello with: a TLS record of handshake type (RFC 8446 section 5.1).
const SERVER_HELLO: &str = "\u{16}";

/// Whether the API's server answers this hello, and what the log says of it.
fn answered(scene: &Scene, client: &mut Python, send: &str) -> Result<()> {
    client.run("s = connect('203.0.113.10', 443)")?;
    client.run("s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)")?;
    client.run(send)?;
    assert_eq!(client.ask("s.recv(1)")?, SERVER_HELLO, "{send}");
    client.run("reset(s)")?;
    let line = scene.line()?;
    assert_eq!(
        line.pick("requested_server_name verdict"),
        "api.example.com allow",
        "{send}"
    );
    Ok(())
}

#[test]
fn a_hello_may_come_byte_by_byte_and_in_many_records() -> Result<()> {
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    client.run("h = hello('api.example.com')")?;
    answered(&scene, &mut client, "for byte in h: s.send(bytes([byte]))")?;
    answered(&scene, &mut client, "s.sendall(in_records(h, 20))")?;
    answered(&scene, &mut client, "s.sendall(in_records(h, 1))")
}

#[test]
fn a_hello_over_the_cap_is_refused() -> Result<()> {
    let scene = Scene::new("[sniff]\nmax_bytes = \"1KiB\"")?;
    let mut client = scene.python()?;
    let long = "hello('api.example.com', *['protocol' * 20] * 10)";
    let said = client.ask(&format!("alert(say('203.0.113.10', 443, {long}))"))?;
    assert_eq!(said, "alert 50");
    assert_eq!(
        scene.line()?.pick("reason response_flags"),
        "sniff_too_large DPE"
    );
    Ok(())
}

#[test]
fn a_long_hello_below_the_cap_is_read_to_its_end() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let long = "hello('api.example.com', 'h2', *['protocol' * 30] * 30)";
    client.run(&format!("h = {long}; assert len(h) > 7000"))?;
    answered(&scene, &mut client, "s.sendall(h)")
}

#[test]
fn who_says_nothing_where_a_name_is_needed_is_denied_in_time() -> Result<()> {
    let scene = Scene::new(IMPATIENT)?;
    let mut client = scene.python()?;
    let said = client.ask("connect('203.0.113.10', 443).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason response_flags"),
        "deny sniff_timeout DPE"
    );
    assert!(line.get("sniff_ms").parse::<f64>()? >= 300.0, "{line:?}");
    Ok(())
}

#[test]
fn who_never_finishes_a_message_is_denied_in_its_protocol() -> Result<()> {
    let scene = Scene::new(IMPATIENT)?;
    let mut client = scene.python()?;
    client.run("s = connect('203.0.113.12', 80)")?;
    client.run("for byte in request('packages.example.org')[:-1]: s.send(bytes([byte]))")?;
    let said = client.ask("everything(s)")?;
    assert!(
        said.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{said}"
    );
    assert!(said.contains("egress: sniff_timeout: "), "{said}");
    assert_eq!(scene.line()?.get("reason"), "sniff_timeout");

    client.run("s = connect('203.0.113.10', 443)")?;
    client.run("s.sendall(hello('api.example.com')[:-1])")?;
    assert_eq!(client.ask("alert(everything(s))")?, "alert 49");
    assert_eq!(scene.line()?.get("reason"), "sniff_timeout");
    Ok(())
}

#[test]
fn who_sends_garbage_is_reset_at_once() -> Result<()> {
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    let begun = Instant::now();
    let said = client.ask("say('203.0.113.10', 443, bytes(range(256)))")?;
    assert_eq!(said, "ConnectionResetError");
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(scene.line()?.pick("verdict reason"), "deny no_name");
    Ok(())
}

#[test]
fn who_leaves_without_a_word_is_logged_as_such() -> Result<()> {
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    client.run("s = connect('203.0.113.10', 443)")?;
    scene.counted("egress_connections", &[], 1)?;
    client.run("reset(s)")?;
    assert_eq!(
        scene.line()?.pick("verdict close_reason response_flags"),
        " client_reset DC"
    );
    client.run("s = connect('203.0.113.10', 443)")?;
    assert_eq!(client.ask("finish(s)")?, "ConnectionResetError");
    assert_eq!(scene.line()?.pick("verdict reason"), "deny no_name");
    Ok(())
}

#[test]
fn a_server_that_speaks_first_is_not_waited_for() -> Result<()> {
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    let begun = Instant::now();
    client.run("s = connect('198.51.100.20', 5432)")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    assert!(begun.elapsed() < AT_ONCE);
    client.run("finish(s)")?;
    assert_eq!(
        scene.line()?.pick("verdict sniff_ms protocol"),
        "allow  ",
        "nothing is read"
    );
    Ok(())
}

#[test]
fn on_a_port_that_no_service_has_a_name_is_waited_for_but_not_for_long() -> Result<()> {
    let scene = Scene::new("[sniff]\ntimeout = \"1m\"\ndetect_timeout = \"50ms\"")?;
    let mut client = scene.python()?;
    let said = client.ask("connect('203.0.113.10', 9999).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    let line = scene.line()?;
    assert_eq!(line.get("reason"), "port_not_in_registry");
    assert!(line.get("sniff_ms").parse::<f64>()? >= 50.0, "{line:?}");

    let said = client.ask("alert(say('203.0.113.10', 9999, hello('other.example.net')))")?;
    assert_eq!(said, "alert 49");
    let line = scene.line()?;
    assert_eq!(
        line.pick("reason requested_server_name"),
        "port_not_in_registry other.example.net"
    );
    Ok(())
}

#[test]
fn on_a_port_of_a_protocol_in_which_the_server_begins_no_name_is_waited_for() -> Result<()> {
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    let begun = Instant::now();
    let said = client.ask("connect('203.0.113.10', 25).recv(1)")?;
    assert_eq!(said, "ConnectionResetError");
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(scene.line()?.get("reason"), "port_not_in_registry");
    Ok(())
}

#[test]
fn a_head_that_two_readers_could_take_for_different_names_is_refused() -> Result<()> {
    let good = "Host: packages.example.org\r\n";
    let cases = [
        (
            format!("{good}Host: evil.example.net\r\n"),
            "host_duplicate",
        ),
        (format!("{good}{good}"), "host_duplicate"),
        (
            "Host : packages.example.org\r\n".into(),
            "request_smuggling",
        ),
        (
            "Host: packages.example.org\r\n\tevil.example.net\r\n".into(),
            "request_smuggling",
        ),
        (
            "Host: packages.example.org\nX: y\r\n".into(),
            "request_smuggling",
        ),
        (
            "Host: packages.example.org\0\r\n".into(),
            "request_smuggling",
        ),
        (
            "Host: packages.example.org, evil.example.net\r\n".into(),
            "host_malformed",
        ),
        (
            "Host: evil.example.net@packages.example.org\r\n".into(),
            "host_malformed",
        ),
    ];
    let heads = cases.map(|(fields, reason)| (format!("GET / HTTP/1.1\r\n{fields}\r\n"), reason));
    let absolute = format!("GET http://evil.example.net/ HTTP/1.1\r\n{good}\r\n");
    let scene = Scene::new(PATIENT)?;
    let mut client = scene.python()?;
    for (head, reason) in heads.into_iter().chain([(absolute, "authority_mismatch")]) {
        let head = serde_json::Value::from(head);
        let said = client.ask(&format!("say('203.0.113.12', 80, {head}.encode())"))?;
        assert!(
            said.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{head}: {said}"
        );
        assert!(
            said.contains(&format!("egress: {reason}: ")),
            "{head}: {said}"
        );
        assert_eq!(scene.line()?.get("reason"), reason, "{head}");
    }
    Ok(())
}

#[test]
fn an_address_is_not_a_name() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    // OpenSSL sends no address as a name, so it is put in the place of a name as long.
    let literal = "hello('203x0x113x10').replace(b'203x0x113x10', b'203.0.113.10')";
    let said = client.ask(&format!("alert(say('203.0.113.10', 443, {literal}))"))?;
    assert_eq!(said, "alert 50", "RFC 6066 section 3 does not permit one");
    assert_eq!(
        scene.line()?.pick("reason requested_server_name"),
        "sni_is_address "
    );
    let said = client.ask("say('203.0.113.12', 80, request('203.0.113.12'))")?;
    assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    assert_eq!(scene.line()?.get("reason"), "no_name");
    Ok(())
}

#[test]
fn case_port_and_the_last_dot_make_no_other_name() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let said = client.ask("say('203.0.113.12', 80, request('Packages.EXAMPLE.org.:80'))")?;
    assert!(said.contains("served by packages"), "{said}");
    assert_eq!(
        scene.line()?.get("requested_server_name"),
        "packages.example.org"
    );
    answered(&scene, &mut client, "s.sendall(hello('API.Example.COM'))")
}
