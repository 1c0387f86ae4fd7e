//! Which queries are answered.

use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::*;
use crate::types::Pod;

async fn scene(change: impl FnOnce(&mut ForwardSettings)) -> (Scene, Server) {
    let server = Server::giving(vec![a("203.0.113.1")]).await;
    let mut settings = settings(&[server.addr]);
    change(&mut settings);
    (Scene::new(settings), server)
}

async fn asked_for(scene: &Scene, name: &str, kind: RecordType) -> Option<ResponseCode> {
    code(scene.ask(&query(name, kind)).await.as_ref())
}

#[tokio::test]
async fn a_name_that_no_service_has_does_not_exist() {
    let (scene, server) = scene(|_| {}).await;
    let asked = with_edns(query("Evil.example.net.", RecordType::A), 1232);
    let reply = scene.ask(&asked).await.expect("a reply");
    assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
    assert!(matches!(reply.authorities[0].data, RData::SOA(_)));
    let edns = reply.edns.expect("EDNS");
    let Some(EdnsOption::Unknown(15, error)) = edns.option(EdnsCode::Unknown(15)) else {
        panic!("no extended error in {edns:?}");
    };
    assert_eq!(error, b"\0\x11egress: host_not_in_registry");
    assert!(server.asked().is_empty());
    scene.has("egress_dns_queries_total{verdict=\"deny\",reason=\"host_not_in_registry\"} 1");
    let lines = scene.lines().await;
    assert_eq!(lines.len(), 1);
    for (key, value) in [
        ("protocol", "dns"),
        ("requested_server_name", "evil.example.net"),
        ("dst.addr", STUB),
        ("verdict", "deny"),
        ("reason", "host_not_in_registry"),
        ("close_reason", "denied"),
        ("response_flags", "UAEX"),
    ] {
        assert_eq!(lines[0][key], value, "{key}");
    }
    assert_eq!(lines[0]["policy_generation"], 3);
    assert!(lines[0].get("conn_id").is_none());
}

#[tokio::test]
async fn a_client_without_edns_gets_none() {
    let (scene, _server) = scene(|_| {}).await;
    let reply = scene.ask(&query("evil.example.net.", RecordType::A)).await;
    assert!(reply.expect("a reply").edns.is_none());
}

#[tokio::test]
async fn names_of_services_and_of_the_mesh_are_asked_for_and_no_others() {
    let (scene, _server) = scene(|_| {}).await;
    for name in [
        "db.example.com.",
        "a.b.cdn.example.com.",
        "x.cluster.local.",
        "cluster.local.",
    ] {
        assert_eq!(
            asked_for(&scene, name, RecordType::A).await,
            Some(ResponseCode::NoError),
            "{name}"
        );
    }
    for name in [
        "cdn.example.com.",
        "xcluster.local.",
        "example.com.",
        ".",
        "1.0.113.203.in-addr.arpa.",
    ] {
        assert_eq!(
            asked_for(&scene, name, RecordType::A).await,
            Some(ResponseCode::NXDomain),
            "{name}"
        );
    }
}

#[tokio::test]
async fn all_names_are_asked_for_if_it_is_so_set_but_still_guarded() {
    let (scene, _server) = scene(|s| s.scope = Scope::All).await;
    let reply = scene.ask(&query("evil.example.net.", RecordType::A)).await;
    assert_eq!(addresses(&reply.expect("a reply")), ["203.0.113.1"]);
    let server = Server::giving(vec![a("127.0.0.1")]).await;
    scene.forwarder.set(rules(ForwardSettings {
        scope: Scope::All,
        ..settings(&[server.addr])
    }));
    let reply = scene.ask(&query("evil.example.net.", RecordType::A)).await;
    assert!(reply.expect("a reply").answers.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_approved_is_not_asked() {
    let (scene, server) = scene(|_| {}).await;
    let asked = query("db.example.com.", RecordType::A);
    let reply = scene.ask_of("198.51.100.1:53", &asked).await;
    assert_eq!(code(reply.as_ref()), Some(ResponseCode::Refused));
    assert!(server.asked().is_empty());
    let lines = scene.lines().await;
    assert_eq!(lines[0]["reason"], "resolver_not_approved");
    assert_eq!(lines[0]["dst.addr"], "198.51.100.1:53");
}

#[test]
fn who_is_asked_is_who_was_asked_but_for_the_processes_own_stub() {
    let own = "192.0.2.1:53".parse().expect("an address");
    let other: SocketAddr = "192.0.2.2:53".parse().expect("an address");
    let settings = ForwardSettings {
        resolvers: vec![other],
        ..settings(&[own])
    };
    assert!(settings.approves(own) && settings.approves(other));
    assert_eq!(settings.upstreams(other), [other]);
    let stub = STUB.parse().expect("an address");
    assert!(settings.approves(stub));
    assert_eq!(settings.upstreams(stub), [own]);
}

#[tokio::test]
async fn records_that_only_tunnels_want_are_not_asked_for() {
    let (scene, server) = scene(|_| {}).await;
    for kind in [
        RecordType::NULL,
        RecordType::ANY,
        RecordType::AXFR,
        RecordType::Unknown(65399),
    ] {
        let reply = scene
            .ask(&query("db.example.com.", kind))
            .await
            .expect("a reply");
        assert_eq!(
            reply.metadata.response_code,
            ResponseCode::NoError,
            "{kind}"
        );
        assert!(reply.answers.is_empty());
    }
    assert!(server.asked().is_empty());
    assert!(
        scene
            .lines()
            .await
            .iter()
            .all(|line| line["reason"] == "dns_malformed")
    );
}

#[tokio::test]
async fn a_name_that_is_too_long_is_not_asked_for() {
    let (scene, _server) = scene(|s| s.max_name = 20).await;
    assert_eq!(
        asked_for(&scene, "aaa.cdn.example.com.", RecordType::A).await,
        Some(ResponseCode::NoError)
    );
    let long = "aaaaa.cdn.example.com.";
    assert_eq!(
        asked_for(&scene, long, RecordType::A).await,
        Some(ResponseCode::NXDomain)
    );
    assert_eq!(scene.lines().await[0]["reason"], "dns_name_too_long");
}

#[tokio::test]
async fn a_caller_over_its_rate_is_refused_and_logged_once() {
    let (scene, server) = scene(|s| s.queries_per_second = 1).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.extend(asked_for(&scene, "db.example.com.", RecordType::A).await);
    }
    assert_eq!(codes[..2], [ResponseCode::NoError; 2]);
    assert_eq!(codes[2..], [ResponseCode::Refused; 4]);
    assert_eq!(server.asked().len(), 2);
    scene.has("egress_dns_queries_total{verdict=\"deny\",reason=\"limit_dns\"} 4");
    let lines = scene.lines().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["response_flags"], "UO");
}

