//! From audit mode to enforcement: what is learned from a log admits all that it was learned from, and no more.

mod documented;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, Outcome, Testbed, binary, fit};
use serde_json::Value;

/// A gateway that knows of no service, and lets everything through.
const AUDIT: &str = "[gateway]\nmode = \"audit\"\n";

/// Runs the command outside of the governed cgroup.
fn egress(bed: &Testbed, args: &[&str]) -> Result<Outcome> {
    bed.outside().run(&binary()?.to_string_lossy(), args)
}

/// What real clients do, and what they see of it.
fn traffic(bed: &Testbed) -> Result<Vec<String>> {
    let client = bed.governed();
    let mut said = Vec::new();
    for url in [
        "https://api.example.com/",
        "http://packages.example.org/",
        "https://a.cdn.example.com/",
        "https://b.cdn.example.com/",
    ] {
        said.push(client.curl(&["--noproxy", "*", url])?.text());
    }
    let openssl = "openssl s_client -connect img.cdn.example.com:443 -servername img.cdn.example.com \
                   -verify_return_error </dev/null 2>/dev/null | grep 'Verify return code'";
    said.push(client.shell(openssl)?.text());
    let mut python = client.session()?;
    for program in [
        "echo(b'x', 'orders.example.com')",
        "echo(b'x', '198.51.100.21')",
        "get('private.cdn.example.com', '10.20.0.7')",
    ] {
        said.push(python.ask(program)?);
    }
    Ok(said)
}

/// A log of that in audit mode, and what the clients saw.
fn audited(bed: &Testbed) -> Result<(PathBuf, Vec<String>)> {
    let mut gateway = Gateway::start(bed, AUDIT)?;
    let said = traffic(bed)?;
    // All lines are written when it has ended.
    gateway.terminate()?;
    let log = bed.dir().join("audit.log");
    fs::rename(bed.dir().join("access.log"), &log).context("no access log")?;
    Ok((log, said))
}

fn file(bed: &Testbed, name: &str, text: &str) -> Result<String> {
    let path = bed.dir().join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {name}"))?;
    Ok(path.to_string_lossy().into_owned())
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn what_is_learned_in_audit_mode_can_be_enforced() -> Result<()> {
    let bed = Testbed::new()?;
    let (log, before) = audited(&bed)?;
    for (said, expected) in before.iter().zip([
        "served by api",
        "served by packages",
        "served by cdn",
        "served by cdn",
        "Verify return code: 0 (ok)",
        "ready 198.51.100.20",
        "ready 198.51.100.21",
        "served by private",
    ]) {
        assert!(said.starts_with(expected), "{said}");
    }

    let learned = egress(&bed, &["learn", &path(&log)])?;
    assert!(learned.succeeded(), "{learned:?}");
    let enforced = learned
        .stdout
        .replace("mode = \"audit\"", "mode = \"enforce\"");
    let config = file(&bed, "learned.toml", &enforced)?;
    let checked = egress(&bed, &["check", "--strict", &config])?;
    assert!(checked.succeeded(), "{checked:?}\n{enforced}");
    let replayed = egress(&bed, &["replay", &path(&log), "--config", &config])?;
    assert_eq!(replayed.status, Some(0), "{replayed:?}\n{enforced}");
    assert!(replayed.stdout.contains(" 0 now denied"), "{replayed:?}");

    let gateway = Gateway::start(&bed, &enforced)?;
    assert_eq!(traffic(&bed)?, before, "{enforced}");
    let lines = gateway.access_log().lines();
    assert!(
        lines.iter().all(|line| line.get("verdict") != "deny"),
        "{lines:?}"
    );

    // A name below the wildcard that was made of three, and what nobody had asked for.
    let sibling = bed.governed().curl(&["https://c.cdn.example.com/"])?;
    assert!(sibling.text().starts_with("served by cdn"), "{sibling:?}");
    let mut python = bed.governed().session()?;
    assert_eq!(
        python.ask("get('evil.example.net', '203.0.113.66')")?,
        "SSLError"
    );
    assert_eq!(
        python.ask("echo(b'x', '203.0.113.66')")?,
        "ConnectionResetError"
    );
    Ok(())
}

#[test]
fn what_a_file_lacks_is_added_to_it() -> Result<()> {
    let bed = Testbed::new()?;
    let (log, _) = audited(&bed)?;
    let base = fit(&bed, egress_tests::REGISTRY);
    let config = file(&bed, "base.toml", &base)?;
    let replayed = egress(
        &bed,
        &["replay", &path(&log), "--config", &config, "--json"],
    )?;
    assert_eq!(replayed.status, Some(1), "{replayed:?}");
    let report: Value = serde_json::from_str(&replayed.stdout)?;
    let denied = |name: &str| {
        let changes = report.get("changes").and_then(Value::as_array);
        changes.into_iter().flatten().any(|change| {
            let subject = change.get("name").or(change.get("address"));
            change.get("change") == Some(&"now_denied".into()) && subject == Some(&name.into())
        })
    };
    assert!(
        denied("orders.example.com") && denied("198.51.100.21"),
        "{report}"
    );
    assert!(!denied("api.example.com"), "{report}");

    let merged = egress(&bed, &["learn", &path(&log), "--merge", &config])?;
    assert!(merged.succeeded(), "{merged:?}");
    let added = merged
        .stdout
        .strip_prefix(&base)
        .context("the base comes first")?;
    assert!(
        added.contains("orders.example.com") && !added.contains("\"api.example.com\""),
        "{added}"
    );
    let config = file(&bed, "merged.toml", &merged.stdout)?;
    let replayed = egress(&bed, &["replay", &path(&log), "--config", &config])?;
    assert_eq!(replayed.status, Some(0), "{replayed:?}");
    Ok(())
}

#[test]
fn a_log_that_can_not_be_read_is_named() -> Result<()> {
    let bed = Testbed::new()?;
    for verb in ["learn", "replay"] {
        let config = file(&bed, "base.toml", &fit(&bed, egress_tests::REGISTRY))?;
        let outcome = egress(&bed, &[verb, "/no/such.log", "--config", &config])?;
        assert_eq!(outcome.status, Some(2), "{outcome:?}");
        assert!(
            outcome.stderr.contains("/no/such.log: No such file"),
            "{outcome:?}"
        );
    }
    Ok(())
}
