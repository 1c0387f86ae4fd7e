//! What the metrics tell of the programs, of limits, of bytes that move; and what makes no series.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use egress_tests::{Metrics, Scene};

/// Those on the cgroup.
const PROGRAMS: u64 = 13;

#[test]
fn a_program_that_is_detached_is_seen_at_once() -> Result<()> {
    const BIND: (&str, &str) = ("program", "egress_bind4");
    let scene = Scene::new("")?;
    let attached = |labels: &[(&str, &str)]| -> Result<u64> {
        Ok(scene
            .metrics()?
            .sum("egress_kernel_program_attached", labels))
    };
    let all = attached(&[])?;
    assert_eq!((all, attached(&[BIND])?), (PROGRAMS, 1));
    fs::remove_file(scene.bed.pins().join("links").join(BIND.1))?;
    assert_eq!((attached(&[])?, attached(&[BIND])?), (all - 1, 0));
    Ok(())
}

#[test]
fn programs_that_are_not_pinned_are_seen_to_be_attached() -> Result<()> {
    let scene = Scene::new("[gateway]\non_exit = \"open\"")?;
    let metrics = scene.metrics()?;
    let attached = metrics.sum("egress_kernel_program_attached", &[]);
    ensure!(attached == PROGRAMS, "{}", metrics.text());
    Ok(())
}

#[test]
fn what_is_held_is_told_beside_what_may_be() -> Result<()> {
    const HELD: u64 = 5;
    let scene = Scene::new(
        "[limits]\nconnections = 100\nconnections_per_cgroup = 50\nsniff_memory = \"1MiB\"",
    )?;
    let before = scene.metrics()?;
    let mut client = scene.python()?;
    client.run(&format!(
        "held = [connect('198.51.100.20', 5432) for _ in range({HELD})]"
    ))?;
    // They are counted when they are taken, which is after the client has connected.
    scene.counted("egress_limit_used", &[("limit", "connections")], HELD)?;
    let metrics = scene.metrics()?;
    let limit = |name, limit| metrics.sum(name, &[("limit", limit)]);
    assert_eq!(limit("egress_limit_used", "connections_per_cgroup"), HELD);
    assert_eq!(limit("egress_limit", "connections"), 100);
    assert_eq!(limit("egress_limit", "connections_per_cgroup"), 50);
    assert_eq!(limit("egress_limit", "sniff_memory"), 1 << 20);
    assert_eq!(limit("egress_limit", "access_log_queue"), 8192);
    assert_eq!(limit("egress_limit_used", "access_log_queue"), 0);

    let map = |name, map| metrics.sum(name, &[("map", map)]);
    for (name, least) in [
        ("SCOPE", 1),
        ("NETNS", 1),
        ("DESTINATIONS", 1),
        ("FLOWS", 0),
    ] {
        let (entries, room) = (
            map("egress_kernel_map_entries", name),
            map("egress_kernel_map_room", name),
        );
        ensure!(
            (least..100).contains(&entries) && room > 1_000,
            "{name}: {entries} {room}"
        );
    }
    let descriptors = |metrics: &Metrics| metrics.sum("process_open_fds", &[]);
    ensure!(descriptors(&metrics) >= descriptors(&before) + 2 * HELD);
    assert_eq!(metrics.sum("egress_ready", &[]), 1);
    Ok(())
}

/// Names that nobody has used before, in every place where a client can put one, and no name at all.
const STRANGERS: &str = r"
import random

def tried(function, *args):
    try:
        return function(*args)
    except OSError:
        return None

def strange(domain):
    return f'zq{random.getrandbits(48):012x}.{domain}'

def send(address, port, message):
    with connect(address, port) as connection:
        connection.settimeout(5)
        connection.sendall(message)
        return finish(connection)  # nobody waits for more

def strangers(count):
    for number in range(count):
        name = strange(('cdn.example.com', 'example.net', 'example.org')[number % 3])
        kind = number // 3 % 5
        if kind == 0:
            tried(send, '203.0.113.11', 443, hello(name))
        elif kind == 1:
            tried(send, '203.0.113.11', 80, request(name))
        elif kind == 2:
            tried(send, '203.0.113.11', 443, random.randbytes(200))
        elif kind == 3:
            broken = bytearray(hello(name))
            broken[random.randrange(len(broken))] ^= 0x55
            tried(send, '203.0.113.11', 443, bytes(broken) + b'\0' * 600)
        else:
            tried(socket.getaddrinfo, name, 443)
    return 'done'
";

#[test]
fn thousands_of_strangers_connections_make_no_series() -> Result<()> {
    const BATCH: u64 = 300;
    const BATCHES: u64 = 10;
    let scene = Scene::new("[dns]\nqueries_per_second = 10000")?;
    let mut client = scene.python()?;
    client.run(STRANGERS)?;
    let mut batch = || client.ask(&format!("strangers({BATCH})"));
    // Once each way in which a connection can end is known, nothing is new.
    for _ in 0..2 {
        assert_eq!(batch()?, "done");
    }
    let early = series(&scene.metrics()?);
    for _ in 2..BATCHES {
        assert_eq!(batch()?, "done");
    }
    let metrics = scene.metrics()?;
    let new: Vec<_> = series(&metrics).difference(&early).cloned().collect();
    // A byte that is wrong in a way not seen before, or a reset that comes sooner, has words of its own.
    ensure!(new.len() < 12, "{new:#?}");
    ensure!(!metrics.text().contains("zq"), "{}", metrics.text());
    let decided = metrics.sum("egress_decisions_total", &[]);
    let asked = metrics.sum("egress_dns_queries_total", &[]);
    ensure!(decided + asked >= BATCH * BATCHES, "{decided} {asked}");
    Ok(())
}

#[test]
fn bytes_are_counted_while_a_connection_lasts_and_once() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    // What comes with the first line the server takes for a part of it.
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n')")?;
    assert_eq!(client.ask("len(exactly(s, 20))")?, "20");
    client.run("s.sendall(b'x' * 1000)")?;
    assert_eq!(client.ask("len(exactly(s, 1000))")?, "1000");
    let to_db = [("destination_service_name", "orders-db")];
    let is_counted = |received, sent| -> Result<()> {
        scene.counted("istio_tcp_received_bytes_total", &to_db, received)?;
        scene.counted("istio_tcp_sent_bytes_total", &to_db, sent)
    };
    is_counted(1_005, 1_020)?;
    let closed = |metrics: &Metrics| metrics.sum("istio_tcp_connections_closed_total", &to_db);
    assert_eq!(closed(&scene.metrics()?), 0);
    client.run("s.sendall(b'y'); exactly(s, 1); reset(s)")?;
    scene.counted("istio_tcp_connections_closed_total", &to_db, 1)?;
    is_counted(1_006, 1_021)?;
    assert_eq!(scene.line()?.pick("bytes_received bytes_sent"), "1006 1021");
    Ok(())
}

/// The names and labels on a page, without the values.
fn series(metrics: &Metrics) -> BTreeSet<String> {
    let samples = metrics.text().lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}