#[tokio::test]
async fn malformed_messages_count_against_the_rate() {
    let (scene, _server) = scene(|s| s.queries_per_second = 1).await;
    let mut junk = encode(&query("db.example.com.", RecordType::A));
    junk.truncate(14);
    for answered in [true, true, false] {
        let reply = scene.send(STUB, &junk, Transport::Udp).await;
        assert_eq!(reply.is_some(), answered);
    }
    assert_eq!(
        asked_for(&scene, "db.example.com.", RecordType::A).await,
        Some(ResponseCode::Refused)
    );
}

#[tokio::test]
async fn in_audit_mode_all_is_asked_for_and_the_log_says_what_would_be_denied() {
    let (scene, _server) = scene(|s| {
        s.mode = Mode::Audit;
        s.queries_per_second = 1;
    })
    .await;
    for name in [
        "evil.example.net.",
        "db.example.com.",
        "db.example.com.",
        "db.example.com.",
    ] {
        let reply = scene.ask(&query(name, RecordType::A)).await;
        assert_eq!(
            addresses(&reply.expect("a reply")),
            ["203.0.113.1"],
            "{name}"
        );
    }
    let lines = scene.lines().await;
    let said: Vec<_> = lines
        .iter()
        .map(|l| (l["verdict"].as_str(), l["reason"].as_str()))
        .collect();
    let audit = Some("audit");
    assert_eq!(
        said,
        [
            (audit, Some("host_not_in_registry")),
            (audit, Some("limit_dns"))
        ]
    );
}

/// The answer to a lookup of a name that no service has, and what the log says of it.
async fn in_namespace(policy: Mode, namespace: PodMode) -> (Option<ResponseCode>, Vec<Value>) {
    let (scene, _server) = scene(|s| s.mode = policy).await;
    let pod = Pod {
        mode: Some(namespace),
        ..Pod::default()
    };
    let mut asker = asker(STUB);
    asker.caller.pod = Some(Arc::new(pod));
    let message = encode(&query("evil.example.net.", RecordType::A));
    let reply = scene
        .forwarder
        .answer(&message, &mut asker, Transport::Udp)
        .await
        .map(|reply| Message::from_vec(&reply).expect("a message"));
    (code(reply.as_ref()), scene.lines().await)
}

#[tokio::test]
async fn a_pods_namespace_says_whether_its_lookups_are_denied() {
    for policy in [Mode::Enforce, Mode::Audit] {
        for (namespace, answer, verdict) in [
            (PodMode::Enforce, ResponseCode::NXDomain, Some("deny")),
            (PodMode::Audit, ResponseCode::NoError, Some("audit")),
            (PodMode::Off, ResponseCode::NoError, None),
        ] {
            let (code, lines) = in_namespace(policy, namespace).await;
            assert_eq!(code, Some(answer), "{policy:?} {namespace:?}");
            let said: Vec<_> = lines.iter().map(|line| line["verdict"].as_str()).collect();
            let expected: Vec<_> = verdict.into_iter().map(Some).collect();
            assert_eq!(said, expected, "{policy:?} {namespace:?}");
        }
    }
}

#[tokio::test]
async fn where_all_is_let_through_nothing_is_said() {
    let (scene, _server) = scene(|s| s.outbound = OutboundTrafficPolicy::AllowAny).await;
    let reply = scene.ask(&query("evil.example.net.", RecordType::A)).await;
    assert_eq!(addresses(&reply.expect("a reply")), ["203.0.113.1"]);
    assert!(scene.lines().await.is_empty());
}

#[tokio::test]
async fn what_a_server_that_is_not_approved_says_opens_nothing() {
    let changes: [fn(&mut ForwardSettings); 2] = [
        |s| s.mode = Mode::Audit,
        |s| s.outbound = OutboundTrafficPolicy::AllowAny,
    ];
    for change in changes {
        let mut settings = settings(&[]);
        settings.resolvers = vec!["192.0.2.53:53".parse().expect("an address")];
        change(&mut settings);
        let scene = Scene::new(settings);
        let asked = query("db.example.com.", RecordType::A);
        // The servers that tests play are on loopback, which counts as approved: the asking is left out.
        for (server, known) in [
            ("198.51.100.1:53", vec![]),
            ("192.0.2.53:53", vec!["db.example.com"]),
        ] {
            let bytes = encode(&answer(&asked, &[a("203.0.113.66")]));
            scene.release(server, &asked, bytes);
            assert_eq!(scene.learned("203.0.113.66"), known, "{server}");
            let seen = Arc::clone(scene.forwarder.memory.seen());
            assert_eq!(seen.names(), known.len(), "{server}");
        }
    }
}
