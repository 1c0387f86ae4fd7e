//! `egress top`: what it prints of real connections, and what it does on a real terminal.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Outcome, Python, Scene, binary, wait_until};
use serde_json::Value;

/// A pseudo-terminal, for a Python.
const TERMINAL: &str = include_str!("terminal.py");

/// What is counted has happened within a fraction of a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// A file's name that would set a terminal's title, and more, were it printed as it is.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}x";

fn top(scene: &Scene, args: &[&str]) -> Result<Outcome> {
    let socket = scene.gateway.socket().to_string_lossy().into_owned();
    let args = [&["top", "--socket", &socket], args].concat();
    scene.bed.outside().run(&binary()?.to_string_lossy(), &args)
}

/// The rows of a view, looked at twice in a short while.
fn rows(scene: &Scene, by: &str) -> Result<Vec<Value>> {
    let args = ["--once", "--json", "--interval", "200ms", "--by", by];
    let outcome = top(scene, &args)?;
    ensure!(outcome.succeeded(), "{}", outcome.text());
    let told: Value = serde_json::from_str(&outcome.stdout)?;
    let rows = told.get("rows").and_then(Value::as_array);
    rows.cloned().context("no rows")
}

/// The row in which a field has this value.
fn row(scene: &Scene, by: &str, field: &str, value: &str) -> Result<Value> {
    let rows = rows(scene, by)?;
    let found = rows
        .iter()
        .find(|row| row.get(field) == Some(&value.into()));
    found.cloned().with_context(|| format!("{rows:?}"))
}

fn number(row: &Value, field: &str) -> f64 {
    row.get(field).and_then(Value::as_f64).unwrap_or(-1.0)
}

/// A client with a connection to the database, which both sides keep open.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432)")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(client)
}

/// Asks for what no service has.
fn be_denied(scene: &Scene) -> Result<()> {
    // The address is known already: no lookup is denied before the connection is.
    let known = ["--resolve", "evil.example.net:443:203.0.113.66"];
    let url = "https://evil.example.net/";
    let outcome = scene.governed().curl(&[&known[..], &[url]].concat())?;
    ensure!(!outcome.succeeded(), "{}", outcome.text());
    scene.line()?;
    Ok(())
}

/// A Python on the node that has a terminal with `egress top` in it.
fn on_terminal(scene: &Scene, args: &[&str]) -> Result<Python> {
    let mut python = scene.bed.outside().session()?;
    python.run(TERMINAL)?;
    let binary = binary()?.to_string_lossy().into_owned();
    let socket = scene.gateway.socket().to_string_lossy().into_owned();
    let command = [&[&*binary, "top", "--socket", &socket], args].concat();
    python.run(&format!("t = Terminal({})", Value::from(command)))?;
    Ok(python)
}

#[test]
fn once_tells_a_program_what_each_view_has() -> Result<()> {
    let scene = Scene::new("")?;
    let mut live = connected(&scene)?;
    be_denied(&scene)?;

    let service = row(&scene, "service", "service", "orders-db")?;
    assert!(
        number(&service, "live") >= 1.0 && number(&service, "sent_bytes") >= 20.0,
        "{service}"
    );
    let denied = row(&scene, "service", "service", "BlackHoleCluster")?;
    assert_eq!(denied.get("live"), Some(&0.into()), "{denied}");

    let connection = row(&scene, "connection", "service", "orders-db")?;
    assert_eq!(connection.get("dst"), Some(&"198.51.100.20:5432".into()));
    assert_eq!(connection.get("pid"), Some(&live.pid().into()));
    let exe = connection.get("exe").and_then(Value::as_str);
    let exe = exe.with_context(|| connection.to_string())?.to_owned();

    let caller = row(&scene, "caller", "exe", &exe)?;
    assert_eq!(caller.get("processes"), Some(&1.into()), "{caller}");
    let cgroup = scene.governed().scope()?;
    assert_eq!(caller.get("place"), Some(&cgroup.into()));

    let denial = row(&scene, "denial", "name", "evil.example.net")?;
    assert_eq!(denial.get("reason"), Some(&"host_not_in_registry".into()));
    assert_eq!(denial.get("count"), Some(&1.into()), "{denial}");
    live.run("s.close()")
}

#[test]
fn once_measures_what_moves_between_its_looks() -> Result<()> {
    let scene = Scene::new("")?;
    let mut server = scene.bed.inet_session()?;
    server.run("l = listen('198.51.100.20', 6000)")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 6000)")?;
    // Both go on until the connection ends.
    server.run("import threading\nc = accept(l)\ndef pour():\n    while True: c.sendall(bytes(65536))\nthreading.Thread(target=pour, daemon=True).start()")?;
    client.run("import threading\ndef drink():\n    while s.recv(65536): pass\nthreading.Thread(target=drink, daemon=True).start()")?;
    for (by, field, value) in [
        ("service", "service", "lab"),
        ("connection", "dst", "198.51.100.20:6000"),
    ] {
        wait_until(&format!("bytes in a second by {by}"), SOON, || {
            let row = row(&scene, by, field, value).ok()?;
            let up = number(&row, "received_bytes_per_second");
            (number(&row, "sent_bytes_per_second") > 65_536.0 && up == 0.0).then_some(())
        })?;
    }
    Ok(())
}

