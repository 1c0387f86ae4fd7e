//! Entries of pods' own in the kernel's table of governed cgroups.
//!
//! What the gateway knows of a pod's namespace it learns from the cluster's API; here the test writes the
//! entry, as the gateway does then. What the kernel decides by itself is tried: the gateway knows of no pod.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Client, Python, Scene, registry, wait_until};

const AUDIT: &str = "[gateway]\nmode = \"audit\"";
const POD: &str = "kubepods/burstable/pod2c48913c-b29f-11e7-9350-020968147796";
const CONTAINER: &str = "e2a9b1d6a1f04e0f9a7d1d6c0b5a49382716050403020100ffeeddccbbaa9988";

/// What a pod's entry says: the numbers of `Governance`.
const POLICY: u32 = 1;
const ENFORCE: u32 = 2;
const AUDITED: u32 = 3;
const OFF: u32 = 4;

/// A service that the kernel judges by address, and one that it denies.
const SERVICES: &str = r#"
[[service]]
name = "discard"
addresses = ["198.51.100.0/24"]
ports = [{ number = 9, protocol = "UDP" }]

[[service]]
name = "not-there"
addresses = ["198.51.100.21"]
ports = [{ number = 9, protocol = "UDP" }]
deny = true
"#;

/// Writes an entry: `bpf(2)` by hand, for no tool for it is on every machine.
const WRITE: &str = r"
import platform
LIBC = ctypes.CDLL(None, use_errno=True)
def bpf(command, attr):
    number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
    attr = ctypes.create_string_buffer(attr, len(attr))
    got = LIBC.syscall(number, command, attr, len(attr))
    if got < 0:
        raise OSError(ctypes.get_errno(), f'bpf({command})')
    return got
def write(table, cgroup, governance, deepest):
    path = ctypes.create_string_buffer(table.encode())
    key = ctypes.create_string_buffer(struct.pack('Q', os.stat(cgroup).st_ino), 8)
    value = ctypes.create_string_buffer(struct.pack('II', governance, deepest), 8)
    table = bpf(7, struct.pack('QII', ctypes.addressof(path), 0, 0))
    where = [ctypes.addressof(at) for at in (key, value)]
    bpf(2, struct.pack('IIQQQ', table, 0, *where, 0))
    os.close(table)
";

/// A datagram to the plain server; a socket of every other kind.
const TRY: &str = r"
def datagram(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b'x', (address, 9))
    return 'sent'
def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return 'made'
";
/// A packet is dropped, and counted, in a fraction of a second; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(20);
const DENIED: &str = "PermissionError";

/// A governed pod, with a writer of entries and a neighbour of the same scope.
struct Pods {
    scene: Scene,
    writer: Python,
    pod: Python,
    neighbour: Python,
    inside: Client,
}

impl Pods {
    fn new(sections: &str) -> Result<Self> {
        let scene = Scene::with(&(registry(sections) + SERVICES))?;
        let inside = scene.bed.governed_in(&format!("{POD}/{CONTAINER}"))?;
        let mut writer = scene.bed.elsewhere().session()?;
        writer.run(WRITE)?;
        let (mut pod, mut neighbour) = (inside.session()?, scene.python()?);
        pod.run(TRY)?;
        neighbour.run(TRY)?;
        let mut pods = Self {
            scene,
            writer,
            pod,
            neighbour,
            inside,
        };
        // The gateway does so when the first entry comes below one that had none.
        let scope = pods.scene.governed().cgroup().to_owned();
        pods.write(&scope, POLICY, false)?;
        Ok(pods)
    }

    fn write(&mut self, cgroup: &Path, governance: u32, deepest: bool) -> Result<()> {
        let maps = fs::read_dir(self.scene.bed.pins())?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().contains("/maps-"))
            .context("no maps are pinned")?;
        let (table, cgroup) = (maps.join("SCOPE"), cgroup.display());
        let deepest = u32::from(deepest);
        self.writer.run(&format!(
            "write('{}', '{cgroup}', {governance}, {deepest})",
            table.display()
        ))
    }

    fn set(&mut self, governance: u32) -> Result<()> {
        let pod = self.inside.cgroup().parent().context("a pod")?.to_owned();
        self.write(&pod, governance, true)
    }
}

