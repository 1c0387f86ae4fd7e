//! Questions to DNS servers: the gateway gets them, and the client does not notice.

use std::time::Duration;

use anyhow::{Result, ensure};
use egress_tests::{Python, Scene, hosts, wait_until};

/// A pod's listener is there within milliseconds; a loaded machine takes longer.
const LISTENS: Duration = Duration::from_secs(10);

/// What a resolver does, in its several ways. An answer is the one to the question by its id.
const RESOLVER: &str = r#"
import fcntl

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
IP_RECVERR = 11
WAIT = 3  # seconds: below the five after which resolvers ask again

def question(number):
    labels = b"".join(bytes([len(l)]) + l for l in (b"api", b"example", b"com"))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!xHH", 1, 1)

def family(server):
    return socket.AF_INET6 if ":" in server else socket.AF_INET

def datagrams(server):
    s = socket.socket(family(server), socket.SOCK_DGRAM)
    s.settimeout(WAIT)
    return s

def answer(s, number):
    data, source = s.recvfrom(1500)
    assert data[:2] == number.to_bytes(2, "big"), data
    return source[0]

def unconnected(server):
    with datagrams(server) as s:
        s.sendto(question(1), (server, 53))
        return answer(s, 1)

def connected(server):
    with datagrams(server) as s:
        s.connect((server, 53))
        s.send(question(2))
        source = answer(s, 2)
        assert s.getpeername()[:2] == (server, 53), s.getpeername()
        return source

def in_turn(*servers):
    with datagrams(servers[0]) as s:
        heard = []
        for number, server in enumerate(servers):
            s.sendto(question(number), (server, 53))
            heard.append(answer(s, number))
        return heard == list(servers)

def own_address(server):
    with datagrams(server) as s:
        s.connect((server, 53))
        return s.getsockname()[0]

def stream(server):
    with socket.socket(family(server)) as s:
        s.settimeout(WAIT)
        s.connect((server, 53))
        return s.getpeername()[0]

def soon(attempt):
    """Tries until it succeeds, or for too long."""
    end = time.monotonic() + WAIT
    while True:
        try:
            return attempt()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)

def listener():
    """The gateway's listener, which nothing but the program's own beginning has asked for."""
    with open("/proc/net/udp") as file:
        if not any(line.split()[1].endswith(":3A99") for line in file):  # 15001
            raise OSError("no listener")

def strict(server):
    """As glibc's resolver: it hears of every error, and a question that is held back is one."""
    with datagrams(server) as s:
        s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        s.connect((server, 53))
        s.send(question(6))
        return answer(s, 6)

