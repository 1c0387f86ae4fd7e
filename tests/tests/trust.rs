//! How far the name that a client sends is believed: `trust`, over real servers.

use anyhow::Result;
use egress_tests::{Python, Scene};

const EVIL: &str = "203.0.113.66";
const CDN: &str = "203.0.113.11";
const KEYS: &str = "verdict reason service upstream.addr";

/// The names of the content network as a service of its own.
fn content(trust: &str, resolution: &str, sections: &str) -> String {
    format!(
        "{sections}
[[service]]
name = \"content\"
hosts = [\"*.cdn.example.com\"]
ports = [{{ number = 443, protocol = \"TLS\" }}]
resolution = \"{resolution}\"
trust = \"{trust}\"
"
    )
}

fn verified(resolution: &str, sections: &str) -> Result<Scene> {
    Scene::with(&content("verify", resolution, sections))
}

/// What becomes of a `ClientHello` for `name`, sent to `address`: the beginning of the answer, which is
/// an alert if it is refused.
fn hello(client: &mut Python, name: &str, address: &str) -> Result<String> {
    client.run(&format!(
        "c = connect('{address}', 443); c.sendall(hello('{name}'))"
    ))?;
    let said = client.ask("alert(exactly(c, 7))")?;
    client.run("c.close()")?;
    Ok(said)
}

#[test]
fn a_false_name_reaches_only_the_service_that_it_names() -> Result<()> {
    for resolution in ["NONE", "DYNAMIC_DNS"] {
        let scene = Scene::with(&content("redial", resolution, ""))?;
        let mut client = scene.python()?;
        let said = client.ask(&format!("get('img.cdn.example.com', '{EVIL}')"))?;
        assert_eq!(said, "served by cdn at 203.0.113.11 over HTTP/1.0");
        assert_eq!(scene.line()?.pick(KEYS), "allow  content 203.0.113.11:443");
    }
    Ok(())
}

#[test]
fn under_verify_a_false_name_reaches_nothing() -> Result<()> {
    for resolution in ["NONE", "DYNAMIC_DNS"] {
        let scene = verified(resolution, "")?;
        let mut client = scene.python()?;
        let said = client.ask(&format!("get('img.cdn.example.com', '{CDN}')"))?;
        assert_eq!(said, "served by cdn at 203.0.113.11 over HTTP/1.0");
        assert_eq!(scene.line()?.pick(KEYS), "allow  content 203.0.113.11:443");

        assert_eq!(hello(&mut client, "img.cdn.example.com", EVIL)?, "alert 49");
        assert_eq!(scene.line()?.pick(KEYS), "deny sni_ip_mismatch content ");
        let labels = [("verdict", "deny"), ("reason", "sni_ip_mismatch")];
        assert_eq!(scene.metrics()?.sum("egress_decisions_total", &labels), 1);
    }
    Ok(())
}

#[test]
fn in_audit_a_false_name_goes_where_the_client_wanted_and_is_told_of() -> Result<()> {
    let scene = verified("DYNAMIC_DNS", "[gateway]\nmode = \"audit\"")?;
    let mut client = scene.python()?;
    let said = client.ask(&format!("get('evil.example.net', '{EVIL}')"))?;
    assert_eq!(said, "served by evil at 203.0.113.66 over HTTP/1.0");
    scene.line()?;
    hello(&mut client, "img.cdn.example.com", EVIL)?;
    assert_eq!(
        scene.line()?.pick("verdict reason upstream.addr"),
        "audit sni_ip_mismatch 203.0.113.66:443"
    );
    Ok(())
}

#[test]
fn under_verify_a_rebinding_answer_is_refused_for_what_it_is() -> Result<()> {
    let scene = verified("NONE", "")?;
    let mut client = scene.python()?;
    assert_eq!(
        hello(&mut client, "private.cdn.example.com", "10.20.0.7")?,
        "alert 49"
    );
    assert_eq!(
        scene.line()?.pick(KEYS),
        "deny resolved_address_refused content "
    );
    Ok(())
}

#[test]
fn under_redial_a_rebinding_answer_is_refused_too() -> Result<()> {
    for resolution in ["NONE", "DYNAMIC_DNS"] {
        let scene = Scene::with(&content("redial", resolution, ""))?;
        let mut client = scene.python()?;
        for name in ["private", "loopback", "rebind"] {
            let name = format!("{name}.cdn.example.com");
            assert_eq!(hello(&mut client, &name, CDN)?, "alert 49");
            let line = scene.line()?;
            assert_eq!(line.pick(KEYS), "deny resolved_address_refused content ");
        }
    }
    Ok(())
}

#[test]
fn a_name_that_turns_private_is_refused_from_then_on() -> Result<()> {
    let scene = Scene::with(&content("redial", "NONE", ""))?;
    let mut server = scene.bed.inet_session()?;
    server.run(TURNING)?;
    let mut client = scene.python()?;
    for (answer, expected) in [
        (CDN, "allow  content 203.0.113.11:443"),
        ("10.20.0.7", "deny resolved_address_refused content "),
        ("169.254.169.254", "deny resolved_address_refused content "),
        (CDN, "allow  content 203.0.113.11:443"),
    ] {
        server.run(&format!("addresses[:] = ['{answer}']"))?;
        hello(&mut client, "other.cdn.example.com", CDN)?;
        assert_eq!(scene.line()?.pick(KEYS), expected, "{answer}");
    }
    Ok(())
}

#[test]
fn inside_the_mesh_a_name_may_be_private_but_not_the_machines_own() -> Result<()> {
    let inside = content("redial", "DYNAMIC_DNS", "") + "location = \"MESH_INTERNAL\"\n";
    let scene = Scene::with(&inside)?;
    let mut client = scene.python()?;
    let said = client.ask("get('private.cdn.example.com', '10.20.0.7')")?;
    assert_eq!(said, "served by private at 10.20.0.7 over HTTP/1.0");
    assert_eq!(scene.line()?.pick(KEYS), "allow  content 10.20.0.7:443");
    for name in ["loopback", "rebind"] {
        hello(&mut client, &format!("{name}.cdn.example.com"), CDN)?;
        let line = scene.line()?;
        assert_eq!(line.pick(KEYS), "deny resolved_address_refused content ");
    }
    Ok(())
}

#[test]
fn the_clients_own_address_is_believed_only_inside_the_services_addresses() -> Result<()> {
    let original = content("original", "NONE", "") + "addresses = [\"203.0.113.64/26\"]\n";
    let scene = Scene::with(&original)?;
    let mut client = scene.python()?;
    hello(&mut client, "img.cdn.example.com", EVIL)?;
    assert_eq!(scene.line()?.pick(KEYS), "allow  content 203.0.113.66:443");
    assert_eq!(hello(&mut client, "img.cdn.example.com", CDN)?, "alert 49");
    assert_eq!(scene.line()?.pick(KEYS), "deny address_mismatch content ");
    Ok(())
}

/// A DNS server whose answers are what `addresses` has, and that nobody may keep. It knows no IPv6.
const TURNING: &str = "
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('203.0.113.54', 53))
addresses = []
def turn():
    while True:
        question, peer = u.recvfrom(4096)
        head, asked = question[:2], question[12:question.index(b'\\0', 12) + 5]
        found = addresses if asked[-3] == 1 else []
        records = [b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\0\\0\\x04' + socket.inet_aton(a) for a in found]
        counts = struct.pack('!HHHH', 1, len(records), 0, 0)
        u.sendto(head + b'\\x81\\x80' + counts + asked + b''.join(records), peer)
threading.Thread(target=turn, daemon=True).start()
";

#[test]
fn an_address_that_the_name_had_a_moment_ago_leads_to_the_one_it_has() -> Result<()> {
    for (grace, after) in [
        ("10m", "allow  content 203.0.113.10:443"),
        ("0s", "deny sni_ip_mismatch content "),
    ] {
        let scene = verified("NONE", &format!("[dns]\ngrace = \"{grace}\"\n"))?;
        let mut server = scene.bed.inet_session()?;
        server.run(TURNING)?;
        let mut client = scene.python()?;

        server.run(&format!("addresses[:] = ['{CDN}']"))?;
        hello(&mut client, "other.cdn.example.com", CDN)?;
        assert_eq!(scene.line()?.pick(KEYS), "allow  content 203.0.113.11:443");

        server.run("addresses[:] = ['203.0.113.10']")?;
        hello(&mut client, "other.cdn.example.com", CDN)?;
        assert_eq!(scene.line()?.pick(KEYS), after);
    }
    Ok(())
}
