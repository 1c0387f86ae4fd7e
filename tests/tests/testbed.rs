//! The testbed itself, without a gateway: what a client reaches when nothing stands in between, and
//! that nothing stays behind.

use std::fs;
use std::path::Path;

use egress_tests::{Client, Packet, Testbed, hosts};

/// What curl said, errors last.
fn curl(client: &Client, args: &[&str]) -> String {
    client.curl(args).expect("curl is installed").text()
}

#[test]
fn every_server_answers_a_client_that_nothing_governs() {
    let bed = Testbed::new().expect("a testbed");
    let client = bed.outside();
    let served = |args: &[&str], by: &str| {
        let said = curl(&client, args);
        assert!(
            said.contains(&format!("served by {by}")),
            "{args:?}: {said}\n{}",
            bed.server_logs()
        );
    };
    served(
        &["--ipv4", "https://api.example.com/"],
        "api at 203.0.113.10 over HTTP/2.0",
    );
    served(
        &["--ipv6", "https://api.example.com/"],
        "api at 2001:db8:1::10 over HTTP/2.0",
    );
    served(&["https://img.cdn.example.com/"], "cdn");
    served(&["https://cdn.example.com/"], "cdn");
    served(&["http://packages.example.org/"], "packages");
    served(
        &[
            "--http2-prior-knowledge",
            "http://telemetry.example.org:8080/",
        ],
        "telemetry at 203.0.113.13 over HTTP/2.0",
    );
    served(&["https://evil.example.net/"], "evil");
    served(&["http://evil.example.net/"], "evil");
    let missing = curl(&client, &[&format!("https://{}/", hosts::MISSING)]);
    assert!(missing.contains("Could not resolve host"), "{missing}");
}

#[test]
fn the_plain_server_speaks_first_and_does_as_it_is_told() {
    let bed = Testbed::new().expect("a testbed");
    let ask = |order: &str, then: &str| {
        let program = format!(
            "import socket\n\
             s = socket.create_connection(('{}', {}))\n\
             f = s.makefile('rb')\n\
             print(f.readline().decode().strip())\n\
             s.sendall(b'{order}\\n{then}')\n\
             if '{order}' != 'reset': s.shutdown(socket.SHUT_WR)\n\
             print(f.read().decode().strip())\n",
            hosts::TCP,
            hosts::TCP_PORT
        );
        bed.outside()
            .python(&program)
            .expect("Python is installed")
            .text()
    };
    assert_eq!(ask("echo", "hello"), "ready 198.51.100.20\nhello");
    assert_eq!(ask("count", "12345"), "ready 198.51.100.20\n5");
    assert_eq!(ask("end", ""), "ready 198.51.100.20");
    let reset = ask("reset", "");
    assert!(reset.contains("ConnectionResetError"), "{reset}");
}

#[test]
fn a_pod_reaches_the_inet_through_the_node_and_a_witness_sees_it() {
    let bed = Testbed::new().expect("a testbed");
    let pods = [1, 2].map(|number| bed.pod(number).expect("a pod"));
    let sniffer = bed.sniffer().expect("a witness");
    for pod in &pods {
        for version in ["--ipv4", "--ipv6"] {
            let said = curl(&pod.client(), &[version, "https://api.example.com/"]);
            assert!(said.contains("served by api"), "{version}: {said}");
        }
    }
    let packets = sniffer.packets().expect("the witness is alive");
    for address in pods.iter().flat_map(|pod| [pod.v4(), pod.v6()]) {
        let mine = |p: &Packet| p.source == address && p.port == 443 && p.token.is_empty();
        assert!(packets.iter().any(mine), "{address}: {packets:?}");
    }
}

#[test]
fn a_false_certificate_is_noticed() {
    let bed = Testbed::new().expect("a testbed");
    let said = curl(
        &bed.outside(),
        &[
            "--connect-to",
            "::203.0.113.66:443",
            "https://api.example.com/",
        ],
    );
    assert!(
        said.contains("no alternative certificate subject name matches"),
        "{said}"
    );
}

#[test]
fn a_dropped_testbed_leaves_nothing() {
    let bed = Testbed::new().expect("a testbed");
    let pod = bed.pod(1).expect("a pod");
    let traces = [
        bed.dir().to_path_buf(),
        pod.cgroup(),
        Path::new("/run/netns").join(pod.netns()),
        bed.outside().cgroup().to_path_buf(),
        Path::new("/run/netns").join(bed.net().node()),
        Path::new("/run/netns").join(bed.net().inet()),
    ];
    let log = bed.dir().join("sleeper.log");
    let sleeper = bed
        .outside()
        .spawn_python("import signal; signal.pause()", &log)
        .expect("Python");
    let process = Path::new("/proc").join(sleeper.pid().to_string());
    for trace in traces.iter().chain([&process]) {
        assert!(
            fs::exists(trace).expect("it can be looked at"),
            "{}",
            trace.display()
        );
    }
    drop(bed);
    drop(sleeper);
    for trace in traces.iter().chain([&process]) {
        assert!(
            !fs::exists(trace).expect("it can be looked at"),
            "{}",
            trace.display()
        );
    }
}
