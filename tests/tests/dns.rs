//! Names that governed processes ask for: answered, refused, and remembered for the connections after.

use anyhow::Result;
use egress_tests::{Python, Scene, hosts};

/// The line of a query.
const QUERY: &str = "protocol requested_server_name dst.addr verdict reason";

/// Asks a server as a stub resolver does, and says what came: the code, then the addresses.
const ASK: &str = r#"
def question(name, kind, number):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)

def skip(message, at):
    while message[at] and message[at] < 0xc0:
        at += 1 + message[at]
    return at + (2 if message[at] else 1)

def read(message, number):
    id, flags, _, answers, _, _ = struct.unpack("!6H", message[:12])
    assert id == number and flags >> 15, (id, number, flags)
    at, found = skip(message, 12) + 4, []
    for _ in range(answers):
        at = skip(message, at)
        kind, _, _, length = struct.unpack("!HHIH", message[at:at + 10])
        data, at = message[at + 10:at + 10 + length], at + 10 + length
        if kind == 1:
            found.append(socket.inet_ntoa(data))
    codes = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
    return " ".join([codes[flags & 15], *found])

def ask(name, server="203.0.113.53", kind=1, connected=True):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        if connected:
            s.connect((server, 53))
            s.send(question(name, kind, 7))
            return read(s.recv(4096), 7)
        s.sendto(question(name, kind, 7), (server, 53))
        answer, peer = s.recvfrom(4096)
        return f"{read(answer, 7)} from {peer[0]}:{peer[1]}"

def ask_over_tcp(*names, server="203.0.113.53"):
    with connect(server, 53) as s:
        said = []
        for number, name in enumerate(names):
            message = question(name, 1, number)
            s.sendall(struct.pack("!H", len(message)) + message)
        for number, name in enumerate(names):
            length, = struct.unpack("!H", exactly(s, 2))
            said.append(read(exactly(s, length), number))
        return " | ".join(said)
"#;

