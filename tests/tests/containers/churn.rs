//! Containers come and go, and connect at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use egress_tests::{Footprint, GatewayPod, Node, Volume, registry, wait_until};

use crate::{ECHO, ECHOED, SOON};

/// So many that one of each that is kept is seen.
const CONTAINERS: u32 = 100;
/// As many at one moment.
const AT_ONCE: usize = 4;

/// What a container does first and last: connects to what is allowed, and to what is not.
const CONNECTS: &str = r"
import socket, ssl

def allowed():
    with socket.create_connection(('198.51.100.20', 5432), timeout=20) as s:
        s.sendall(b'echo\nx')
        s.shutdown(socket.SHUT_WR)
        return b''.join(iter(lambda: s.recv(100), b'')).decode()

def unlisted():
    socket.create_connection(('198.51.100.21', 5432), timeout=20)

def evil():
    s = socket.create_connection(('203.0.113.66', 443), timeout=20)
    ssl.create_default_context().wrap_socket(s, server_hostname='evil.example.net')

for attempt in (allowed, unlisted, evil):
    try:
        print(repr(attempt()))
    except Exception as error:
        print(type(error).__name__)
";

#[test]
fn containers_that_come_and_go_are_governed_from_first_to_last() -> Result<()> {
    let node = Node::new()?;
    let volume = Volume::new(&node, &registry(""))?;
    let gateway = GatewayPod::start(&node, "egress-a", &volume)?;
    let sniffer = node.bed().sniffer()?;
    // One that stays: what it holds is not counted among what is kept.
    let mut stays = node.pod(1000).session()?;
    assert_eq!(stays.ask(ECHO)?, ECHOED);
    let before = gateway.footprint()?;

    let begun = Instant::now();
    let next = AtomicU32::new(1);
    thread::scope(|threads| {
        let workers = [(); AT_ONCE].map(|()| {
            threads.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > CONTAINERS {
                        return Ok(());
                    }
                    let said = node
                        .pod(number)
                        .run("/usr/bin/python3", &["-c", CONNECTS])?;
                    let expected = "'ready 198.51.100.20\\nx'\nPermissionError\nSSLError";
                    ensure!(
                        said.text() == expected,
                        "container {number}: {}",
                        said.text()
                    );
                }
            })
        });
        workers.into_iter().try_for_each(|worker| {
            let done = worker.join();
            done.map_err(|_| anyhow!("a worker panicked"))?
        })
    })?;
    eprintln!("{CONTAINERS} containers in {:?}", begun.elapsed());

    let same = |now: &Footprint| {
        now.namespaces == before.namespaces
            && now.descriptors <= before.descriptors
            && now.flows == 0
    };
    wait_until("all is let go", SOON, || {
        same(&gateway.footprint().ok()?).then_some(())
    })
    .with_context(|| format!("{before:?}, {:?}", gateway.footprint()))?;
    assert_eq!(node.past_the_gateway(&sniffer)?, []);
    assert_eq!(stays.ask(ECHO)?, ECHOED);
    Ok(())
}
