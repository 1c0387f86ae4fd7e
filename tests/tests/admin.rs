//! What an operator asks the running gateway, and tells it: over its socket, by the commands that use it, and
//! over loopback.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Outcome, Python, Scene, binary, registry, wait_until};
use serde_json::{Value, json};

/// What is told has happened within a fraction of a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);
/// Where the API is for reading.
const API: &str = "127.0.0.1:15000";

/// What curl gives for a request over the socket: the status, and the body.
fn ask(scene: &Scene, method: &str, path: &str) -> Result<(u16, Value)> {
    let socket = scene.gateway.socket().to_string_lossy().into_owned();
    let url = format!("http://localhost{path}");
    answer(scene, &["--unix-socket", &socket, "-X", method, &url])
}

/// The same over loopback.
fn ask_reading(scene: &Scene, args: &[&str], path: &str) -> Result<(u16, Value)> {
    let url = format!("http://{API}{path}");
    answer(scene, &[args, &[&url]].concat())
}

/// The status and the body that curl gets.
fn answer(scene: &Scene, args: &[&str]) -> Result<(u16, Value)> {
    let args = [args, &["--write-out", r"\n%{http_code}"]].concat();
    let outcome = scene.bed.outside().curl(&args)?;
    let (body, status) = outcome
        .stdout
        .rsplit_once('\n')
        .with_context(|| outcome.text())?;
    let status = status.parse().with_context(|| outcome.text())?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// What is at a path that may be read.
fn get(scene: &Scene, path: &str) -> Result<Value> {
    let (status, value) = ask(scene, "GET", path)?;
    ensure!(status == 200, "{status}: {value}");
    Ok(value)
}

/// Runs a command that asks the scene's gateway.
fn egress(scene: &Scene, args: &[&str]) -> Result<Outcome> {
    let socket = scene.gateway.socket().to_string_lossy().into_owned();
    let args = [args, &["--socket", &socket]].concat();
    scene.bed.outside().run(&binary()?.to_string_lossy(), &args)
}

/// A client with a connection through the gateway that both sides keep open.
fn connected(scene: &Scene) -> Result<Python> {
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    Ok(client)
}

/// A schema of the API's own description.
fn schema(document: &Value, name: &str) -> Result<jsonschema::Validator> {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": document.pointer("/components"),
    });
    jsonschema::validator_for(&schema).context("not a schema")
}

