//! Other programs on the hooks that the gateway is on: they run, and the gateway's decision stands.

use anyhow::Result;
use egress_tests::{Python, Scene};

/// Loads a program for `connect()` of IPv4 sockets, which lets every connection pass, and attaches it
/// to a cgroup below the governed one. `rewrite`: it also sends them all to another address.
const ATTACH: &str = r"
import ctypes, os, platform, struct

BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
CGROUP_SOCK_ADDR, INET4_CONNECT = 18, 10
SYS_BPF = {'x86_64': 321, 'aarch64': 280}[platform.machine()]

def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def instruction(code, registers, offset, value):
    return struct.pack('<BBhi', code, registers, offset, value)

def attach(cgroup, flags, rewrite):
    program = b''
    if rewrite:
        address, = struct.unpack('<i', socket.inet_aton(rewrite))
        program += instruction(0xb7, 2, 0, address)    # r2 = address
        program += instruction(0x63, 0x21, 4, 0)       # ctx->user_ip4 = r2
    program += instruction(0xb7, 0, 0, 1)              # r0 = 1
    program += instruction(0x95, 0, 0, 0)              # exit
    instructions, license = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b'GPL')
    attributes = struct.pack('<IIQQIIQII16sII', CGROUP_SOCK_ADDR, len(program) // 8,
        ctypes.addressof(instructions), ctypes.addressof(license), 0, 0, 0, 0, 0, b'', 0,
        INET4_CONNECT)
    loaded = bpf(BPF_PROG_LOAD, attributes)
    target = os.open(cgroup, os.O_RDONLY)
    bpf(BPF_PROG_ATTACH, struct.pack('<IIII', target, loaded, INET4_CONNECT, flags))
";

/// The ways to attach: alone, one that children may override, one of many.
const FLAGS: [(&str, u32); 3] = [("alone", 0), ("overridable", 1), ("multi", 2)];

/// A client in a cgroup of its own that has a program of its own.
fn client(scene: &Scene, name: &str, flags: u32, rewrite: &str) -> Result<Python> {
    let mut owner = scene.bed.outside().session()?;
    let client = scene.bed.governed_in(name)?;
    owner.run(ATTACH)?;
    owner.run(&format!(
        "attach('{}', {flags}, '{rewrite}')",
        client.cgroup().display()
    ))?;
    client.session()
}

#[test]
fn a_program_that_lets_all_pass_changes_nothing() -> Result<()> {
    let scene = Scene::new("")?;
    for (name, flags) in FLAGS {
        let mut client = client(&scene, name, flags, "")?;
        assert_eq!(
            client.ask("get('evil.example.net', '203.0.113.66')")?,
            "SSLError",
            "{name}"
        );
        assert_eq!(
            scene.line()?.get("reason"),
            "host_not_in_registry",
            "{name}"
        );
        let said = client.ask("get('api.example.com', '203.0.113.10')")?;
        assert!(said.starts_with("served by api"), "{name}: {said}");
        assert_eq!(scene.line()?.get("service"), "api", "{name}");
    }
    Ok(())
}

#[test]
fn a_program_that_sends_connections_elsewhere_is_judged_by_where_they_go() -> Result<()> {
    let scene = Scene::new("")?;
    for (name, flags) in FLAGS {
        let mut client = client(&scene, name, flags, "203.0.113.66")?;
        let said = client.ask("get('evil.example.net', '203.0.113.10')")?;
        assert_eq!(said, "SSLError", "{name}");
        let line = scene.line()?;
        assert_eq!(
            line.pick("dst.addr reason"),
            "203.0.113.66:443 host_not_in_registry",
            "{name}"
        );
    }
    Ok(())
}
