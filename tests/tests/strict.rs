//! The host side of a pod's veth: what raw packet sockets send, and what must go on as before.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Gateway, Pod, Python, Sniffer, Testbed, hosts, registry, wait_until};
use nix::sys::signal::Signal;

const STRICT: &str = "[gateway]\ninternal = [\"203.0.113.66/32\"]";
/// A service that the kernel lets datagrams go to.
const OPEN: &str = r#"
[[service]]
name = "open"
addresses = ["198.51.100.21"]
ports = [{ number = 7000, protocol = "UDP" }]
resolution = "NONE"
"#;
const LAX: &str = "[gateway]\nstrict = false";

/// A change of the devices is told within milliseconds; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(20);

/// Words for a pod that makes its own frames.
const FRAMES: &str = r#"
def ask(device, own, other):
    """The hardware address of a neighbour (RFC 826)."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0806))
    s.bind((device, 0x0806))
    s.settimeout(1)
    question = struct.pack('!HHBBH6s4s6x4s', 1, 0x0800, 6, 4, 1, s.getsockname()[4],
                           socket.inet_aton(own), socket.inet_aton(other))
    while True:
        s.sendto(question, (device, 0x0806, 0, 0, b'\xff' * 6))
        try:
            answer = s.recv(64)
        except TimeoutError:
            continue  # the cable was only just laid
        if answer[6:8] == b'\0\2' and answer[14:18] == socket.inet_aton(other):
            return answer[8:14]

def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xffff) + (total >> 16)
    return struct.pack('!H', ~(total + (total >> 16)) & 0xffff)

def frame(text, to, device='eth0', own='10.85.1.2', port=9, options=b'', source=(None, 4000)):
    """Sends a datagram that no socket of the pod's own knows of."""
    udp = struct.pack('!HHHH', source[1], port, 8 + len(text), 0) + text.encode()
    start = 0x45 + len(options) // 4
    ip = struct.pack('!BBHHHBBH4s4s', start, 0, 20 + len(options) + len(udp), 0, 0, 64, 17, 0,
                     socket.inet_aton(source[0] or own), socket.inet_aton(to)) + options
    ip = ip[:10] + checksum(ip) + ip[12:]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    router = own.rsplit('.', 1)[0] + '.1'
    s.sendto(ip + udp, (device, 0x0800, 0, 0, ask(device, own, router)))
"#;

fn pod_session(pod: &Pod<'_>) -> Result<Python> {
    let mut python = pod.client().session()?;
    python.run(FRAMES)?;
    Ok(python)
}

fn arrived(sniffer: &Sniffer<'_>, token: &str) -> Result<bool> {
    Ok(sniffer
        .packets()?
        .iter()
        .any(|packet| packet.token == token))
}

fn counted(gateway: &Gateway, bed: &Testbed, kind: &str) -> Result<u64> {
    let name = format!("egress_kernel_total{{kind=\"{kind}\"}} ");
    let page = gateway.metrics(bed)?;
    let value = page.lines().find_map(|line| line.strip_prefix(&name));
    Ok(value.with_context(|| page.clone())?.parse()?)
}

#[test]
fn frames_of_a_pods_own_making_stop_at_its_veth() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let sniffer = bed.sniffer()?;
    let mut python = pod_session(&pod)?;

    let mut lax = Gateway::start(&bed, &registry(LAX))?;
    python.run(&format!("frame('t0k-lax-k0t', '{}')", hosts::SINK))?;
    ensure!(
        arrived(&sniffer, "t0k-lax-k0t")?,
        "without strict it leaves"
    );
    lax.terminate()?;

    let gateway = Gateway::start(&bed, &registry(STRICT))?;
    let log = gateway.access_log().from_here();
    python.run(&format!("frame('t0k-strict-k0t', '{}')", hosts::SINK))?;
    let line = log.wait_for("the frame", |line| {
        line.get("reason") == "frame_not_in_registry"
    })?;
    assert_eq!(line.get("dst.addr"), format!("{}:9", hosts::SINK));
    ensure!(
        line.get("src.cgroup").ends_with("/pods/pod1"),
        "{}",
        line.get("src.cgroup")
    );
    ensure!(!arrived(&sniffer, "t0k-strict-k0t")?);
    assert_eq!(counted(&gateway, &bed, "frame_dropped")?, 1);
    Ok(())
}

