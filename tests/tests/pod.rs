//! What the gateway's pod relies on: that a probe hears of this gateway and no other, and that one that was taken over from
//! neither comes back nor ends early.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use egress_tests::{Gateway, Scene, Testbed, binary, command, registry, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than any transfer of this test.
const DRAIN: &str = "[gateway]\ndrain = \"5m\"";
/// More than all buffers on the way hold.
const BYTES: u64 = 96 << 20;
/// A gateway starts in a second or two; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// A request for a file over TLS, with the answer's head read.
const DOWNLOAD: &str = r"
def download(path):
    global body
    tls = context().wrap_socket(connect('203.0.113.10', 443), server_hostname='api.example.com')
    tls.sendall(request('api.example.com', path))
    body = tls.makefile('rb')
    while body.readline().strip():
        pass
    return tls
digest = hashlib.sha256()
";

/// A gateway as the pod runs it.
fn awaiting(bed: &Testbed) -> Result<Gateway> {
    let options = format!(
        "sh -c 'exec {} \"$@\" --await-stop' egress",
        binary()?.display()
    );
    Gateway::start_within(bed, &options, &registry(DRAIN))
}

/// What a probe hears, and its exit code.
fn probe(scene: &Scene) -> Result<(Option<i32>, String)> {
    let mut probe = Command::new(binary()?);
    probe.args(["status", "--ready", "--socket"]);
    let output = command::output(probe.arg(scene.gateway.socket()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((output.status.code(), said))
}

#[test]
fn one_that_was_taken_over_from_waits_for_its_end_and_cuts_nothing() -> Result<()> {
    let mut scene = Scene::on(Testbed::new()?, awaiting)?;
    let sum = scene.bed.offer("large", BYTES)?;
    let mut downloader = scene.python()?;
    downloader.run(DOWNLOAD)?;
    downloader.run("tls = download('/large'); digest.update(body.read(1 << 20))")?;
    let old = scene.gateway.pid();
    let log = scene.bed.dir().join("gateway.log");
    let says = |text: &str| {
        wait_until(text, SOON, || {
            std::fs::read_to_string(&log)
                .ok()?
                .contains(text)
                .then_some(())
        })
    };
    let Scene { gateway, bed, .. } = &mut scene;
    thread::scope(|threads| {
        let succession = threads.spawn(|| gateway.succeed(bed));
        says("\"draining\",\"connections\":1")?;
        // As the kubelet ends the old pod's once the new one's is ready.
        let process = Pid::from_raw(old.try_into()?);
        kill(process, Signal::SIGTERM)?;
        downloader.run("digest.update(body.read())")?;
        downloader.run("tls.close(); body.close()")?;
        let succeeded = succession.join();
        succeeded.map_err(|_| anyhow!("the succession panicked"))?
    })?;
    assert_eq!(downloader.ask("digest.hexdigest()")?, sum);
    assert_eq!(probe(&scene)?, (Some(0), "ready".to_owned()));

    // And one without connections does not end by itself.
    let old = scene.gateway.pid();
    let Scene { gateway, bed, .. } = &mut scene;
    thread::scope(|threads| {
        let succession = threads.spawn(|| gateway.succeed(bed));
        says("waiting to be told to end")?;
        kill(Pid::from_raw(old.try_into()?), Signal::SIGTERM)?;
        let succeeded = succession.join();
        succeeded.map_err(|_| anyhow!("the succession panicked"))?
    })?;
    ensure!(scene.gateway.pid() != old);
    Ok(())
}

#[test]
fn one_whose_successor_has_ended_comes_back() -> Result<()> {
    let mut scene = Scene::on(Testbed::new()?, awaiting)?;
    let Scene { gateway, bed, .. } = &mut scene;
    let status = gateway.outlive(bed)?;
    ensure!(status.code() == Some(1), "{status}");
    gateway.says(&["the gateway that took over from this one has ended"])?;
    // As the kubelet starts it again.
    gateway.succeed(bed)?;
    assert_eq!(scene.python()?.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    Ok(())
}

#[test]
fn a_probe_hears_whether_this_gateway_takes_connections() -> Result<()> {
    let mut scene = Scene::new(DRAIN)?;
    assert_eq!(probe(&scene)?, (Some(0), "ready".to_owned()));
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("exactly(s, 20)")?, "ready 198.51.100.20\n");
    scene.gateway.signal(Signal::SIGTERM)?;
    wait_until("it drains", SOON, || {
        let drains = (Some(3), "draining".to_owned());
        (probe(&scene).ok()? == drains).then_some(())
    })?;
    client.run("s.close()")?;
    ensure!(scene.gateway.wait()?.success());
    assert_eq!(probe(&scene)?, (Some(3), String::new()));
    Ok(())
}

#[test]
fn a_cgroup_namespace_of_its_own_hides_neither_its_cgroup_nor_others() -> Result<()> {
    let start = |bed: &Testbed| {
        let inside = format!("unshare --cgroup {}", binary()?.display());
        Gateway::start_within(bed, &inside, &registry(""))
    };
    let scene = Scene::on(Testbed::new()?, start)?;
    assert_eq!(scene.python()?.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    let governed = scene.governed().scope()?;
    let line = scene.line()?;
    ensure!(line.get("src.cgroup").starts_with(&governed), "{line:?}");
    Ok(())
}
