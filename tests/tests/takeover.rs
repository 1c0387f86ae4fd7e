//! One gateway takes over from another while a transfer goes through the old one and others connect.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use egress_tests::{Scene, registry, wait_until};

/// Longer than any transfer of this test.
const DRAIN: &str = "[gateway]\ndrain = \"5m\"";
/// More than all buffers on the way hold: most of it is sent after the take-over.
const BYTES: u64 = 96 << 20;
/// What is read before.
const FIRST: u64 = 1 << 20;
/// A gateway starts in a second or two; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// Connections one after another until a file is there: how many there were, and what came of those
/// that were not served.
const CONNECT: &str = r"
def connect_until(file):
    served, failed = 0, []
    while not os.path.exists(file):
        try:
            assert echo(b'x') == b'ready 198.51.100.20\nx'
            served += 1
        except Exception as error:
            failed.append(repr(error))
    return f'{served} served, {len(failed)} failed {failed[:3]}'
";

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

#[test]
fn a_take_over_cuts_no_transfer_and_fails_no_connection() -> Result<()> {
    let mut scene = Scene::new(DRAIN)?;
    let sum = scene.bed.offer("large", BYTES)?;
    let (mut downloader, mut other) = (scene.python()?, scene.python()?);
    downloader.run(DOWNLOAD)?;
    downloader.run(&format!(
        "tls = download('/large'); digest.update(body.read({FIRST}))"
    ))?;
    other.run(CONNECT)?;
    let enough = scene.bed.dir().join("enough");
    other.begin(&format!("connect_until('{}')", enough.display()))?;

    let old = scene.gateway.pid();
    let log = scene.gateway.access_log().clone();
    let first_connections = || {
        log.lines()
            .iter()
            .filter(|line| line.get("conn_id") == "2")
            .count()
    };
    wait_until("the old gateway serves", SOON, || {
        (first_connections() == 1).then_some(())
    })?;
    let own_log = scene.bed.dir().join("gateway.log");
    let Scene { gateway, bed, .. } = &mut scene;
    thread::scope(|threads| {
        let succession = threads.spawn(|| gateway.succeed(bed));
        // A gateway counts its connections from one.
        wait_until("the new gateway serves", SOON, || {
            (first_connections() == 2).then_some(())
        })?;
        // From here on its patience counts, and nothing else keeps the transfer going.
        wait_until("the old gateway drains", SOON, || {
            let said = fs::read_to_string(&own_log).ok()?;
            said.contains("\"draining\",\"connections\":1")
                .then_some(())
        })?;
        downloader.run("digest.update(body.read())")?;
        downloader.run("tls.close(); body.close()")?;
        let succeeded = succession.join();
        succeeded.map_err(|_| anyhow!("the succession panicked"))?
    })?;
    fs::write(&enough, "").context("cannot end the connections")?;
    let said = other.answer()?;
    eprintln!("{said}");
    ensure!(said.contains(" served, 0 failed"), "{said}");
    assert_eq!(downloader.ask("digest.hexdigest()")?, sum);
    ensure!(scene.gateway.pid() != old);
    Ok(())
}

#[test]
fn an_old_gateway_in_a_governed_cgroup_finishes_what_it_has() -> Result<()> {
    let mut scene = Scene::new(DRAIN)?;
    let governed = scene.governed().scope()?;
    let own = governed.replace("/node/governed", "/node/gateway");
    let scopes = [governed, own];
    let config = registry(DRAIN);
    // The old one cannot govern itself; the next, which is elsewhere, can govern it.
    scene.gateway.replace_config_and_scope(&config, &scopes)?;
    scene.counted("egress_reloads_total", &[("outcome", "refused")], 1)?;
    let sum = scene.bed.offer("large", BYTES)?;
    let mut downloader = scene.python()?;
    downloader.run(DOWNLOAD)?;
    downloader.run(&format!(
        "tls = download('/large'); digest.update(body.read({FIRST}))"
    ))?;
    let old = scene.gateway.pid();
    let own_log = scene.bed.dir().join("gateway.log");
    let Scene { gateway, bed, .. } = &mut scene;
    thread::scope(|threads| {
        let succession = threads.spawn(|| gateway.succeed_elsewhere(bed));
        wait_until("the old gateway drains", SOON, || {
            let said = fs::read_to_string(&own_log).ok()?;
            said.contains("\"draining\",\"connections\":1")
                .then_some(())
        })?;
        downloader.run("digest.update(body.read())")?;
        downloader.run("tls.close(); body.close()")?;
        let succeeded = succession.join();
        succeeded.map_err(|_| anyhow!("the succession panicked"))?
    })?;
    assert_eq!(downloader.ask("digest.hexdigest()")?, sum);
    let mut other = scene.python()?;
    assert_eq!(other.ask("echo(b'x')")?, "ready 198.51.100.20\nx");
    ensure!(scene.gateway.pid() != old);
    Ok(())
}