#[test]
fn what_needs_no_gateway_passes_the_veth() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let sniffer = bed.sniffer()?;
    let mut python = pod_session(&pod)?;
    let _gateway = Gateway::start(&bed, &registry(&format!("{STRICT}\n{OPEN}")))?;
    python.run("frame('t0k-internal-k0t', '203.0.113.66')")?;
    ensure!(arrived(&sniffer, "t0k-internal-k0t")?, "inside the mesh");
    python.run(&format!(
        "frame('t0k-open-k0t', '{}', port=7000)",
        hosts::TCP_OTHER
    ))?;
    ensure!(
        arrived(&sniffer, "t0k-open-k0t")?,
        "allowed by address, protocol and port"
    );
    python.run(&format!(
        "frame('t0k-other-port-k0t', '{}', port=7001)",
        hosts::TCP_OTHER
    ))?;
    ensure!(!arrived(&sniffer, "t0k-other-port-k0t")?, "another port");
    for server in [hosts::DNS, "203.0.113.66"] {
        python.run(&format!("frame('t0k-question-k0t', '{server}', port=53)"))?;
    }
    ensure!(
        !arrived(&sniffer, "t0k-question-k0t")?,
        "a question, even into the mesh"
    );
    // A loose source route by way of the mesh.
    let route = "bytes([131, 7, 4]) + socket.inet_aton('203.0.113.200') + bytes(1)";
    python.run(&format!(
        "frame('t0k-route-k0t', '203.0.113.66', options={route})"
    ))?;
    ensure!(
        !arrived(&sniffer, "t0k-route-k0t")?,
        "another way than to its destination"
    );
    Ok(())
}

#[test]
fn who_speaks_first_is_answered() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let mut server = pod_session(&pod)?;
    let gateway = Gateway::start(&bed, &registry(STRICT))?;
    let mut stranger = pod.stranger().session()?;
    let mut outside = bed.inet_session()?;
    for address in [pod.v4(), pod.v6()] {
        server.run(&format!("l = listen('{address}', 7000)"))?;
        outside.run(&format!("s = connect('{address}', 7000)"))?;
        outside
            .begin("s.sendall(b'x' * 100000), s.shutdown(socket.SHUT_WR), len(everything(s))")?;
        server
            .run("c = accept(l); n = len(everything(c)); c.sendall(b'y' * (n + 1)); c.close()")?;
        assert_eq!(outside.answer()?, "[null,null,100001]", "{address}");

        let family = if address.contains(':') {
            "AF_INET6"
        } else {
            "AF_INET"
        };
        // A governed process would not be let: datagrams are judged where they are sent.
        stranger.run(&format!(
            "u = socket.socket(socket.{family}, socket.SOCK_DGRAM); u.bind(('{address}', 7000))"
        ))?;
        outside.run(&format!(
            "u = socket.socket(socket.{family}, socket.SOCK_DGRAM); u.settimeout(LIMIT); u.sendto(b'?', ('{address}', 7000))"
        ))?;
        stranger.run("u.sendto(b'!', u.recvfrom(9)[1])")?;
        assert_eq!(outside.ask("u.recv(9)")?, "!", "{address}");
    }
    assert_eq!(counted(&gateway, &bed, "frame_dropped")?, 0);
    Ok(())
}

#[test]
fn a_pod_that_comes_later_and_never_connects_is_guarded() -> Result<()> {
    let bed = Testbed::new()?;
    let gateway = Gateway::start(&bed, &registry(STRICT))?;
    let sniffer = bed.sniffer()?;
    let pod = bed.pod(1)?;
    let mut python = pod_session(&pod)?;
    let send = |python: &mut Python, token: &str| {
        python.run(&format!("frame('t0k-{token}-k0t', '{}')", hosts::SINK))
    };
    wait_until("a frame is dropped", SOON, || {
        send(&mut python, "early").ok()?;
        (counted(&gateway, &bed, "frame_dropped").ok()? > 0).then_some(())
    })?;
    send(&mut python, "late")?;
    ensure!(!arrived(&sniffer, "t0k-late-k0t")?);
    Ok(())
}

#[test]
fn a_veth_that_comes_later_is_guarded() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let sniffer = bed.sniffer()?;
    let mut python = pod_session(&pod)?;
    let gateway = Gateway::start(&bed, &registry(STRICT))?;
    let (node, inside) = (bed.outside(), pod.netns());
    let added = node.shell(&format!(
        "ip link add later type veth peer name eth1 netns {inside} && \
         ip link set later up && ip addr add 10.86.1.1/24 dev later && \
         ip -n {inside} link set eth1 up && ip -n {inside} addr add 10.86.1.2/24 dev eth1"
    ))?;
    ensure!(added.succeeded(), "{}", added.text());
    let send = |python: &mut Python, token: &str| {
        let to = hosts::SINK;
        python.run(&format!(
            "frame('t0k-{token}-k0t', '{to}', 'eth1', '10.86.1.2')"
        ))
    };
    wait_until("a frame is dropped", SOON, || {
        send(&mut python, "early").ok()?;
        (counted(&gateway, &bed, "frame_dropped").ok()? > 0).then_some(())
    })?;
    send(&mut python, "late")?;
    ensure!(!arrived(&sniffer, "t0k-late-k0t")?);
    Ok(())
}