#[test]
fn what_it_answers_is_what_its_description_says() -> Result<()> {
    let scene = Scene::new("")?;
    let _live = connected(&scene)?;
    let mut client = scene.python()?;
    client.ask("get('evil.example.net', '203.0.113.66')")?;
    egress(&scene, &["reload"])?;
    let document = get(&scene, "/openapi.json")?;
    for (path, name) in [
        ("/v1/status", "Status"),
        ("/v1/log-level", "LogLevel"),
        ("/v1/troubles", "Troubles"),
        ("/v1/services", "Services"),
        ("/v1/connections?limit=5&sort=bytes", "Connections"),
        ("/v1/denied?limit=5", "Denied"),
    ] {
        let answer = get(&scene, path)?;
        let wrong: Vec<_> = schema(&document, name)?
            .iter_errors(&answer)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{path}: {wrong:?} in {answer:#}");
        let bare = path.split('?').next().unwrap_or(path);
        let described = document.pointer("/paths").and_then(|paths| paths.get(bare));
        assert!(described.is_some(), "{bare} is not described");
    }
    let explain = [
        "explain",
        "--host",
        "evil.example.net",
        "--port",
        "80",
        "--running",
        "--json",
    ];
    let told = egress(&scene, &explain)?;
    let told: Value = serde_json::from_str(&told.stdout).with_context(|| told.text())?;
    assert!(
        schema(&document, "Explanation")?.is_valid(&told),
        "{told:#}"
    );
    let (status, error) = ask(&scene, "GET", "/v1/connections?sort=name")?;
    assert_eq!(status, 400);
    assert!(schema(&document, "Error")?.is_valid(&error), "{error}");
    assert_eq!(ask(&scene, "GET", "/v1/nothing")?.0, 404);
    assert_eq!(ask(&scene, "GET", "/v1/reload")?.0, 404);
    assert_eq!(ask(&scene, "DELETE", "/v1/reload")?.0, 405);
    Ok(())
}

#[test]
fn a_live_connection_is_told_and_ended() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = connected(&scene)?;
    let told = egress(&scene, &["connections", "--json"])?;
    let told: Value = serde_json::from_str(&told.stdout).with_context(|| told.text())?;
    let at = |pointer: &str| told.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/total"), 1);
    assert_eq!(at("/connections/0/service"), "orders-db");
    assert_eq!(at("/connections/0/dst"), "198.51.100.20:5432");
    assert_eq!(at("/connections/0/upstream"), "198.51.100.20:5432");
    assert_eq!(at("/connections/0/bytes_sent"), 20);
    assert_eq!(at("/connections/0/bytes_received"), 5);
    assert_eq!(at("/connections/0/caller/pid"), client.pid());

    let id = at("/connections/0/id").to_string();
    let closed = egress(&scene, &["connections", "close", &id])?;
    assert_eq!(closed.stdout, format!("{id}: told to end\n"));
    assert_eq!(client.ask("s.recv(1)")?, "ConnectionResetError");
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict close_reason bytes_sent"),
        "allow operator 20"
    );

    let again = egress(&scene, &["connections", "close", &id])?;
    assert_eq!(again.status, Some(1), "{}", again.text());
    assert!(
        again.stderr.contains("no such connection"),
        "{}",
        again.text()
    );
    let none = egress(&scene, &["connections"])?;
    assert!(none.stdout.ends_with("0 of 0\n"), "{}", none.text());
    Ok(())
}

#[test]
fn what_is_denied_is_counted_by_what_and_whom() -> Result<()> {
    let scene = Scene::new("")?;
    let empty = egress(&scene, &["denied"])?;
    assert!(
        empty.stdout.starts_with("nothing was denied"),
        "{}",
        empty.text()
    );
    let mut client = scene.python()?;
    for _ in 0..3 {
        client.ask("get('evil.example.net', '203.0.113.66')")?;
    }
    client.ask("echo(b'x', '198.51.100.21')")?;
    let rows = wait_until("both are counted", SOON, || {
        let table = get(&scene, "/v1/denied").ok()?;
        (table.pointer("/total")? == 4).then(|| table.pointer("/denied").cloned())?
    })?;
    let at = |pointer: &str| rows.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/0/count"), 3);
    assert_eq!(at("/0/name"), "evil.example.net");
    assert_eq!(at("/0/reason"), "host_not_in_registry");
    assert_eq!(at("/0/verdict"), "deny");
    assert_eq!(at("/1/name"), Value::Null);
    assert_eq!(at("/1/address"), "198.51.100.21");
    let text = egress(&scene, &["denied", "--limit", "1"])?;
    assert!(text.stdout.contains("evil.example.net:"), "{}", text.text());
    assert!(
        text.stdout.ends_with("3 of 4 since the gateway started\n"),
        "{}",
        text.text()
    );
    Ok(())
}

#[test]
fn a_reload_is_waited_for_and_a_refused_one_changes_nothing() -> Result<()> {
    let scene = Scene::new("")?;
    let config = scene.gateway.config().to_owned();
    let reloaded = egress(&scene, &["reload"])?;
    assert_eq!(reloaded.status, Some(0), "{}", reloaded.text());
    assert!(
        reloaded.stdout.starts_with("policy 2 is in force"),
        "{}",
        reloaded.text()
    );

    let right = fs::read_to_string(&config)?;
    fs::write(
        &config,
        right.replace("resolution = \"DNS\"", "resolution = \"DMS\""),
    )?;
    let refused = egress(&scene, &["reload"])?;
    assert_eq!(refused.status, Some(2), "{}", refused.text());
    for part in ["unknown value \"DMS\"", "egress.toml:", "stays in force"] {
        assert!(refused.stderr.contains(part), "{}", refused.text());
    }
    let status = get(&scene, "/v1/status")?;
    assert_eq!(
        status.pointer("/last_reload/outcome"),
        Some(&json!("refused"))
    );
    assert_eq!(status.pointer("/policy_generation"), Some(&json!(2)));
    Ok(())
}