/// A database that is known by its name alone.
const DATABASE: &str = "
[[service]]
name = \"orders\"
hosts = [\"orders.example.com\"]
ports = [{ number = 5432, protocol = \"TCP\" }]
";

/// A scene with these sections, and a governed client in it that can ask.
fn asking(sections: &str) -> Result<(Scene, Python)> {
    let scene = Scene::new(sections)?;
    let mut client = scene.python()?;
    client.run(ASK)?;
    Ok((scene, client))
}

#[test]
fn a_name_of_a_service_is_answered_and_no_other() -> Result<()> {
    let (scene, mut client) = asking("")?;
    assert_eq!(
        client.ask("ask('api.example.com')")?,
        "NOERROR 203.0.113.10"
    );
    assert_eq!(
        client.ask("ask('img.cdn.example.com')")?,
        "NOERROR 203.0.113.11"
    );
    assert_eq!(client.ask("ask('evil.example.net')")?, "NXDOMAIN");
    let denied = "dns evil.example.net 203.0.113.53:53 deny host_not_in_registry";
    assert_eq!(scene.line()?.pick(QUERY), denied);
    assert_eq!(
        client.ask("socket.gethostbyname('api.example.com')")?,
        "203.0.113.10"
    );
    assert_eq!(
        client.ask("socket.gethostbyname('evil.example.net')")?,
        "gaierror"
    );
    Ok(())
}

#[test]
fn who_is_not_governed_asks_whom_it_likes() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.bed.outside().session()?;
    client.run(ASK)?;
    assert_eq!(
        client.ask("ask('evil.example.net')")?,
        "NOERROR 203.0.113.66"
    );
    Ok(())
}

#[test]
fn a_server_that_is_not_approved_is_refused_and_named() -> Result<()> {
    let (scene, mut client) = asking("")?;
    assert_eq!(
        client.ask("ask('api.example.com', '203.0.113.54')")?,
        "REFUSED"
    );
    let denied = "dns api.example.com 203.0.113.54:53 deny resolver_not_approved";
    assert_eq!(scene.line()?.pick(QUERY), denied);
    assert_eq!(
        client.ask("ask_over_tcp('api.example.com', server='203.0.113.54')")?,
        "REFUSED"
    );
    assert_eq!(scene.line()?.pick(QUERY), denied);
    Ok(())
}

#[test]
fn a_stub_of_the_process_itself_is_answered_by_the_gateways_server() -> Result<()> {
    let (_scene, mut client) = asking("")?;
    assert_eq!(
        client.ask("ask('api.example.com', '127.0.0.53')")?,
        "NOERROR 203.0.113.10"
    );
    Ok(())
}

#[test]
fn an_answer_that_is_not_public_is_taken_out() -> Result<()> {
    let (scene, mut client) = asking("")?;
    for name in ["rebind", "private", "loopback"] {
        let name = format!("{name}.cdn.example.com");
        assert_eq!(client.ask(&format!("ask('{name}')"))?, "NOERROR");
        let denied = format!("dns {name} 203.0.113.53:53 deny resolved_address_refused");
        assert_eq!(scene.line()?.pick(QUERY), denied);
    }
    Ok(())
}

#[test]
fn any_kind_of_socket_sees_the_server_that_it_asked() -> Result<()> {
    let (scene, mut client) = asking("")?;
    let said = client.ask("ask('api.example.com', connected=False)")?;
    assert_eq!(said, "NOERROR 203.0.113.10 from 203.0.113.53:53");
    let said =
        client.ask("ask_over_tcp('api.example.com', 'evil.example.net', 'img.cdn.example.com')")?;
    assert_eq!(
        said,
        "NOERROR 203.0.113.10 | NXDOMAIN | NOERROR 203.0.113.11"
    );
    let denied = "dns evil.example.net 203.0.113.53:53 deny host_not_in_registry";
    assert_eq!(scene.line()?.pick(QUERY), denied);
    let connection = "dns  203.0.113.53:53 allow ";
    assert_eq!(scene.line()?.pick(QUERY), connection);
    Ok(())
}

#[test]
fn many_questions_at_once_from_one_socket_are_all_answered() -> Result<()> {
    let (_scene, mut client) = asking("")?;
    client.run(
        "
def parallel(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        for number in range(count):
            s.sendto(question(f'n{number}.cdn.example.com', 1 + 27 * (number % 2), number), ('203.0.113.53', 53))
        answers = {struct.unpack('!H', (m := s.recv(4096))[:2])[0]: m for _ in range(count)}
        return sorted({read(m, n) for n, m in answers.items()}), len(answers)
",
    )?;
    // The server has none of its addresses in IPv6.
    let said = client.ask("parallel(40)")?;
    assert_eq!(said, r#"[["NOERROR 203.0.113.11","NXDOMAIN"],40]"#);
    Ok(())
}

#[test]
fn servers_may_be_asked_in_parallel_as_musl_does() -> Result<()> {
    let (_scene, mut client) = asking("")?;
    client.run(
        "
def parallel(name, *servers):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.bind(('', 0))
        for server in servers:
            for number, kind in enumerate([1, 28]):
                s.sendto(question(name, kind, number), (server, 53))
        answers = [s.recvfrom(4096) for _ in range(2 * len(servers))]
        known = all(peer[0] in servers and peer[1] == 53 for _, peer in answers)
        return known, sorted(read(m, m[1]) for m, _ in answers)
",
    )?;
    let said = client.ask("parallel('api.example.com', '203.0.113.53', '127.0.0.53')")?;
    let answers = r#"["NOERROR","NOERROR","NOERROR 203.0.113.10","NOERROR 203.0.113.10"]"#;
    assert_eq!(said, format!("[true,{answers}]"));
    Ok(())
}

#[test]
fn the_first_question_of_a_namespace_is_answered() -> Result<()> {
    let scene = Scene::new("")?;
    let pod = scene.bed.pod(1)?;
    let mut client = pod.client().session()?;
    client.run(ASK)?;
    assert_eq!(
        client.ask("ask('api.example.com')")?,
        "NOERROR 203.0.113.10"
    );
    Ok(())
}

#[test]
fn a_server_that_speaks_first_is_admitted_by_the_name_that_was_asked_for() -> Result<()> {
    let scene = Scene::with(DATABASE)?;
    let mut client = scene.python()?;
    client.run(ASK)?;
    let greeting = |address| format!("exactly(connect('{address}', 5432), 20)");
    let database = greeting(hosts::TCP);
    assert_eq!(client.ask(&database)?, "ConnectionResetError");
    assert_eq!(scene.line()?.pick("verdict reason"), "deny no_name");
    assert_eq!(
        client.ask("ask('orders.example.com')")?,
        "NOERROR 198.51.100.20"
    );
    assert_eq!(client.ask(&database)?, "ready 198.51.100.20\n");
    let admitted = "orders allow orders.example.com";
    assert_eq!(scene.line()?.pick("service verdict dns_name"), admitted);
    assert_eq!(
        client.ask(&greeting(hosts::TCP_OTHER))?,
        "ConnectionResetError"
    );
    Ok(())
}

#[test]
fn what_one_caller_asked_for_admits_no_other() -> Result<()> {
    let scene = Scene::with(DATABASE)?;
    let mut one = scene.python()?;
    let mut other = scene.bed.governed_in("other")?.session()?;
    let greeting = "exactly(connect('198.51.100.20', 5432), 20)";
    one.run("connect('orders.example.com', 5432).close()")?;
    assert_eq!(one.ask(greeting)?, "ready 198.51.100.20\n");
    assert_eq!(other.ask(greeting)?, "ConnectionResetError");
    Ok(())
}

#[test]
fn nobody_asks_from_anothers_port() -> Result<()> {
    let (_scene, mut client) = asking("")?;
    client.run(
        "
def ask_from(address, server='203.0.113.53'):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT)
        s.bind(('127.0.0.2', 0))
        info = struct.pack('=i4s4s', 0, socket.inet_aton(address), bytes(4))
        s.sendmsg([question('api.example.com', 1, 7)], [(socket.IPPROTO_IP, 8, info)], 0, (server, 53))
        return read(s.recv(4096), 7)
",
    )?;
    assert_eq!(client.ask("ask_from('127.0.0.2')")?, "NOERROR 203.0.113.10");
    // Of the socket that has this port at 127.0.0.1 the gateway would take it to be.
    assert_eq!(client.ask("ask_from('127.0.0.1')")?, "PermissionError");
    Ok(())
}

#[test]
fn without_a_forwarder_servers_are_asked_as_before() -> Result<()> {
    let (_scene, mut client) = asking("[dns]\nforwarder = \"off\"")?;
    assert_eq!(
        client.ask("ask('evil.example.net')")?,
        "NOERROR 203.0.113.66"
    );
    Ok(())
}

#[test]
fn in_audit_mode_every_name_is_answered_and_the_log_says_which_would_not_be() -> Result<()> {
    let (scene, mut client) = asking("[gateway]\nmode = \"audit\"")?;
    assert_eq!(
        client.ask("ask('evil.example.net')")?,
        "NOERROR 203.0.113.66"
    );
    let tolerated = "dns evil.example.net 203.0.113.53:53 audit host_not_in_registry";
    assert_eq!(scene.line()?.pick(QUERY), tolerated);
    Ok(())
}

/// What a server of the process itself sends to a client that comes from the port of DNS servers.
const SERVE_FROM_53: &str = r"
def answered_at_53():
    address = '127.0.0.1'
    with socket.create_server((address, 0)) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.settimeout(5)
        client.bind((address, 53))
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b'answer')
            return client.recv(6).decode()
";

#[test]
fn an_answer_to_the_port_of_dns_is_no_question() -> Result<()> {
    let (_scene, mut client) = asking("")?;
    client.run(SERVE_FROM_53)?;
    assert_eq!(client.ask("answered_at_53()")?, "answer");
    Ok(())
}
