//! What an operator asks the running gateway, and tells it: over its socket, by the commands that use it, and
//! over loopback.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Outcome, Python, Scene, binary, registry};
use serde_json::{Value, json};

mod commands;

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