def apart():
    """To a network namespace of one's own, with its loopback device up."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) < 0:
        raise OSError("unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))

def disconnect(s):
    ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
"#;

/// Servers of every kind: the configured one, others, one in the mesh, one on loopback.
const SERVERS: [&str; 7] = [
    hosts::DNS,
    "198.51.100.53",
    "10.1.1.1",
    "127.0.0.53",
    "::ffff:198.51.100.53",
    "2001:db8:1::53",
    "::1",
];

fn resolver(mut python: Python) -> Result<Python> {
    python.run(RESOLVER)?;
    Ok(python)
}

/// Asks on the node and in a pod.
fn everywhere(check: impl Fn(&mut Python) -> Result<()>) -> Result<()> {
    let scene = Scene::new("")?;
    let pod = scene.bed.pod(1)?;
    check(&mut resolver(scene.python()?)?)?;
    let mut python = resolver(pod.client().session()?)?;
    // What comes before the pod has a listener is another test's.
    python.ask(&format!("unconnected({:?})", hosts::DNS))?;
    check(&mut python)
}

#[test]
fn the_answer_comes_from_the_server_that_was_asked() -> Result<()> {
    everywhere(|python| {
        for server in SERVERS {
            for way in ["unconnected", "connected"] {
                let heard = python.ask(&format!("{way}({server:?})"))?;
                ensure!(heard == server, "{way}: {server} answers as {heard}");
            }
        }
        Ok(())
    })
}

#[test]
fn one_socket_hears_each_server_that_it_asks_in_turn() -> Result<()> {
    everywhere(|python| {
        let all = "in_turn('198.51.100.53', '127.0.0.53', '10.1.1.1', '198.51.100.53')";
        assert_eq!(python.ask(all)?, "true");
        Ok(())
    })
}

#[test]
fn a_stream_to_any_server_is_the_gateways() -> Result<()> {
    everywhere(|python| {
        for server in SERVERS {
            assert_eq!(python.ask(&format!("stream({server:?})"))?, server);
        }
        Ok(())
    })
}

#[test]
fn a_connected_socket_has_the_address_that_it_would_have_had() -> Result<()> {
    let scene = Scene::new("")?;
    let pod = scene.bed.pod(1)?;
    let mut python = resolver(pod.client().session()?)?;
    // The gateway learns it when it makes the pod's listener.
    wait_until("a listener in the pod", LISTENS, || {
        let own = python.ask("own_address('198.51.100.53')").ok()?;
        (own == pod.v4()).then_some(())
    })?;
    assert_eq!(python.ask("own_address('2001:db8:1::53')")?, pod.v6());
    assert_eq!(python.ask("own_address('127.0.0.53')")?, "127.0.0.1");
    Ok(())
}

#[test]
fn a_socket_that_connects_again_forgets_the_server() -> Result<()> {
    everywhere(|python| {
        python.run("s = datagrams('127.0.0.1'); s.connect(('198.51.100.53', 53))")?;
        python.run("disconnect(s); echo = datagrams('127.0.0.1'); echo.bind(('127.0.0.1', 0))")?;
        python.run("s.connect(echo.getsockname()); s.send(b'x')")?;
        assert_eq!(python.ask("s.getpeername() == echo.getsockname()")?, "true");
        assert_eq!(python.ask("echo.recv(9)")?, "x");
        python.run("s.connect(('127.0.0.53', 53)); s.send(question(3))")?;
        assert_eq!(python.ask("answer(s, 3)")?, "127.0.0.53");
        Ok(())
    })
}

#[test]
fn other_datagrams_of_the_same_socket_come_from_who_sent_them() -> Result<()> {
    everywhere(|python| {
        python.run("s = datagrams('127.0.0.1'); s.sendto(question(4), ('198.51.100.53', 53))")?;
        assert_eq!(python.ask("answer(s, 4)")?, "198.51.100.53");
        python.run("echo = datagrams('127.0.0.1'); echo.bind(('127.0.0.1', 0))")?;
        python.run("s.sendto(b'x', echo.getsockname()); echo.sendto(b'y', echo.recvfrom(9)[1])")?;
        assert_eq!(
            python.ask("s.recvfrom(9)[1] == echo.getsockname()")?,
            "true"
        );
        Ok(())
    })
}

#[test]
fn nobody_speaks_to_the_listener_but_who_was_sent_there() -> Result<()> {
    everywhere(|python| {
        let listener = "('127.0.0.1', 15001)";
        python.run("s = datagrams('127.0.0.1')")?;
        let sent = python.ask(&format!("s.sendto(question(5), {listener})"))?;
        assert_eq!(sent, "PermissionError");
        python.run(&format!("s.connect({listener})"))?;
        assert_eq!(python.ask("s.send(question(5))")?, "PermissionError");
        Ok(())
    })
}

#[test]
fn the_first_question_of_a_namespace_waits_for_its_listener() -> Result<()> {
    let scene = Scene::new("")?;
    for server in ["198.51.100.53", "2001:db8:1::53"] {
        for way in ["unconnected", "connected"] {
            // A namespace that the same process makes: it asks at once.
            let mut python = resolver(scene.python()?)?;
            python.run("apart()")?;
            let heard = python.ask(&format!("{way}({server:?})"))?;
            ensure!(heard == server, "{way}: {server} answers as {heard}");
        }
    }
    Ok(())
}

#[test]
fn a_program_that_begins_in_a_new_namespace_has_a_listener() -> Result<()> {
    let scene = Scene::new("")?;
    let pod = scene.bed.pod(1)?;
    let program = format!(
        "import ctypes, socket, struct, time\n{RESOLVER}\nsoon(listener)\nprint(soon(lambda: strict('127.0.0.53')))"
    );
    let script = "ip link set lo up && exec python3 -c \"$1\"";
    let outcome = pod
        .client()
        .run("unshare", &["-n", "sh", "-c", script, "sh", &program])?;
    assert_eq!(outcome.text().trim(), "127.0.0.53");
    Ok(())
}

#[test]
fn who_is_not_governed_asks_the_server_itself() -> Result<()> {
    let scene = Scene::new("")?;
    let mut python = resolver(scene.bed.outside().session()?)?;
    for way in ["unconnected", "connected"] {
        let heard = python.ask(&format!("{way}({:?})", hosts::DNS))?;
        assert_eq!(heard, hosts::DNS);
    }
    assert_eq!(python.ask("unconnected('198.51.100.53')")?, "TimeoutError");
    Ok(())
}