/// What comes of a datagram that a service allows, one that none has, one that is denied, and a raw socket.
fn tries(client: &mut Python) -> Result<[bool; 4]> {
    let mut went = |what: &str| {
        let said = client.ask(what)?;
        ensure!(
            ["sent", "made", DENIED].contains(&said.as_str()),
            "{what}: {said}"
        );
        Ok(said != DENIED)
    };
    Ok([
        went("datagram('198.51.100.20')")?,
        went("datagram('203.0.113.66')")?,
        went("datagram('198.51.100.21')")?,
        went("raw()")?,
    ])
}

const ENFORCED: [bool; 4] = [true, false, false, false];
const ALL: [bool; 4] = [true; 4];

#[test]
fn each_pod_is_governed_as_its_own_entry_says() -> Result<()> {
    let mut pods = Pods::new("")?;
    assert_eq!(tries(&mut pods.pod)?, ENFORCED, "one without an entry");
    for (governance, expected) in [
        (AUDITED, ALL),
        (ENFORCE, ENFORCED),
        (OFF, ALL),
        (POLICY, ENFORCED),
        (7, ENFORCED),
    ] {
        pods.set(governance)?;
        assert_eq!(tries(&mut pods.pod)?, expected, "{governance}");
        assert_eq!(tries(&mut pods.neighbour)?, ENFORCED, "beside {governance}");
    }
    Ok(())
}

#[test]
fn a_pod_is_enforced_where_nothing_else_is() -> Result<()> {
    let mut pods = Pods::new(AUDIT)?;
    assert_eq!(tries(&mut pods.pod)?, ALL);
    pods.set(ENFORCE)?;
    assert_eq!(tries(&mut pods.pod)?, ENFORCED);
    assert_eq!(tries(&mut pods.neighbour)?, ALL);
    Ok(())
}

#[test]
fn what_is_not_governed_is_nobodys_business_and_what_is_deeper_may_be() -> Result<()> {
    let mut pods = Pods::new("")?;
    let get = "get('evil.example.net', '203.0.113.66')";
    let served = "served by evil at 203.0.113.66 over HTTP/1.0";
    assert_ne!(pods.pod.ask(get)?, served);
    assert_eq!(pods.scene.line()?.get("verdict"), "deny");
    pods.set(OFF)?;
    assert_eq!(pods.pod.ask(get)?, served);
    assert_eq!(
        pods.pod
            .ask("connect('203.0.113.66', 443).getsockname()[0]")?,
        "192.0.2.2",
        "its own address"
    );
    assert_ne!(pods.neighbour.ask(get)?, served);
    let line = pods.scene.line()?;
    assert_eq!(line.get("verdict"), "deny", "no line before this");
    // Whatever is said of the pod, its container is governed by an entry of its own.
    let container = pods.inside.cgroup().to_owned();
    let pod = container.parent().context("a pod")?;
    pods.write(pod, OFF, false)?;
    pods.write(&container, POLICY, true)?;
    assert_ne!(pods.pod.ask(get)?, served);
    assert_eq!(tries(&mut pods.pod)?, ENFORCED);
    Ok(())
}

#[test]
fn a_connection_of_a_pod_that_comes_under_governance_stops() -> Result<()> {
    let mut pods = Pods::new("")?;
    pods.set(OFF)?;
    pods.pod.run("s = connect('198.51.100.21', 5432)")?;
    pods.pod.run("s.sendall(b'echo\\n'); s.settimeout(1)")?;
    assert_eq!(pods.pod.ask("exactly(s, 7)")?, "ready 1");
    pods.set(POLICY)?;
    let dropped = |scene: &Scene| -> Result<u64> {
        let metrics = scene.metrics()?;
        Ok(metrics.sum(
            "egress_decisions_total",
            &[("reason", "packet_not_in_registry")],
        ))
    };
    let before = dropped(&pods.scene)?;
    pods.pod.run("s.sendall(b'x')")?;
    wait_until("its packets are dropped", SOON, || {
        (dropped(&pods.scene).ok()? > before).then_some(())
    })
}
