//! Connections that begin with a PROXY header.

use anyhow::Result;

use super::{caller, scene};

/// Headers, and what is said behind them.
const HEADERS: &str = r"
def v1(source, target, port):
    return f'PROXY TCP4 {source} {target} 40000 {port}\r\n'.encode()
def v2(source, target, port, command=0x21, family=0x11, more=b'\x04\x00\x01\x00'):
    body = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack('!HH', 40000, port) + more
    return b'\r\n\r\n\0\r\nQUIT\n' + struct.pack('!BBH', command, family, len(body)) + body
def forwarded(header, source='192.0.2.1', message=b'echo\nas ever'):
    with come(15081, source) as s:
        s.sendall(header + message)
        return finish(s)
def refused(header, source='192.0.2.1'):
    with come(15081, source) as s:
        s.sendall(header)
        return everything(s)
";

const KEYS: &str = "listener verdict reason service dst.addr";

#[test]
fn a_header_says_where_a_connection_wanted_to_go() -> Result<()> {
    let scene = scene("")?;
    let mut caller = caller(&scene)?;
    caller.run(HEADERS)?;
    for version in ["v1", "v2"] {
        let ask = format!("forwarded({version}('10.77.0.5', '198.51.100.20', 5432))");
        assert_eq!(caller.ask(&ask)?, "ready 198.51.100.20\nas ever");
        assert_eq!(
            scene.line()?.pick(KEYS),
            "forwarders allow  orders-db 198.51.100.20:5432"
        );
        let ask = format!(
            "alert(forwarded({version}('10.77.0.5', '203.0.113.10', 443), message=hello('evil.example.net')))"
        );
        assert_eq!(caller.ask(&ask)?, "alert 112");
        assert_eq!(
            scene.line()?.pick(KEYS),
            "forwarders deny host_not_in_registry  203.0.113.10:443"
        );
    }
    caller.run(
        "
made = ssl.create_default_context(cafile=CA)
s = come(15081)
s.sendall(v2('10.77.0.5', '203.0.113.10', 443))
tls = made.wrap_socket(s, server_hostname='api.example.com')
tls.sendall(request('api.example.com'))
",
    )?;
    let said = caller.ask("everything(tls)")?;
    assert!(said.contains("served by api"), "{said}");
    Ok(())
}

#[test]
fn only_who_is_trusted_says_who_the_caller_is() -> Result<()> {
    let scene = scene("")?;
    let mut caller = caller(&scene)?;
    caller.run(HEADERS)?;
    let batch = "v2('10.77.0.5', '198.51.100.21', 6432)";
    for (ask, said, line) in [
        // A pod of another namespace says that it is one of `batch`.
        (
            format!("refused({batch})"),
            "ConnectionResetError",
            "deny caller_not_allowed",
        ),
        (
            format!("forwarded({batch}, '203.0.113.54')"),
            "ready 198.51.100.21\nas ever",
            "allow ",
        ),
        (
            "refused(v2('10.99.0.1', '198.51.100.21', 6432), '203.0.113.54')".into(),
            "ConnectionResetError",
            "deny unknown_peer",
        ),
        (
            format!("refused({batch}, '203.0.113.200')"),
            "ConnectionResetError",
            "deny unknown_peer",
        ),
    ] {
        assert_eq!(caller.ask(&ask)?, said, "{ask}");
        assert_eq!(scene.line()?.pick("verdict reason"), line, "{ask}");
    }
    Ok(())
}

#[test]
fn what_is_no_header_of_a_connection_leads_nowhere() -> Result<()> {
    let scene = scene("")?;
    let mut caller = caller(&scene)?;
    caller.run(HEADERS)?;
    for header in [
        "b'PROXY UNKNOWN\\r\\n'",
        "b'GET / HTTP/1.1\\r\\n\\r\\n'",
        "hello('api.example.com')",
        "v2('10.77.0.5', '198.51.100.20', 5432, command=0x20)",
        "v2('10.77.0.5', '198.51.100.20', 5432, family=0x31)",
    ] {
        let said = caller.ask(&format!("refused({header})"))?;
        assert_eq!(said, "ConnectionResetError", "{header}");
        assert_eq!(
            scene.line()?.pick("verdict reason"),
            "deny proxy_header",
            "{header}"
        );
    }
    Ok(())
}

#[test]
fn a_header_leads_nobody_into_the_gateways_own_network() -> Result<()> {
    let scene = scene("[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"")?;
    let mut caller = caller(&scene)?;
    caller.run(HEADERS)?;
    for (target, port, reason) in [
        ("127.0.0.1", 15020, "address_not_public"),
        ("192.0.2.2", 15081, "own_listener"),
    ] {
        let said = caller.ask(&format!("refused(v2('10.77.0.5', '{target}', {port}))"))?;
        assert_eq!(said, "ConnectionResetError");
        assert_eq!(
            scene.line()?.pick("verdict reason"),
            format!("deny {reason}")
        );
    }
    Ok(())
}
