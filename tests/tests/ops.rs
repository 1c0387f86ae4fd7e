//! What an operator finds out, and does, from outside: doctor, status, cleanup.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::{Client, Outcome, REGISTRY, Scene, Testbed, binary, fit};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Where a name that is not registered is served; to go there anyway is refused.
const EVIL: &str = "get('evil.example.net', '203.0.113.66')";
/// What answers there if nothing stands in between.
const SERVED: &str = "served by evil at 203.0.113.66 over HTTP/1.0";

fn egress(client: &Client, args: &[&str]) -> Result<Outcome> {
    client.run(&binary()?.to_string_lossy(), args)
}

fn doctor(bed: &Testbed, client: &Client) -> Result<(Option<i32>, Value)> {
    let outcome = egress(client, &["doctor", "--json", "--config", &config(bed)?])?;
    let report = serde_json::from_str(&outcome.stdout).with_context(|| outcome.text())?;
    Ok((outcome.status, report))
}

/// A configuration that is fitted to the testbed.
fn config(bed: &Testbed) -> Result<String> {
    let file = bed.dir().join("doctor.toml");
    fs::write(&file, fit(bed, REGISTRY))?;
    Ok(file.to_string_lossy().into_owned())
}

/// What a report says of a check.
fn check<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let themes = report.pointer("/themes").and_then(Value::as_array);
    let checks = themes
        .into_iter()
        .flatten()
        .filter_map(|theme| theme.pointer("/checks")?.as_array());
    let mut found = checks
        .flatten()
        .filter(|check| check.pointer("/name") == Some(&name.into()));
    found
        .next()
        .with_context(|| format!("no {name} in {report}"))
}

fn state<'a>(report: &'a Value, name: &str) -> Result<&'a str> {
    check(report, name)?
        .pointer("/state")
        .and_then(Value::as_str)
        .context("no state")
}

/// The exit code and the status of the scene's pins.
fn status(scene: &Scene) -> Result<(Option<i32>, Value)> {
    let outcome = run(scene, "status", &["--json"])?;
    let status = serde_json::from_str(&outcome.stdout).with_context(|| outcome.text())?;
    Ok((outcome.status, status))
}

/// Runs a command on the scene's pins.
fn run(scene: &Scene, command: &str, args: &[&str]) -> Result<Outcome> {
    let pins = pins(scene);
    let pins = pins.to_string_lossy();
    egress(
        &scene.bed.outside(),
        &[&[command, "--bpffs", &pins], args].concat(),
    )
}

/// Python that opens a pin (`BPF_OBJ_GET`) and keeps it open.
fn open(pin: &Path) -> String {
    format!(
        "import ctypes, platform, struct\n\
         path = ctypes.create_string_buffer(b'{}')\n\
         attributes = struct.pack('QII', ctypes.addressof(path), 0, 0)\n\
         bpf = {{'x86_64': 321, 'aarch64': 280}}[platform.machine()]\n\
         assert ctypes.CDLL(None).syscall(bpf, 7, attributes, len(attributes)) >= 0\n",
        pin.display()
    )
}

fn pins(scene: &Scene) -> PathBuf {
    scene.bed.pins()
}

#[test]
fn doctor_finds_all_that_is_needed_where_the_tests_run() -> Result<()> {
    let bed = Testbed::new()?;
    let (code, report) = doctor(&bed, &bed.outside())?;
    assert_eq!(
        (code, report.pointer("/fit")),
        (Some(0), Some(&true.into())),
        "{report}"
    );
    for name in [
        "programs",
        "cgroup v2",
        "BPF file system",
        "setns",
        "scopes",
        "open files",
    ] {
        assert_eq!(state(&report, name)?, "ok", "{name}: {report}");
    }
    let table = egress(&bed.outside(), &["doctor", "--config", &config(&bed)?])?;
    assert!(
        table.succeeded() && !table.stdout.contains('\x1b'),
        "{table:?}"
    );
    assert!(table.stdout.contains("0 missing"), "{table:?}");
    Ok(())
}

