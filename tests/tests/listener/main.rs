//! Callers of another node, who come to the gateway's listeners as to an explicit proxy.

mod certified;
mod forwarded;
#[cfg(feature = "k8s")]
mod known;
mod lasting;
mod tunnels;

use anyhow::Result;
use egress_tests::{Python, Scene};

/// The listeners; who comes from 192.0.2.1 is known.
const LISTENERS: &str = r#"
[[listener]]
name = "pods"
address = "192.0.2.2:15080"
protocol = "CONNECT"
identity = "ADDRESS"
peers = [{ addresses = ["192.0.2.1"], namespace = "shop", service_account = "web" }]

[[listener]]
name = "forwarders"
address = "192.0.2.2:15081"
protocol = "PROXY"
identity = "ADDRESS"
peers = [
    { addresses = ["192.0.2.1"], namespace = "shop", service_account = "web" },
    { addresses = ["10.77.0.0/16"], namespace = "batch" },
]
trusted = ["203.0.113.54"]

[[listener]]
name = "certified"
address = "192.0.2.2:15082"
protocol = "CONNECT"
identity = "MUTUAL_TLS"
server_certificate = "/etc/egress/listener/node.pem"
private_key = "/etc/egress/listener/node.key"
ca_certificates = "/etc/egress/listener/ca.pem"
trust_domain = "cluster.local"

[[service]]
name = "batch"
addresses = ["198.51.100.21"]
ports = [{ number = 6432, protocol = "TCP" }]
resolution = "STATIC"
endpoints = [{ address = "198.51.100.21" }]
from = [{ namespace = "batch" }]

[[service]]
name = "web"
addresses = ["198.51.100.21"]
ports = [{ number = 5432, protocol = "TCP" }]
resolution = "STATIC"
endpoints = [{ address = "198.51.100.21" }]
from = [{ namespace = "shop", service_account = "web" }]
"#;

/// What callers do: ask for a tunnel, and speak in it.
const CALLER: &str = r"
def come(port, source='192.0.2.1'):
    return connect('192.0.2.2', port, source_address=(source, 0))
def head_of(s):
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        byte = s.recv(1)
        if not byte:
            break
        head += byte
    return head.decode()
def tunnel(target, source='192.0.2.1', early=b''):
    s = come(15080, source)
    head = f'CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic eDp5\r\n\r\n'
    s.sendall(head.encode() + early)
    return s, head_of(s)
def asked(target, source='192.0.2.1'):
    s, head = tunnel(target, source)
    status = head.split('\r\n')[0]
    return status if ' 200 ' in status else status + ' ' + everything(s).decode().strip()
def inside(target, message):
    s, head = tunnel(target)
    assert ' 200 ' in head, head
    s.sendall(message)
    return s
";

/// With the listeners, and these sections.
fn scene(sections: &str) -> Result<Scene> {
    Scene::new(&format!("{sections}\n{LISTENERS}"))
}

/// A caller of another node.
fn caller(scene: &Scene) -> Result<Python> {
    let mut caller = scene.bed.inet_session()?;
    let ca = scene.bed.certificates().join("ca.pem");
    caller.run(&format!("CA = '{}'\n{CALLER}", ca.display()))?;
    Ok(caller)
}
