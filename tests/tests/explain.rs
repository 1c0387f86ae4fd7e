//! `egress explain`: the command as an operator meets it, and that it says what the gateway does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Line, Python, Scene, binary, registry};
use serde_json::Value;

/// One service for each denial that has to do with one.
const MORE: &str = r#"
[[service]]
name = "ledger"
hosts = ["ledger.example.com"]
addresses = ["203.0.113.128/25"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"

[[service]]
name = "clerks"
hosts = ["clerks.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"
from = [{ uid = 4000 }, { exe = "/usr/bin/clerk" }]

[[service]]
name = "never"
hosts = ["*.paste.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
deny = true
"#;

/// Runs the command; it needs no root, no gateway and no network.
fn explain(config: &Path, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command
        .arg("explain")
        .args(words)
        .arg("--config")
        .arg(config);
    command.output().context("running egress explain")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file that comes with the gateway.
fn shipped(name: &str) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    config.join(name)
}

#[test]
fn the_exit_status_is_the_verdict() -> Result<()> {
    let config = shipped("minimal.toml");
    let status =
        |words: &[&str]| -> Result<Option<i32>> { Ok(explain(&config, words)?.status.code()) };
    let api = ["--host", "api.example.com", "--port", "443"];
    assert_eq!(status(&api)?, Some(0));
    assert_eq!(
        status(&["--host", "api.example.com", "--port", "80"])?,
        Some(1)
    );
    assert_eq!(status(&["--host", "https://a", "--port", "80"])?, Some(2));
    assert_eq!(status(&["--port", "443"])?, Some(2));
    let missing = explain(Path::new("/nowhere/egress.toml"), &api)?;
    assert_eq!(missing.status.code(), Some(2));
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(
        said.contains("/nowhere/egress.toml: No such file"),
        "{said}"
    );
    Ok(())
}

#[test]
fn a_denial_is_told_with_its_rule_what_came_near_and_what_would_allow_it() -> Result<()> {
    let config = shipped("minimal.toml");
    let output = explain(&config, &["--host", "api.exmaple.com", "--port", "443"])?;
    let said = stdout(&output).replace(&*config.to_string_lossy(), "minimal.toml");
    let expected = r#"denied[host_not_in_registry]: TLS to api.exmaple.com on port 443: this name is not in the registry

near: `api` has `api.example.com`, which differs in one character
 --> minimal.toml:8:10
  |
8 | hosts = ["api.example.com"]
  |          ^^^^^^^^^^^^^^^^^

help: if the name is right, this would allow it

[[service]]
name = "api.exmaple.com-443"
hosts = ["api.exmaple.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"
"#;
    assert_eq!(said, expected);
    Ok(())
}

#[test]
fn the_help_shows_what_to_type() -> Result<()> {
    let output = Command::new(binary()?)
        .args(["explain", "--help"])
        .output()?;
    let said = stdout(&output);
    for part in ["egress explain --host", "--service-account", "Exit status"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    Ok(())
}

/// What a line of the access log is as a question.
fn asked(line: &Line) -> Result<Vec<String>> {
    let dst = line.get("dst.addr");
    let (ip, port) = dst.rsplit_once(':').context("an address")?;
    let protocol = match line.get("protocol") {
        protocol if protocol.is_empty() => "TCP".into(),
        protocol => protocol,
    };
    let mut words = vec!["--no-lookup".into(), "--json".into()];
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            words.extend([format!("--{key}"), value]);
        }
    };
    add("ip", ip.trim_matches(['[', ']']).into());
    add("port", port.into());
    add("protocol", protocol);
    add("host", line.get("requested_server_name"));
    for key in ["cgroup", "exe", "uid"] {
        add(key, line.get(&format!("src.{key}")));
    }
    Ok(words)
}

/// Has a client do something that is denied, and asks why.
fn denied(
    scene: &Scene,
    client: &mut Python,
    act: &str,
    reason: &str,
    service: &str,
) -> Result<()> {
    client.ask(act)?;
    let line = scene.line()?;
    assert_eq!(
        line.pick("verdict reason service"),
        format!("deny {reason} {service}")
    );
    let words = asked(&line)?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let output = explain(scene.gateway.config(), &words)?;
    let said: Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("{words:?}: {output:?}"))?;
    let get = |key| {
        said.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    for key in ["verdict", "reason", "service", "rule"] {
        assert_eq!(get(key), line.get(key), "{key}: {said}");
    }
    ensure!(output.status.code() == Some(1), "{output:?}");
    Ok(())
}

#[test]
fn it_says_of_every_denial_what_the_gateway_said() -> Result<()> {
    let scene = Scene::with(&registry(MORE))?;
    let mut client = scene.python()?;
    let say = |port: u16, what: &str| format!("str(say('203.0.113.10', {port}, {what}))");
    for (act, reason, service) in [
        (
            say(443, "hello('evil.example.net')"),
            "host_not_in_registry",
            "",
        ),
        (
            say(443, "hello('cdn.example.com')"),
            "host_not_in_registry",
            "",
        ),
        (say(443, "hello(None)"), "no_name", ""),
        (
            say(443, "hello('packages.example.org')"),
            "port_mismatch",
            "packages",
        ),
        (
            say(443, "request('api.example.com')"),
            "protocol_mismatch",
            "api",
        ),
        (
            say(443, "hello('ledger.example.com')"),
            "address_mismatch",
            "ledger",
        ),
        (
            say(443, "hello('clerks.example.com')"),
            "caller_not_allowed",
            "clerks",
        ),
        (
            say(443, "hello('a.paste.example.com')"),
            "service_denied",
            "never",
        ),
        (
            say(9999, "hello('api.example.com')"),
            "port_mismatch",
            "api",
        ),
        (
            say(9999, "hello('evil.example.net')"),
            "port_not_in_registry",
            "",
        ),
        (
            "echo(b'', '198.51.100.21')".into(),
            "address_not_in_registry",
            "",
        ),
    ] {
        denied(&scene, &mut client, &act, reason, service)
            .with_context(|| format!("{act}: {reason}"))?;
    }
    Ok(())
}

#[test]
fn what_it_proposes_is_admitted_by_the_gateway() -> Result<()> {
    let scene = Scene::new("")?;
    let ask = |words: &[&str]| explain(scene.gateway.config(), words);
    let words = [
        "--host",
        "packages.example.org",
        "--port",
        "443",
        "--protocol",
        "TLS",
    ];
    let json: Value = serde_json::from_slice(&ask(&[&words[..], &["--json"]].concat())?.stdout)?;
    let toml = json.get("to_allow").and_then(Value::as_str);
    let toml = toml.context("a proposal")?;
    let config = fs::read_to_string(scene.gateway.config())?;
    scene.gateway.replace_config(&format!("{config}\n{toml}"))?;
    scene.reloaded(2)?;
    let output = ask(&words)?;
    ensure!(output.status.success(), "{}", stdout(&output));
    // Nobody serves TLS there: admitted is what counts.
    let mut client = scene.python()?;
    client.ask("str(say('203.0.113.12', 443, hello('packages.example.org')))")?;
    assert_eq!(scene.line()?.get("service"), "packages.example.org-443");
    Ok(())
}
