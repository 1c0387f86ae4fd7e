//! Tunnels that are asked for by `CONNECT`, from addresses that are known.

use anyhow::Result;
use egress_tests::{Packet, Scene};

use super::{caller, scene};

const WHO: &str =
    "listener src.pid src.cgroup verdict reason service requested_server_name protocol";

/// curl on another node, by way of the listener.
fn curl(scene: &Scene, args: &[&str]) -> Result<(Option<i32>, String)> {
    let mut curl = scene.bed.on_inet("curl");
    curl.args(["--disable", "--silent", "--show-error", "--max-time", "20"]);
    curl.args(["--interface", "192.0.2.1"]);
    curl.args(["--proxy", "http://192.0.2.2:15080", "--noproxy", ""]);
    let ca = scene.bed.certificates().join("ca.pem");
    let output = curl.arg("--cacert").arg(ca).args(args).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

#[test]
fn a_client_of_another_node_gets_where_the_registry_lets_it() -> Result<()> {
    let scene = scene("")?;
    let (status, said) = curl(&scene, &["https://api.example.com/"])?;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("served by api"), "{said}");
    let line = scene.line()?;
    assert_eq!(line.pick(WHO), "pods   allow  api api.example.com tls");
    assert!(line.get("src.addr").starts_with("192.0.2.1:"), "{line:?}");
    let (_, said) = curl(&scene, &["--proxytunnel", "http://packages.example.org/"])?;
    assert!(said.contains("served by packages"), "{said}");
    let line = scene.line()?;
    assert_eq!(
        line.pick(WHO),
        "pods   allow  packages packages.example.org http"
    );
    let addresses = line.pick("dst.addr upstream.addr");
    assert_eq!(addresses, "203.0.113.12:80 203.0.113.12:80");
    Ok(())
}

#[test]
fn who_is_refused_hears_why_in_http() -> Result<()> {
    let scene = scene("")?;
    let (status, said) = curl(&scene, &["https://evil.example.net/"])?;
    assert_eq!(status, Some(56), "{said}");
    assert!(said.contains("403"), "{said}");
    assert_eq!(
        scene.line()?.pick(WHO),
        "pods   deny host_not_in_registry  evil.example.net tcp"
    );
    let mut caller = caller(&scene)?;
    for (target, expected) in [
        (
            "evil.example.net:443",
            "403 Forbidden egress: host_not_in_registry: ",
        ),
        ("api.example.com:9", "403 Forbidden egress: port_mismatch: "),
        (
            "198.51.100.21:6432",
            "403 Forbidden egress: caller_not_allowed: ",
        ),
        (
            "198.51.100.21:9999",
            "403 Forbidden egress: port_not_in_registry: ",
        ),
        (
            "missing.cdn.example.com:443",
            "502 Bad Gateway egress: resolve_nxdomain: ",
        ),
        (
            "api.example.com",
            "400 Bad Request egress: host_malformed: ",
        ),
    ] {
        let said = caller.ask(&format!("asked('{target}')"))?;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {expected}")),
            "{target}: {said}"
        );
        scene.line()?;
    }
    let said = caller.ask("asked('api.example.com:443', '203.0.113.200')")?;
    assert!(
        said.starts_with("HTTP/1.1 403 Forbidden egress: unknown_peer: "),
        "{said}"
    );
    assert_eq!(
        scene.line()?.pick("listener verdict reason"),
        "pods deny unknown_peer"
    );
    caller.run("s = come(15080); s.sendall(request('api.example.com'))")?;
    let said = caller.ask("everything(s)")?;
    assert!(said.starts_with("HTTP/1.1 501 Not Implemented"), "{said}");
    assert!(said.contains("egress: not_connect: "), "{said}");
    Ok(())
}

