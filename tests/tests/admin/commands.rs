//! The commands that ask the gateway.

use std::fs;

use anyhow::{Context as _, Result};
use egress_tests::{Scene, binary, registry, wait_until};
use serde_json::{Value, json};

use super::{SOON, connected, egress, get};

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
fn what_would_allow_a_denial_is_told_and_does() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.ask("get('packages.example.net', '203.0.113.66')")?;
    let explain = [
        "explain",
        "--host",
        "packages.example.net",
        "--port",
        "443",
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

    let right = fs::read_to_string(scene.gateway.config())?;
    let wrong = "[otel]\nendpoint = \"http://me:hunter2@collector:4318\"\n";
    fs::write(scene.gateway.config(), format!("{right}\n{wrong}"))?;
    let refused = egress(&scene, &["reload"])?;
    assert_eq!(refused.status, Some(2), "{}", refused.text());
    for (path, pointer) in [
        ("/v1/status", "/last_reload/error"),
        ("/v1/troubles", "/troubles/0/text"),
    ] {
        let told = get(&scene, path)?;
        let text = told.pointer(pointer).and_then(Value::as_str);
        let has = text.is_some_and(|text| text.contains("hunter2"));
        assert!(has, "it would be in the archive: {told}");
    }
    let bundle = egress(&scene, &[&args[..5], &["--output", "-"]].concat())?.stdout;
    for part in [
        "\"outcome\": \"refused\"",
        "\"key\": \"otel.endpoint\"",
        "configuration refused, the last one stays in force: ",
    ] {
        assert!(bundle.contains(part), "{part} in {bundle}");
    }
    assert!(!bundle.contains("hunter2"), "{bundle}");
    Ok(())
}

#[test]
fn an_order_goes_to_no_other_gateway_than_the_one_that_is_meant() -> Result<()> {
    let scene = Scene::new("")?;
    let program = binary()?;
    let other = scene.bed.dir().join("other.toml");
    let other_path = other.to_string_lossy();
    let run = |args: &[&str]| {
        let args = [args, &["--config", &other_path]].concat();
        scene.bed.outside().run(&program.to_string_lossy(), &args)
    };
    fs::write(&other, "[gatway]\n")?;
    for order in [
        &["reload"][..],
        &["log-level", "debug"],
        &["connections", "close", "1"],
    ] {
        let refused = run(order)?;
        assert_eq!(refused.status, Some(2), "{}", refused.text());
        assert!(refused.stderr.contains("--socket"), "{}", refused.text());
    }
    let asked = run(&["denied"])?;
    let said = "other.toml is wrong, as `egress check` says: asking at the default, ";
    assert!(asked.stderr.contains(said), "{}", asked.text());

    let socket = scene.gateway.socket().display();
    fs::write(
        &other,
        format!("[gatway]\n[admin]\nsocket = \"{socket}\"\n"),
    )?;
    let level = run(&["log-level", "warn"])?;
    assert_eq!(level.stdout, "warn\n", "{}", level.text());
    Ok(())
}
