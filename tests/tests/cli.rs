//! The `egress` command as an operator meets it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::{Client, Gateway, Outcome, REGISTRY, Testbed, binary, fit};
use serde_json::Value;

/// Three things are wrong with it, on lines 2, 3 and 6; and no scope is there.
const BROKEN: &str = "[gateway]
mode = \"enforced\"
drian = \"5s\"

[sniff]
timeout = 5
";

/// Right, and wider than anyone should want.
const WIDE: &str = "
[[service]]
name = \"everything\"
hosts = [\"*.com\"]
ports = [{ number = 8443, protocol = \"TLS\" }]
resolution = \"DYNAMIC_DNS\"
";

/// Runs the command as this client.
fn egress(client: &Client, args: &[&str]) -> Result<Outcome> {
    client.run(&binary()?.to_string_lossy(), args)
}

/// Runs the gateway with this configuration as this client; it is expected not to stay.
fn run(bed: &Testbed, client: &Client, config: &str) -> Result<Outcome> {
    let file = file(bed, config)?;
    egress(client, &["run", "--config", &file.to_string_lossy()])
}

fn file(bed: &Testbed, config: &str) -> Result<PathBuf> {
    let file = bed.dir().join("other.toml");
    fs::write(&file, config).context("cannot write other.toml")?;
    Ok(file)
}

/// A file that comes with the gateway.
fn shipped(name: &str) -> String {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    config.join(name).to_string_lossy().into_owned()
}

#[test]
fn check_finds_nothing_wrong_with_the_files_that_come_with_the_gateway() -> Result<()> {
    let bed = Testbed::new()?;
    for name in ["egress.toml", "minimal.toml", "strict.toml"] {
        let outcome = egress(&bed.outside(), &["check", "--strict", &shipped(name)])?;
        assert!(outcome.succeeded(), "{outcome:?}");
        assert!(
            outcome.stdout.contains(&format!("{name}: ok — ")),
            "{outcome:?}"
        );
    }
    Ok(())
}

#[test]
fn check_names_every_error_with_its_line_and_exits_with_2() -> Result<()> {
    let bed = Testbed::new()?;
    let file = file(&bed, BROKEN)?;
    let outcome = egress(&bed.outside(), &["check", &file.to_string_lossy()])?;
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    for line in [
        "other.toml:2:",
        "other.toml:3:",
        "other.toml:6:",
        "4 errors",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn check_tells_programs_the_same_as_json() -> Result<()> {
    let bed = Testbed::new()?;
    let file = file(&bed, BROKEN)?;
    let outcome = egress(
        &bed.outside(),
        &["check", "--json", &file.to_string_lossy()],
    )?;
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.stdout)?;
    assert_eq!(report.get("ok"), Some(&Value::Bool(false)));
    let errors = report.get("errors").and_then(Value::as_array);
    let lines: Vec<_> = errors
        .context("errors is a list")?
        .iter()
        .filter_map(|error| error.get("line").and_then(Value::as_u64))
        .collect();
    assert_eq!(lines, [1, 2, 3, 6]);

    let outcome = egress(
        &bed.outside(),
        &["check", "--json", &shipped("egress.toml")],
    )?;
    let report: Value = serde_json::from_str(&outcome.stdout)?;
    assert_eq!(report.pointer("/summary/services"), Some(&Value::from(10)));
    Ok(())
}

#[test]
fn check_warns_and_exits_with_1_only_if_asked_to_be_strict() -> Result<()> {
    let bed = Testbed::new()?;
    let config = format!("{}\n{WIDE}", fit(&bed, REGISTRY));
    let file = file(&bed, &config)?.to_string_lossy().into_owned();
    let outcome = egress(&bed.outside(), &["check", &file])?;
    assert!(outcome.succeeded(), "{outcome:?}");
    for part in ["warning[public_suffix]", "other.toml:", "1 warning"] {
        assert!(outcome.stdout.contains(part), "{part}: {outcome:?}");
    }
    let strict = egress(&bed.outside(), &["check", "--strict", &file])?;
    assert_eq!(strict.status, Some(1), "{strict:?}");
    let accepted = ["check", "--strict", "--accept", "public_suffix", &file];
    assert!(egress(&bed.outside(), &accepted)?.succeeded());
    Ok(())
}

#[test]
fn schema_prints_the_file_that_comes_with_the_gateway() -> Result<()> {
    let bed = Testbed::new()?;
    let outcome = egress(&bed.outside(), &["schema"])?;
    assert!(outcome.succeeded(), "{outcome:?}");
    assert_eq!(
        outcome.stdout,
        fs::read_to_string(shipped("egress.schema.json"))?
    );
    Ok(())
}

#[test]
fn run_does_not_start_with_a_broken_file() -> Result<()> {
    let bed = Testbed::new()?;
    let outcome = run(&bed, &bed.outside(), BROKEN)?;
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("other.toml:2:"), "{outcome:?}");
    Ok(())
}

#[test]
fn run_names_a_scope_that_does_not_exist() -> Result<()> {
    let bed = Testbed::new()?;
    let config = fit(&bed, REGISTRY).replace("/governed\"", "/missing\"");
    let outcome = run(&bed, &bed.outside(), &config)?;
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("node/missing"), "{outcome:?}");
    assert!(
        outcome.stderr.contains("No such file or directory"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn run_names_the_gateway_that_runs_already() -> Result<()> {
    let bed = Testbed::new()?;
    let gateway = Gateway::start(&bed, REGISTRY)?;
    let outcome = run(&bed, &bed.outside(), &fit(&bed, REGISTRY))?;
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let why = format!("another gateway runs, with process id {}", gateway.pid());
    assert!(outcome.stderr.contains(&why), "{outcome:?}");
    Ok(())
}

#[test]
fn run_refuses_to_govern_itself() -> Result<()> {
    let bed = Testbed::new()?;
    let outcome = run(&bed, &bed.governed(), &fit(&bed, REGISTRY))?;
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    let cgroup = bed.governed().cgroup().display().to_string();
    let why = format!("the gateway runs in {cgroup}, which is a governed cgroup");
    assert!(outcome.stderr.contains(&why), "{outcome:?}");
    Ok(())
}

#[test]
fn help_shows_what_to_type() -> Result<()> {
    let bed = Testbed::new()?;
    let outcome = egress(&bed.outside(), &["--help"])?;
    assert!(outcome.succeeded(), "{outcome:?}");
    for example in [
        "egress check /etc",
        "egress run --config /etc",
        "Exit status",
    ] {
        assert!(outcome.stdout.contains(example), "{example}: {outcome:?}");
    }
    let outcome = egress(&bed.outside(), &["run", "--help"])?;
    assert!(outcome.stdout.contains("CAP_BPF"), "{outcome:?}");
    Ok(())
}