#[test]
fn once_prints_a_table_and_nothing_that_a_terminal_obeys() -> Result<()> {
    let scene = Scene::new("")?;
    let program = scene.bed.dir().join(HOSTILE);
    fs::copy(fs::canonicalize("/usr/bin/python3")?, &program)?;
    let script = "import socket, sys; s = socket.create_connection(('198.51.100.20', 5432)); \
                  print(s.recv(5)); sys.stdin.read()";
    let mut client = scene.governed().command(&program.to_string_lossy());
    let log = scene.bed.dir().join("hostile.log");
    client
        .args(["-u", "-c", script])
        .stdin(std::process::Stdio::piped());
    let mut client = egress_tests::Process::spawn(&mut client, &log)?;
    client.ready(SOON, || {
        fs::read_to_string(&log).is_ok_and(|said| said.contains("ready"))
    })?;
    for args in [
        &["--once", "--interval", "100ms", "--by", "connection"][..],
        &["--once", "--interval", "100ms", "--by", "caller", "--json"],
    ] {
        let outcome = top(&scene, args)?;
        ensure!(outcome.succeeded(), "{}", outcome.text());
        assert!(outcome.stdout.contains("owned"), "{}", outcome.stdout);
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!outcome.stdout.contains(bad), "{:?}", outcome.stdout);
    }
    let mut python = on_terminal(&scene, &["--by", "connection"])?;
    python.run("t.shows('orders-db', '198.51.100.20:5432')")?;
    python.run("t.press('q')")?;
    assert_eq!(python.ask("t.end()")?, "[0,[]]");
    assert_eq!(
        python.ask("b'\\x1b]' in t.raw or b'\\xc2\\x9b' in t.raw")?,
        "false"
    );
    Ok(())
}

#[test]
fn the_live_view_draws_sorts_filters_and_gives_the_terminal_back() -> Result<()> {
    let scene = Scene::new("")?;
    let _live = connected(&scene)?;
    let url = "https://api.example.com/";
    assert!(scene.governed().curl(&[url])?.succeeded());
    be_denied(&scene)?;

    let mut python = on_terminal(&scene, &["--interval", "200ms"])?;
    python
        .run("t.shows('SERVICE', 'orders-db', 'api', 'BlackHoleCluster', 'q quit', 'enforce')")?;
    // From DOWN/s to SERVICE, and the other way around.
    python.run("t.press('<<<'); t.order('api', 'orders-db')")?;
    python.run("t.press('r'); t.order('orders-db', 'api')")?;
    python.run(
        "t.press('/orders\\r'); t.wait(lambda lines: not any(l.startswith(('api', 'Black')) for l in lines))",
    )?;
    python.run("t.press('\\x1b'); t.shows('BlackHoleCluster')")?;
    python.run("t.press('4'); t.shows('evil.example.net', 'host_not_in_registry')")?;
    python.run("t.resize(80, 20); t.shows('evil.example.net')")?;
    python.run("t.press('j\\r'); t.shows('this name is not in the registry')")?;
    python.run("t.press('q')")?;
    assert_eq!(python.ask("t.end()")?, "[0,[]]");
    Ok(())
}

#[test]
fn a_signal_gives_the_terminal_back_too() -> Result<()> {
    let scene = Scene::new("")?;
    for signal in ["SIGTERM", "SIGHUP", "SIGINT"] {
        let mut python = on_terminal(&scene, &[])?;
        python.run("t.shows('q quit', 'enforce')")?;
        python.run(&format!("t.program.send_signal(signal.{signal})"))?;
        assert_eq!(python.ask("t.end()")?, "[0,[]]", "{signal}");
    }
    let mut python = on_terminal(&scene, &[])?;
    python.run("t.shows('q quit', 'enforce'); t.press('\\x03')")?;
    assert_eq!(python.ask("t.end()")?, "[0,[]]");
    Ok(())
}

#[test]
fn a_gateway_that_ends_is_told_and_its_successor_is_found() -> Result<()> {
    let mut scene = Scene::new("")?;
    let mut python = on_terminal(&scene, &["--interval", "200ms"])?;
    python.run("t.shows('ready')")?;
    assert!(scene.gateway.terminate()?.success());
    python.run("t.shows('NO ANSWER', 'trying again')")?;
    let once = top(&scene, &["--once"])?;
    assert_eq!(once.status, Some(3), "{once:?}");
    assert!(once.stderr.contains("no gateway answers at"), "{once:?}");
    let file = scene.gateway.config().to_owned();
    scene.gateway = egress_tests::Gateway::start_from(&scene.bed, &file)?;
    python.run("t.wait(lambda lines: not any('NO ANSWER' in l for l in lines))")?;
    python.run(&format!("t.shows('pid {}')", scene.gateway.pid()))?;
    python.run("t.press('q')")?;
    assert_eq!(python.ask("t.end()")?, "[0,[]]");
    Ok(())
}

#[test]
fn without_a_terminal_it_says_what_to_do() -> Result<()> {
    let scene = Scene::new("")?;
    let outcome = top(&scene, &[])?;
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("--once"), "{outcome:?}");
    Ok(())
}