#[test]
fn doctor_says_that_a_gateway_would_govern_itself() -> Result<()> {
    let bed = Testbed::new()?;
    let (code, report) = doctor(&bed, &bed.governed())?;
    assert_eq!(
        (code, state(&report, "scopes")?),
        (Some(1), "missing"),
        "{report}"
    );
    let found = check(&report, "scopes")?.to_string();
    assert!(found.contains("start it in a cgroup of its own"), "{found}");
    Ok(())
}

#[test]
fn doctor_counts_who_could_send_raw_frames() -> Result<()> {
    let bed = Testbed::new()?;
    let quiet = doctor(&bed, &bed.outside())?.1;
    assert_eq!(state(&quiet, "raw frames")?, "ok", "{quiet}");
    let _governed = bed.governed().session()?;
    let (code, report) = doctor(&bed, &bed.outside())?;
    assert_eq!(
        (code, state(&report, "raw frames")?),
        (Some(0), "degraded"),
        "{report}"
    );
    Ok(())
}

#[test]
fn doctor_misses_a_capability_that_was_taken_away() -> Result<()> {
    let bed = Testbed::new()?;
    let binary = binary()?;
    let (binary, config) = (binary.to_string_lossy(), config(&bed)?);
    let less = [
        "--bounding-set=-net_admin,-sys_admin",
        &binary,
        "doctor",
        "--json",
        "--config",
        &config,
    ];
    let outcome = bed.outside().run("setpriv", &less)?;
    let report: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.text())?;
    assert_eq!(outcome.status, Some(1), "{report}");
    for name in ["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "programs", "setns"] {
        assert_eq!(state(&report, name)?, "missing", "{name}: {report}");
    }
    assert_eq!(state(&report, "CAP_BPF")?, "ok", "{report}");
    Ok(())
}

#[test]
fn doctor_exits_with_2_on_a_configuration_that_is_wrong() -> Result<()> {
    let bed = Testbed::new()?;
    let file = bed.dir().join("wrong.toml");
    fs::write(&file, "[gatway]\n")?;
    let outcome = egress(
        &bed.outside(),
        &["doctor", "--config", &file.to_string_lossy()],
    )?;
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("unknown key `gatway`"),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn status_tells_who_attached_what_and_how_full_the_tables_are() -> Result<()> {
    let scene = Scene::new("")?;
    let (code, status) = status(&scene)?;
    assert_eq!(code, Some(0), "{status}");
    let said = |pointer: &str| status.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(said("/state"), "served", "{status}");
    assert_eq!(said("/gateway/pid"), scene.gateway.pid(), "{status}");
    assert_eq!(
        said("/gateway/version"),
        env!("CARGO_PKG_VERSION"),
        "{status}"
    );
    let programs = said("/programs");
    let connect = programs
        .as_array()
        .into_iter()
        .flatten()
        .find(|program| program.pointer("/name") == Some(&"egress_connect4".into()));
    let connect = connect.with_context(|| status.to_string())?;
    assert_eq!(
        connect.pointer("/hook"),
        Some(&"connect4".into()),
        "{connect}"
    );
    let target = connect
        .pointer("/target")
        .and_then(Value::as_str)
        .unwrap_or_default();
    assert!(
        target.starts_with("cgroup /egress-bed-") && target.ends_with("/node"),
        "{target}"
    );
    let maps = said("/maps");
    let mut maps = maps.as_array().into_iter().flatten();
    let scope = maps.find(|map| map.pointer("/name") == Some(&"SCOPE".into()));
    let entries = scope.and_then(|map| map.pointer("/entries")?.as_u64());
    assert!(entries.is_some_and(|entries| entries > 0), "{status}");
    Ok(())
}

#[test]
fn after_a_kill_nothing_passes_until_all_is_cleaned_up() -> Result<()> {
    let mut scene = Scene::new("")?;
    let mut client = scene.python()?;
    assert_eq!(client.ask(EVIL)?, "SSLError");
    scene.gateway.signal(Signal::SIGKILL)?;
    assert!(!scene.gateway.wait()?.success());

    let (code, left) = status(&scene)?;
    assert_eq!(
        (code, left.pointer("/state")),
        (Some(3), Some(&"unserved".into())),
        "{left}"
    );
    assert_eq!(
        left.pointer("/gateway/alive"),
        Some(&false.into()),
        "{left}"
    );
    assert_eq!(client.ask(EVIL)?, "ConnectionRefusedError");

    // Nobody is asked who cannot answer.
    assert_eq!(run(&scene, "cleanup", &[])?.status, Some(2));
    assert_eq!(client.ask(EVIL)?, "ConnectionRefusedError");

    let cleanup = run(&scene, "cleanup", &["--yes"])?;
    assert!(cleanup.succeeded(), "{cleanup:?}");
    assert!(
        cleanup.stdout.contains("links/egress_connect4"),
        "{cleanup:?}"
    );
    assert!(cleanup.stdout.contains("go out unjudged"), "{cleanup:?}");
    assert_eq!(client.ask(EVIL)?, SERVED);
    let (code, left) = status(&scene)?;
    assert_eq!(
        (code, left.pointer("/state")),
        (Some(4), Some(&"detached".into())),
        "{left}"
    );
    assert!(!fs::exists(pins(&scene))?);
    assert_eq!(run(&scene, "cleanup", &[])?.status, Some(0));
    Ok(())
}

#[test]
fn cleanup_leaves_a_running_gateway_alone_unless_forced() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    let refused = run(&scene, "cleanup", &["--yes"])?;
    assert_eq!(refused.status, Some(1), "{refused:?}");
    let pid = format!("process id {}", scene.gateway.pid());
    assert!(refused.stderr.contains(&pid), "{refused:?}");
    assert_eq!(client.ask(EVIL)?, "SSLError");

    // Some process has a link open; it is detached all the same.
    let mut holder = scene.bed.outside().session()?;
    holder.run(&open(&pins(&scene).join("links/egress_connect4")))?;
    let forced = run(&scene, "cleanup", &["--yes", "--force"])?;
    assert!(forced.succeeded(), "{forced:?}");
    assert_eq!(client.ask(EVIL)?, SERVED);
    Ok(())
}