#[test]
fn a_name_that_may_not_be_reached_is_not_looked_up() -> Result<()> {
    let scene = scene("")?;
    let sniffer = scene.bed.sniffer()?;
    let mut caller = caller(&scene)?;
    let looked_up = |token: &str| {
        let packets = sniffer.packets()?;
        let asks = |packet: &Packet| packet.port == 53 && packet.token.contains(token);
        Ok::<_, anyhow::Error>(packets.iter().any(asks))
    };
    let said = caller.ask("asked('t0k-yes-k0t.cdn.example.com:443')")?;
    assert_eq!(said, "HTTP/1.1 200 Connection established");
    assert!(looked_up("t0k-yes-k0t")?);
    let said = caller.ask("asked('t0k-no-k0t.evil.example.net:443')")?;
    assert!(said.contains("egress: host_not_in_registry: "), "{said}");
    assert!(!looked_up("t0k-no-k0t")?);
    Ok(())
}

#[test]
fn what_is_said_inside_is_for_the_tunnels_name() -> Result<()> {
    let scene = scene("")?;
    let mut caller = caller(&scene)?;
    for (target, name, expected, reason) in [
        (
            "api.example.com:443",
            "evil.example.net",
            "alert 50",
            "host_sni_mismatch",
        ),
        (
            "api.example.com:443",
            "a.cdn.example.com",
            "alert 50",
            "host_sni_mismatch",
        ),
        (
            "203.0.113.10:443",
            "evil.example.net",
            "alert 112",
            "host_not_in_registry",
        ),
    ] {
        let inside = format!("alert(everything(inside('{target}', hello('{name}'))))");
        assert_eq!(caller.ask(&inside)?, expected, "{target} {name}");
        assert_eq!(
            scene.line()?.pick("verdict reason"),
            format!("deny {reason}")
        );
    }
    let inside = "everything(inside('packages.example.org:80', request('evil.example.net')))";
    let said = caller.ask(inside)?;
    assert!(said.contains("egress: host_sni_mismatch: "), "{said}");
    assert_eq!(
        scene.line()?.pick("verdict reason"),
        "deny host_sni_mismatch"
    );
    Ok(())
}

#[test]
fn an_address_leads_where_the_client_would_have_gone_itself() -> Result<()> {
    let scene = scene("")?;
    let mut caller = caller(&scene)?;
    // What the client sends with its request is the tunnel's.
    caller.run("s, head = tunnel('198.51.100.20:5432', early=b'echo\\nas ever')")?;
    assert_eq!(
        caller.ask("head")?,
        "HTTP/1.1 200 Connection established\r\n\r\n"
    );
    assert_eq!(caller.ask("finish(s)")?, "ready 198.51.100.20\nas ever");
    assert_eq!(
        scene
            .line()?
            .pick("verdict service dst.addr bytes_received bytes_sent"),
        "allow orders-db 198.51.100.20:5432 12 27"
    );
    caller.run("s, head = tunnel('198.51.100.21:5432'); s.sendall(b'echo\\n')")?;
    assert_eq!(caller.ask("finish(s)")?, "ready 198.51.100.21\n");
    assert_eq!(scene.line()?.pick("verdict service"), "allow web");
    caller.run(
        "
made = ssl.create_default_context(cafile=CA)
s, head = tunnel('203.0.113.10:443')
tls = made.wrap_socket(s, server_hostname='api.example.com')
tls.sendall(request('api.example.com'))
",
    )?;
    let said = caller.ask("everything(tls)")?;
    assert!(said.contains("served by api"), "{said}");
    Ok(())
}

#[test]
fn nobody_is_led_into_the_gateways_own_network_whatever_the_mode() -> Result<()> {
    for mode in [
        "outbound_traffic_policy = \"ALLOW_ANY\"",
        "mode = \"audit\"",
    ] {
        let scene = scene(&format!("[gateway]\n{mode}"))?;
        let mut caller = caller(&scene)?;
        for (target, reason) in [
            ("127.0.0.1:15020", "address_not_public"),
            ("[::1]:15020", "address_not_public"),
            ("0.0.0.0:15020", "address_not_public"),
            ("169.254.169.254:8088", "address_not_public"),
            ("10.20.0.7:9443", "address_not_public"),
            ("192.0.2.2:15080", "own_listener"),
            ("192.0.2.2:15020", "own_listener"),
            // Whatever else listens on the node's own address, which is a public one.
            ("192.0.2.2:22", "address_not_public"),
            ("192.0.2.2:10250", "address_not_public"),
        ] {
            let said = caller.ask(&format!("asked('{target}')"))?;
            assert!(
                said.contains(&format!(" egress: {reason}: ")),
                "{mode} {target}: {said}"
            );
        }
        let said = caller.ask("asked('203.0.113.66:443')")?;
        assert_eq!(said, "HTTP/1.1 200 Connection established", "{mode}");
    }
    Ok(())
}