#[test]
fn what_the_diagnostics_tell_is_changed_and_a_mistake_changes_nothing() -> Result<()> {
    let scene = Scene::new("")?;
    assert_eq!(egress(&scene, &["log-level"])?.stdout, "info\n");
    let changed = egress(&scene, &["log-level", "warn,egress_userspace::conn=debug"])?;
    assert_eq!(changed.stdout, "egress_userspace::conn=debug,warn\n");
    let wrong = egress(&scene, &["log-level", "loud"])?;
    assert_eq!(wrong.status, Some(2), "{}", wrong.text());
    assert!(wrong.stderr.contains("loud"), "{}", wrong.text());
    assert_eq!(egress(&scene, &["log-level"])?.stdout, changed.stdout);
    Ok(())
}

#[test]
fn only_the_gateways_own_user_and_root_may_ask() -> Result<()> {
    let scene = Scene::new("")?;
    let socket = scene.gateway.socket().to_string_lossy().into_owned();
    let asks = format!("curl -sS --unix-socket {socket} http://localhost/v1/status");
    let nobody = format!("setpriv --reuid 65534 --regid 65534 --clear-groups {asks}");
    let outside = scene.bed.outside();
    assert!(
        outside
            .shell(&asks)?
            .stdout
            .contains("\"readiness\":\"ready\"")
    );
    let refused = outside.shell(&nobody)?;
    assert!(!refused.succeeded(), "{}", refused.text());
    // Whoever was let open the file is still asked who they are.
    let opened = format!(
        "chmod 755 {dir}; chmod 666 {socket}; {nobody}",
        dir = scene.bed.dir().display()
    );
    let refused = outside.shell(&opened)?;
    assert!(!refused.stdout.contains("ready"), "{}", refused.text());
    scene.gateway.says(&["turned away from the admin socket"])
}

#[test]
fn over_loopback_it_is_only_read() -> Result<()> {
    let config = registry(&format!("[admin]\napi = \"{API}\""));
    let scene = Scene::with(&config)?;
    let (status, answer) = ask_reading(&scene, &[], "/v1/status")?;
    assert_eq!(
        (status, answer.pointer("/mode")),
        (200, Some(&json!("enforce")))
    );
    assert_eq!(ask_reading(&scene, &["-X", "POST"], "/v1/reload")?.0, 405);
    assert_eq!(ask_reading(&scene, &["-X", "POST"], "/v1/drain")?.0, 405);
    assert_eq!(
        ask_reading(&scene, &["-X", "DELETE"], "/v1/connections/1")?.0,
        405
    );
    // A web page's own name that leads here.
    let evil = ["-H", "Host: evil.example:15000"];
    assert_eq!(ask_reading(&scene, &evil, "/v1/status")?.0, 421);
    Ok(())
}

#[test]
fn a_drain_is_an_end_in_order() -> Result<()> {
    let mut scene = Scene::new("")?;
    assert_eq!(ask(&scene, "POST", "/v1/drain")?.0, 202);
    assert!(scene.gateway.wait()?.success());
    assert!(!scene.gateway.socket().exists());
    let nobody = egress(&scene, &["denied"])?;
    assert_eq!(nobody.status, Some(3), "{}", nobody.text());
    assert!(
        nobody.stderr.contains("no gateway answers at"),
        "{}",
        nobody.text()
    );
    Ok(())
}

#[test]
fn a_gateway_that_takes_over_takes_the_socket_too() -> Result<()> {
    let mut scene = Scene::new("")?;
    let before = get(&scene, "/v1/status")?;
    scene.gateway.succeed(&scene.bed)?;
    let after = get(&scene, "/v1/status")?;
    assert_ne!(before.pointer("/pid"), after.pointer("/pid"));
    assert_eq!(after.pointer("/pid"), Some(&json!(scene.gateway.pid())));
    Ok(())
}

