//! TLS that the gateway speaks to the upstream, for clients that speak none.

use anyhow::Result;
use egress_tests::{Gateway, Scene, Testbed};

const KEYS: &str = "verdict reason service close_reason upstream.addr";

/// The API's name in the clear on port 80: `more` keys of the service, and of its `tls`.
fn originating(port: u16, more: &str, tls: &str) -> Result<Scene> {
    Scene::on(Testbed::new()?, |bed| {
        let dir = bed.certificates().display();
        let tls = tls.replace("DIR", &dir.to_string());
        let config = format!(
            "
[[service]]
name = \"api\"
hosts = [\"api.example.com\"]
ports = [{{ number = 80, protocol = \"HTTP\", target_port = {port} }}]
resolution = \"STATIC\"
endpoints = [{{ address = \"203.0.113.10\" }}]
{more}
[service.traffic_policy.tls]
ca_certificates = \"{dir}/ca.pem\"
{tls}
"
        );
        Gateway::start(bed, &config)
    })
}

const SIMPLE: &str = "mode = \"SIMPLE\"";
const ASK: &str = "say('203.0.113.10', 80, request('api.example.com'))";

#[test]
fn a_client_in_the_clear_reaches_a_server_that_speaks_tls() -> Result<()> {
    let scene = originating(443, "", SIMPLE)?;
    let said = scene.python()?.ask(ASK)?;
    assert!(
        said.contains("served by api at 203.0.113.10 over HTTP/1.1"),
        "{said}"
    );
    assert_eq!(
        scene.line()?.pick("protocol service upstream.addr"),
        "http api 203.0.113.10:443"
    );
    Ok(())
}

#[test]
fn the_servers_certificate_is_for_one_of_the_names() -> Result<()> {
    for (names, expected) in [
        (
            "\"other.example.com\", \"api.example.com\"",
            "allow  api upstream_closed 203.0.113.10:443",
        ),
        ("\"other.example.com\"", "allow  api tls_refused "),
    ] {
        let scene = originating(443, &format!("subject_alt_names = [{names}]"), SIMPLE)?;
        let said = scene.python()?.ask(ASK)?;
        let refused = expected.contains("tls_refused");
        assert_eq!(said.starts_with("HTTP/1.1 502 "), refused, "{said}");
        assert_eq!(said.contains("egress: tls_refused: "), refused, "{said}");
        assert_eq!(said.contains("served by api"), !refused, "{said}");
        assert_eq!(scene.line()?.pick(KEYS), expected);
    }
    Ok(())
}

#[test]
fn every_request_is_judged_on_its_way_into_tls() -> Result<()> {
    let scene = originating(443, "", SIMPLE)?;
    let mut client = scene.python()?;
    client.run(
        "
import http.client
c = http.client.HTTPConnection('203.0.113.10', timeout=LIMIT)
def ask(host):
    c.request('GET', '/', headers={'Host': host})
    answer = c.getresponse()
    return f'{answer.status} {answer.read().decode()}'
",
    )?;
    for _ in 0..2 {
        let said = client.ask("ask('api.example.com')")?;
        assert!(said.starts_with("200 served by api"), "{said}");
    }
    let said = client.ask("ask('evil.example.net')")?;
    assert!(
        said.starts_with("403 egress: host_not_in_registry: "),
        "{said}"
    );
    assert_eq!(
        scene.line()?.pick("verdict reason service upstream.addr"),
        "deny host_not_in_registry api 203.0.113.10:443"
    );
    Ok(())
}

/// A server that asks for a certificate, and answers with the name in it.
fn asking(dir: &str) -> String {
    format!(
        r"
made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
made.load_cert_chain('{dir}/api.pem', '{dir}/api.key')
made.load_verify_locations('{dir}/ca.pem')
made.verify_mode = ssl.CERT_REQUIRED
l = listen('203.0.113.10', 6443)
def serve():
    while True:
        connection = accept(l)
        try:
            with made.wrap_socket(connection, server_side=True) as tls:
                while not tls.recv(1 << 16).endswith(b'\r\n\r\n'):
                    pass
                names = tls.getpeercert()['subjectAltName']
                body = ' '.join(name for _, name in names).encode()
                head = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n'
                tls.sendall(head % len(body) + body)
                tls.unwrap()
        except OSError:
            connection.close()
threading.Thread(target=serve, daemon=True).start()
"
    )
}

#[test]
fn the_gateway_shows_a_certificate_of_its_own() -> Result<()> {
    let mutual = "mode = \"MUTUAL\"
client_certificate = \"DIR/client.pem\"
private_key = \"DIR/client.key\"";
    for (tls, shown) in [(mutual, true), (SIMPLE, false)] {
        let scene = originating(6443, "", tls)?;
        let mut server = scene.bed.inet_session()?;
        server.run(&asking(&scene.bed.certificates().display().to_string()))?;
        let said = scene.python()?.ask(ASK)?;
        assert_eq!(said.ends_with("gateway.example.com"), shown, "{said}");
    }
    Ok(())
}
