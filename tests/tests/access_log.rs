//! Where the access log goes, and which connections have a line.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{
    AccessLog, Gateway, REGISTRY, Scene, Testbed, binary, fit, registry, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A name that no service has.
const EVIL: &str = "get('evil.example.net', '203.0.113.66')";
/// What is done by another process of the same machine takes a fraction of a second; a loaded one takes longer.
const DONE: Duration = Duration::from_secs(30);

#[test]
fn a_log_that_is_moved_away_under_load_has_each_connection_once() -> Result<()> {
    const CONNECTIONS: usize = 400;
    let mut scene = Scene::new("")?;
    let path = scene.bed.dir().join("access.log");
    let mut client = scene.python()?;
    let load = format!("for _ in range({CONNECTIONS}): echo(b'x')");
    let load = thread::spawn(move || client.run(&load));
    let mut files = Vec::new();
    while !load.is_finished() {
        files.push(path.with_extension(files.len().to_string()));
        fs::rename(&path, files.last().context("a name")?)?;
        scene.gateway.signal(Signal::SIGHUP)?;
        wait_until("the log is opened again", DONE, || {
            path.exists().then_some(())
        })?;
    }
    load.join().ok().context("the client panicked")??;
    assert!(scene.gateway.terminate()?.success());
    files.push(path);

    let lines: Vec<_> = files
        .iter()
        .map(|file| AccessLog::new(file).lines())
        .collect();
    let used = lines.iter().filter(|lines| !lines.is_empty()).count();
    assert!(used > 1, "it was moved while connections ended");
    let lines = lines.concat();
    let connections: HashSet<_> = lines.iter().map(|line| line.get("conn_id")).collect();
    assert_eq!((lines.len(), connections.len()), (CONNECTIONS, CONNECTIONS));
    assert!(lines.iter().all(|line| line.get("service") == "orders-db"));
    Ok(())
}

#[test]
fn a_log_is_opened_again_though_the_configuration_is_refused() -> Result<()> {
    let scene = Scene::new("")?;
    let path = scene.bed.dir().join("access.log");
    scene.gateway.replace_config("[gatway]")?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;
    fs::rename(&path, path.with_extension("1"))?;
    scene.gateway.signal(Signal::SIGHUP)?;
    wait_until("the log is opened again", DONE, || {
        path.exists().then_some(())
    })?;
    scene.python()?.run("echo(b'')")?;
    assert_eq!(scene.line()?.get("verdict"), "allow");
    Ok(())
}

#[test]
fn what_is_sampled_out_is_counted_and_a_denial_never_is() -> Result<()> {
    let out = "egress_access_log_sampled_out_total";
    let sampled = |sample| registry(&format!("[access_log]\nsample = {sample}"));
    let scene = Scene::with(&sampled("0.0"))?;
    let mut client = scene.python()?;
    client.run("for _ in range(10): echo(b'')")?;
    scene.counted(out, &[], 10)?;
    assert_eq!(client.ask(EVIL)?, "SSLError");
    let denied = scene.line()?;
    assert_eq!(denied.pick("verdict conn_id sample_rate"), "deny 11 ");

    scene.gateway.replace_config(&sampled("0.999999"))?;
    scene.reloaded(2)?;
    client.run("echo(b'')")?;
    assert_eq!(scene.line()?.pick("verdict sample_rate"), "allow 0.999999");
    assert_eq!(scene.metrics()?.sum(out, &[]), 10);
    Ok(())
}

/// A daemon's socket, and a gateway that finds it where the daemon of a machine has it.
fn with_daemon(bed: &Testbed, word: &str, place: &str) -> Result<(UnixDatagram, Gateway)> {
    let path = bed.dir().join("daemon");
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(DONE))?;
    // In a mount namespace of its own, where only the daemon's directory is another.
    let script = bed.dir().join("egress");
    let text = format!(
        "#!/bin/sh\nexec unshare --mount -- sh -ec '{place}; exec \"$@\"' {} {} \"$@\"\n",
        path.display(),
        binary()?.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    let file = bed.dir().join("etc/egress.toml");
    fs::create_dir_all(file.parent().context("a directory")?)?;
    let log = bed.dir().join("access.log");
    let to_file = format!("path = \"{}\"", log.display());
    let config = fit(bed, REGISTRY).replace(&to_file, &format!("path = \"{word}\""));
    fs::write(&file, config)?;
    let gateway = Gateway::start_binary_from(bed, &script, &file)?;
    assert!(!log.exists());
    Ok((socket, gateway))
}

fn receive(socket: &UnixDatagram) -> Result<String> {
    let mut datagram = vec![0; 64 * 1024];
    let length = socket.recv(&mut datagram).context("no datagram")?;
    datagram.truncate(length);
    Ok(String::from_utf8(datagram)?)
}

fn denied(json: &str) -> Result<()> {
    let line: Value = serde_json::from_str(json).with_context(|| json.to_owned())?;
    let said = |key| line.get(key).and_then(Value::as_str);
    assert_eq!(said("verdict"), Some("deny"), "{line}");
    assert_eq!(
        said("requested_server_name"),
        Some("evil.example.net"),
        "{line}"
    );
    Ok(())
}

#[test]
fn journald_has_a_connection_in_an_entry() -> Result<()> {
    let place = "mount -t tmpfs none /run; mkdir -p /run/systemd/journal; \
                 ln -s \"$0\" /run/systemd/journal/socket";
    let bed = Testbed::new()?;
    let (socket, _gateway) = with_daemon(&bed, "journald", place)?;
    bed.governed().session()?.ask(EVIL)?;
    let entry = receive(&socket)?;
    let message = entry
        .strip_prefix("SYSLOG_IDENTIFIER=egress\nPRIORITY=6\nMESSAGE=")
        .with_context(|| entry.clone())?;
    denied(message)
}

#[test]
fn syslog_has_a_connection_in_a_message() -> Result<()> {
    let place = "mkdir \"$0.dev\"; mount -t tmpfs none \"$0.dev\"; cd \"$0.dev\"; \
                 cp -a /dev/null /dev/urandom .; ln -s \"$0\" log; mount --bind . /dev; cd /";
    let bed = Testbed::new()?;
    let (socket, gateway) = with_daemon(&bed, "syslog", place)?;
    bed.governed().session()?.ask(EVIL)?;
    let message = receive(&socket)?;
    let json = message
        .strip_prefix(&format!("<134>egress[{}]: ", gateway.pid()))
        .with_context(|| message.clone())?;
    denied(json)
}