#[test]
fn what_would_allow_a_denial_is_told_and_does() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.ask("get('packages.example.net', '203.0.113.66')")?;
    let explain = [
        "explain",
        "--host",
        "packages.example.net",
        "--port",
        "80",
        "--running",
    ];
    let denied = egress(&scene, &explain)?;
    assert_eq!(denied.status, Some(1), "{}", denied.text());
    let toml = egress(&scene, &["denied", "--allow"])?.stdout;
    let config = fs::read_to_string(scene.gateway.config())?;
    fs::write(scene.gateway.config(), format!("{config}\n{toml}"))?;
    let reloaded = egress(&scene, &["reload"])?;
    assert_eq!(reloaded.status, Some(0), "{toml}{}", reloaded.text());
    let allowed = egress(&scene, &explain)?;
    assert_eq!(allowed.status, Some(0), "{}", allowed.text());
    let again = egress(&scene, &["denied", "--allow"])?.stdout;
    assert!(!again.contains("[[service]]"), "{again}");
    Ok(())
}

#[test]
fn the_status_has_what_the_gateway_says_of_itself() -> Result<()> {
    let scene = Scene::new("")?;
    let _live = connected(&scene)?;
    let pins = scene.bed.pins();
    let of_these = ["status", "--bpffs", &pins.to_string_lossy()];
    let told = egress(&scene, &of_these)?;
    assert_eq!(told.status, Some(0), "{}", told.text());
    for part in [
        "ready: mode enforce, policy 1 with 6 services from ",
        "connections: 1 of 8192",
    ] {
        assert!(told.stdout.contains(part), "{}", told.text());
    }
    // The pins of nobody are not that gateway's.
    let others = egress(&scene, &["status", "--bpffs", "/sys/fs/bpf/nobody"])?;
    assert_eq!(others.status, Some(4), "{}", others.text());
    assert!(!others.stdout.contains("ready:"), "{}", others.text());
    Ok(())
}

#[test]
fn a_support_bundle_has_what_is_asked_for_and_no_secret() -> Result<()> {
    let scene = Scene::with(&registry("# the password is hunter2"))?;
    let _live = connected(&scene)?;
    let file = scene.bed.dir().join("support.tar");
    let (pins, config) = (scene.bed.pins(), scene.gateway.config().to_owned());
    let (pins, config, output) = (
        pins.to_string_lossy(),
        config.to_string_lossy(),
        file.to_string_lossy(),
    );
    let args = [
        "support-bundle",
        "--config",
        &config,
        "--bpffs",
        &pins,
        "--output",
        &output,
    ];
    let written = egress(&scene, &args)?;
    assert_eq!(written.status, Some(0), "{}", written.text());
    assert_eq!(written.stderr, "", "something was left out");
    let tar = |options: &str| {
        scene
            .bed
            .outside()
            .shell(&format!("tar {options} {output}"))
    };
    let listed = tar("tf")?.stdout;
    for name in [
        "about.json",
        "kernel.json",
        "doctor.json",
        "config/0-egress.toml",
        "gateway/denied.json",
        "gateway/metrics.txt",
    ] {
        assert!(
            listed.contains(&format!("egress-support/{name}\n")),
            "{name} of {listed}"
        );
    }
    let all = tar("xOf")?.stdout;
    assert!(
        all.contains("orders-db") && !all.contains("hunter2"),
        "{all}"
    );
    let again = egress(&scene, &args)?;
    assert_eq!(
        again.status,
        Some(1),
        "it is not written over: {}",
        again.text()
    );

    let quiet = [&args[..5], &["--output", "-", "--no-traffic"]].concat();
    let quiet = egress(&scene, &quiet)?.stdout;
    assert!(quiet.contains("gateway/status.json") && !quiet.contains("gateway/denied.json"));
    Ok(())
}