#[test]
fn the_veth_stays_guarded_without_a_gateway_and_its_flows_outlive_it() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let sniffer = bed.sniffer()?;
    let mut server = pod_session(&pod)?;
    let mut outside = bed.inet_session()?;
    let mut gateway = Gateway::start(&bed, &registry(STRICT))?;
    server.run(&format!("l = listen('{}', 7000)", pod.v4()))?;
    outside.run(&format!("s = connect('{}', 7000)", pod.v4()))?;
    server.run("c = accept(l)")?;

    gateway.signal(Signal::SIGKILL)?;
    gateway.wait()?;
    server.run(&format!("frame('t0k-dead-k0t', '{}')", hosts::SINK))?;
    ensure!(
        !arrived(&sniffer, "t0k-dead-k0t")?,
        "no gateway, no way out"
    );
    server.run("c.sendall(b'still here')")?;
    assert_eq!(outside.ask("exactly(s, 10)")?, "still here");

    let _next = Gateway::start(&bed, &registry(STRICT))?;
    server.run(&format!("frame('t0k-next-k0t', '{}')", hosts::SINK))?;
    ensure!(!arrived(&sniffer, "t0k-next-k0t")?);
    server.run("c.sendall(b'and again')")?;
    assert_eq!(outside.ask("exactly(s, 9)")?, "and again");
    Ok(())
}

#[test]
fn a_gateway_that_is_not_strict_lets_go_of_what_one_before_it_guarded() -> Result<()> {
    let bed = Testbed::new()?;
    let pod = bed.pod(1)?;
    let sniffer = bed.sniffer()?;
    let mut python = pod_session(&pod)?;
    Gateway::start(&bed, &registry(STRICT))?.terminate()?;
    let _lax = Gateway::start(&bed, &registry(LAX))?;
    // A link whose pin is removed is detached a moment later.
    wait_until("a frame arrives", SOON, || {
        let send = format!("frame('t0k-lax-k0t', '{}')", hosts::SINK);
        python.run(&send).ok()?;
        arrived(&sniffer, "t0k-lax-k0t")
            .is_ok_and(|arrived| arrived)
            .then_some(())
    })
}

#[test]
fn a_pod_cannot_speak_first_for_an_outsider() -> Result<()> {
    let bed = Testbed::new()?;
    let (forger, partner) = (bed.pod(1)?, bed.pod(2)?);
    let sniffer = bed.sniffer()?;
    let (mut first, mut second) = (pod_session(&forger)?, pod_session(&partner)?);
    second.run("u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('', 4000))")?;
    second.run("u.settimeout(LIMIT)")?;
    let config = "[gateway]\ninternal = [\"10.85.0.0/16\"]";
    let _gateway = Gateway::start(&bed, &registry(config))?;
    let (sink, to) = (hosts::SINK, partner.v4());
    first.run(&format!(
        "frame('forged', '{to}', port=4000, source=('{sink}', 9))"
    ))?;
    assert_eq!(
        second.ask("u.recvfrom(9)[1][0]")?,
        sink,
        "the forged source"
    );
    second.run(&format!("frame('t0k-answer-k0t', '{sink}', own='{to}')"))?;
    ensure!(!arrived(&sniffer, "t0k-answer-k0t")?);
    Ok(())
}

#[test]
fn outsiders_that_flood_a_pod_harm_no_other() -> Result<()> {
    /// More than one veth's peers may open.
    const FLOWS: u64 = 5_000;
    let bed = Testbed::new()?;
    let (flooded, other) = (bed.pod(1)?, bed.pod(2)?);
    let (_first, mut second) = (pod_session(&flooded)?, pod_session(&other)?);
    let gateway = Gateway::start(&bed, &registry(STRICT))?;
    let mut outside = bed.inet_session()?;
    outside.run("u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")?;
    outside.run(&format!(
        "for port in range({FLOWS}): u.sendto(b'', ('{}', 10000 + port))",
        flooded.v4()
    ))?;
    wait_until("the flood has found no room", SOON, || {
        let lost = counted(&gateway, &bed, "peer_lost").ok()?;
        (lost > 0).then_some(())
    })
    .with_context(|| gateway.metrics(&bed).unwrap_or_default())?;
    second.run(&format!("l = listen('{}', 7000)", other.v4()))?;
    outside.run(&format!("s = connect('{}', 7000)", other.v4()))?;
    second.run("accept(l).sendall(b'hello')")?;
    assert_eq!(outside.ask("exactly(s, 5)")?, "hello");
    Ok(())
}
