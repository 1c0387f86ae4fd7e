//! Pods that try to get out as soon as they are there.

use std::time::Duration;

use anyhow::{Context as _, Result};
use egress_tests::{Process, Scene, hosts, wait_until};

/// As many as come to a node at once when another is lost.
const PODS: u8 = 50;
/// They are judged in a fraction of a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_mins(1);

/// Tries every way at once, from the first moment: over TCP, by datagrams, and from a raw socket.
const TRY: &str = r"
import socket
def attempt(send):
    try:
        send()
    except OSError as error:
        pass
def tcp():
    with socket.create_connection(('203.0.113.66', 443), timeout=10) as s:
        s.sendall(b'x')
        s.recv(1)
def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.66', 9))
def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 17).sendto(bytes(8), ('203.0.113.66', 9))
attempt(udp)
attempt(raw)
attempt(tcp)
print('tried', flush=True)
";

#[test]
fn no_packet_of_a_new_pod_gets_out_before_it_is_governed() -> Result<()> {
    let scene = Scene::new("")?;
    let sniffer = scene.bed.sniffer()?;
    let mut all = Vec::new();
    for number in 1..=PODS {
        // Its program runs before anything else looks at it: nothing has been said to the gateway.
        let pod = scene.bed.pod(number)?;
        let log = scene.bed.dir().join(format!("pod{number}.log"));
        let client = pod.client().spawn_python(TRY, &log)?;
        all.push((pod, client));
    }
    wait_until("all have tried", SOON, || {
        let tried = |client: &Process| client.output().contains("tried");
        all.iter().all(|(_, client)| tried(client)).then_some(())
    })?;
    let out: Vec<_> = sniffer
        .packets()?
        .into_iter()
        .filter(|packet| packet.destination == hosts::EVIL || packet.source.starts_with("10.85."))
        .collect();
    assert_eq!(out, []);
    // The gateway judged each connection: none failed for another reason.
    wait_until("the log has all connections", SOON, || {
        let lines = scene.gateway.access_log().lines();
        let denied = lines
            .iter()
            .filter(|line| line.pick("verdict dst.addr") == "deny 203.0.113.66:443");
        (denied.count() == usize::from(PODS)).then_some(())
    })
    .with_context(|| scene.gateway.output())
}