#[test]
fn a_directory_that_holds_no_pins_is_not_touched() -> Result<()> {
    let bed = Testbed::new()?;
    let kept = bed.dir().join("kept");
    fs::write(&kept, "")?;
    for command in ["status", "cleanup"] {
        let outcome = egress(
            &bed.outside(),
            &[command, "--bpffs", &bed.dir().to_string_lossy()],
        )?;
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        assert!(
            outcome.stderr.contains("not in a BPF file system"),
            "{outcome:?}"
        );
    }
    assert!(fs::exists(kept)?);
    Ok(())
}

#[test]
fn run_refuses_where_enforcement_cannot_be_had() -> Result<()> {
    let bed = Testbed::new()?;
    let (binary, config) = (binary()?, config(&bed)?);
    let old = bed.dir().join("osrelease");
    fs::write(&old, "5.14.0-427.el9\n")?;
    let old = format!("mount --bind {} /proc/sys/kernel/osrelease", old.display());
    for (hide, said) in [
        (old.as_str(), "kernel release (5.14.0-427.el9)"),
        (
            "mount -t tmpfs none /sys/kernel/btf",
            "BTF (no /sys/kernel/btf/vmlinux)",
        ),
        (
            "umount --lazy $(findmnt -nt cgroup2 -o TARGET)",
            "cgroup v2 (no cgroup v2 hierarchy",
        ),
    ] {
        let script = format!("{hide} && exec {} run --config {config}", binary.display());
        let outcome = bed.outside().shell(&script)?;
        assert_eq!(outcome.status, Some(1), "{hide}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{hide}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn programs_that_go_with_the_gateway_are_shown_while_it_runs() -> Result<()> {
    let mut scene = Scene::new("[gateway]\non_exit = \"open\"")?;
    let (code, shown) = status(&scene)?;
    assert_eq!(
        (code, shown.pointer("/state")),
        (Some(0), Some(&"served".into())),
        "{shown}"
    );
    assert_eq!(
        shown.pointer("/programs/0/pinned"),
        Some(&false.into()),
        "{shown}"
    );
    scene.gateway.signal(Signal::SIGKILL)?;
    scene.gateway.wait()?;
    assert_eq!(status(&scene)?.0, Some(4));
    Ok(())
}