#[test]
fn nobody_is_led_to_what_listens_on_the_node_by_a_wide_network() -> Result<()> {
    let wide = "
[[service]]
name = \"anywhere\"
addresses = [\"0.0.0.0/0\"]
ports = [{ number = 22, protocol = \"TCP\" }]
resolution = \"NONE\"
";
    let scene = scene(wide)?;
    let mut caller = caller(&scene)?;
    for target in [
        "192.0.2.2:22",
        "127.0.0.1:22",
        "169.254.169.254:22",
        "0.0.0.0:22",
    ] {
        let said = caller.ask(&format!("asked('{target}')"))?;
        assert!(
            said.contains(" egress: address_not_public: "),
            "{target}: {said}"
        );
    }
    Ok(())
}

#[test]
fn dns_servers_are_asked_by_way_of_no_listener() -> Result<()> {
    let scene = scene("[gateway]\noutbound_traffic_policy = \"ALLOW_ANY\"")?;
    let mut caller = caller(&scene)?;
    for target in ["203.0.113.66:53", "api.example.com:53"] {
        let said = caller.ask(&format!("asked('{target}')"))?;
        assert!(
            said.contains(" egress: resolver_not_approved: "),
            "{target}: {said}"
        );
    }
    Ok(())
}

#[test]
fn one_without_room_hears_so_in_http() -> Result<()> {
    let scene = scene("[limits]\nconnections_per_cgroup = 1")?;
    let mut caller = caller(&scene)?;
    caller.run("s, head = tunnel('198.51.100.20:5432')")?;
    assert!(caller.ask("head")?.contains(" 200 "));
    let said = caller.ask("asked('198.51.100.20:5432')")?;
    assert!(
        said.starts_with("HTTP/1.1 503 Service Unavailable egress: limit_caller: "),
        "{said}"
    );
    // Room is not for who is not known, and taken from nobody by them.
    let said = caller.ask("asked('198.51.100.20:5432', '203.0.113.200')")?;
    assert!(said.contains(" egress: unknown_peer: "), "{said}");
    Ok(())
}

#[test]
fn one_that_says_nothing_is_not_waited_for_long() -> Result<()> {
    let scene = scene("[sniff]\ntimeout = \"1s\"")?;
    let mut caller = caller(&scene)?;
    let said = caller.ask("everything(come(15080)).decode()")?;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert_eq!(scene.line()?.pick("reason"), "sniff_timeout");
    caller.ask("everything(come(15082))")?;
    assert_eq!(
        scene.line()?.pick("listener reason"),
        "certified sniff_timeout"
    );
    // One that has its tunnel, and whose name decides.
    caller.run("s, head = tunnel('api.example.com:443')")?;
    assert!(caller.ask("head")?.contains(" 200 "));
    caller.ask("everything(s)")?;
    assert_eq!(scene.line()?.pick("reason"), "sniff_timeout");
    Ok(())
}

#[test]
fn a_governed_process_is_not_led_to_a_listener() -> Result<()> {
    let scene = scene("")?;
    let ask = "say('192.0.2.2', 15080, b'CONNECT nowhere.example:443 HTTP/1.1\\r\\n\\r\\n')";
    let said = scene.python()?.ask(ask)?;
    assert!(said.contains("egress: port_not_in_registry: "), "{said}");
    assert_eq!(
        scene.line()?.pick("listener reason"),
        " port_not_in_registry"
    );
    // One that may connect there is the node's, of whose address nobody says whose it is.
    let node = "
[[service]]
name = \"listener\"
addresses = [\"192.0.2.2\"]
ports = [{ number = 15080, protocol = \"TCP\" }]
resolution = \"NONE\"
";
    let scene = super::scene(node)?;
    let said = scene.python()?.ask(ask)?;
    assert!(said.contains("egress: unknown_peer: "), "{said}");
    Ok(())
}
