//! What of an answer is released, and what is learned of it first.

use hickory_proto::rr::rdata::svcb::{
    EchConfigList, IpHint, Mandatory, SVCB, SvcParamKey, SvcParamValue,
};
use hickory_proto::rr::rdata::{A, CNAME, HTTPS};

use super::*;

/// A service binding with an address and a key.
pub(super) fn binding(hint: &str) -> RData {
    let hint: std::net::Ipv4Addr = hint.parse().expect("an address");
    let params = vec![
        (SvcParamKey::Port, SvcParamValue::Port(8443)),
        (
            SvcParamKey::Ipv4Hint,
            SvcParamValue::Ipv4Hint(IpHint(vec![A(hint)])),
        ),
        (
            SvcParamKey::EchConfigList,
            SvcParamValue::EchConfigList(EchConfigList(vec![1, 2, 3])),
        ),
    ];
    RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), params)))
}

async fn scene(records: Vec<RData>) -> (Scene, Server) {
    let server = Server::giving(records).await;
    (Scene::new(settings(&[server.addr])), server)
}

#[tokio::test]
async fn an_answer_is_passed_on_and_remembered_for_its_caller() {
    let (scene, server) = scene(vec![a("203.0.113.1"), a("203.0.113.2")]).await;
    let asked = query("Db.Example.com.", RecordType::A);
    let reply = scene.ask(&asked).await.expect("a reply");
    assert_eq!(reply.metadata.id, asked.metadata.id);
    assert!(reply.queries[0].name.eq_case(&asked.queries[0].name));
    assert_eq!(addresses(&reply), ["203.0.113.1", "203.0.113.2"]);
    assert_eq!(scene.learned("203.0.113.2"), ["db.example.com"]);
    assert_ne!(server.asked()[0].metadata.id, asked.metadata.id);
    scene.has("egress_dns_queries_total{verdict=\"allow\",reason=\"none\"} 1");
    assert!(scene.lines().await.is_empty());
}

#[tokio::test]
async fn the_name_asked_for_has_the_addresses_of_its_alias() {
    let target = Name::from_ascii("elsewhere.example.net.").expect("a name");
    let server = Server::new(move |query| {
        let mut message = answer(query, &[RData::CNAME(CNAME(target.clone()))]);
        let record = Record::from_rdata(target.clone(), 60, a("203.0.113.9"));
        message.add_answer(record);
        vec![encode(&message)]
    })
    .await;
    let scene = Scene::new(settings(&[server.addr]));
    scene.ask(&query("db.example.com.", RecordType::A)).await;
    assert_eq!(scene.learned("203.0.113.9"), ["db.example.com"]);
}

#[tokio::test]
async fn addresses_that_are_not_public_are_taken_out() {
    let (scene, _server) =
        scene(vec![a("10.0.0.1"), a("203.0.113.1"), a("::ffff:127.0.0.1")]).await;
    let reply = scene.ask(&query("db.example.com.", RecordType::A)).await;
    assert_eq!(addresses(&reply.expect("a reply")), ["203.0.113.1"]);
    assert!(scene.learned("10.0.0.1").is_empty());
    assert!(scene.learned("127.0.0.1").is_empty());
}

#[tokio::test]
async fn with_no_address_left_there_is_none_and_the_log_says_why() {
    let (scene, _server) = scene(vec![a("169.254.169.254")]).await;
    let asked = with_edns(query("db.example.com.", RecordType::A), 1232);
    let reply = scene.ask(&asked).await.expect("a reply");
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert!(reply.answers.is_empty());
    assert_eq!(reply.authorities.len(), 1);
    assert!(scene.learned("169.254.169.254").is_empty());
    let lines = scene.lines().await;
    assert_eq!(lines[0]["reason"], "resolved_address_refused");
    assert_eq!(lines[0]["requested_server_name"], "db.example.com");
}

#[tokio::test]
async fn an_address_that_the_service_lists_stays() {
    let (scene, _server) = scene(vec![a("10.0.0.1"), a("192.168.0.1")]).await;
    let reply = scene
        .ask(&query("listed.example.com.", RecordType::A))
        .await;
    assert_eq!(addresses(&reply.expect("a reply")), ["10.0.0.1"]);
    assert_eq!(scene.learned("10.0.0.1"), ["listed.example.com"]);
}

#[tokio::test]
async fn names_inside_the_mesh_have_the_addresses_they_have() {
    let (scene, _server) = scene(vec![a("10.0.0.1")]).await;
    let reply = scene
        .ask(&query("api.ns.svc.cluster.local.", RecordType::A))
        .await;
    assert_eq!(addresses(&reply.expect("a reply")), ["10.0.0.1"]);
}

#[tokio::test]
async fn hints_are_addresses_and_keys_to_hide_with_are_taken_out() {
    let params = |reply: Option<Message>| match &reply.expect("a reply").answers[0].data {
        RData::HTTPS(https) => https.svc_params.iter().map(|(k, _)| *k).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let asked = query("db.example.com.", RecordType::HTTPS);
    let (public, _server) = scene(vec![binding("203.0.113.1")]).await;
    let kept = params(public.ask(&asked).await);
    assert_eq!(kept, [SvcParamKey::Port, SvcParamKey::Ipv4Hint]);
    assert_eq!(public.learned("203.0.113.1"), ["db.example.com"]);
    let (mixed, _server) = scene(vec![binding("10.0.0.1"), a("203.0.113.1")]).await;
    assert_eq!(params(mixed.ask(&asked).await), [SvcParamKey::Port]);
    assert!(mixed.learned("10.0.0.1").is_empty());
}

#[tokio::test]
async fn a_binding_that_cannot_do_without_its_keys_goes_whole() {
    let RData::HTTPS(HTTPS(mut svcb)) = binding("203.0.113.1") else {
        panic!("no binding");
    };
    let mandatory = Mandatory(vec![SvcParamKey::EchConfigList]);
    let mandatory = (SvcParamKey::Mandatory, SvcParamValue::Mandatory(mandatory));
    svcb.svc_params.insert(0, mandatory);
    let (scene, _server) = scene(vec![RData::HTTPS(HTTPS(svcb))]).await;
    let reply = scene
        .ask(&query("db.example.com.", RecordType::HTTPS))
        .await;
    assert!(reply.expect("a reply").answers.is_empty());
}

#[tokio::test]
async fn in_audit_mode_nothing_is_taken_out_and_the_log_says_what_would_be() {
    let server = Server::giving(vec![a("10.0.0.1")]).await;
    let scene = Scene::new(ForwardSettings {
        mode: Mode::Audit,
        ..settings(&[server.addr])
    });
    let reply = scene.ask(&query("db.example.com.", RecordType::A)).await;
    assert_eq!(addresses(&reply.expect("a reply")), ["10.0.0.1"]);
    let lines = scene.lines().await;
    assert_eq!(lines[0]["verdict"], "audit");
    assert_eq!(lines[0]["reason"], "resolved_address_refused");
}

#[tokio::test]
async fn an_answer_that_the_client_cannot_take_is_cut_off() {
    let many: Vec<_> = (1..=60).map(|n| a(&format!("203.0.113.{n}"))).collect();
    let (scene, _server) = scene(many).await;
    let short = scene.ask(&query("db.example.com.", RecordType::A)).await;
    let short = short.expect("a reply");
    assert!(short.metadata.truncation && short.answers.is_empty());
    let asked = with_edns(query("db.example.com.", RecordType::A), 1232);
    let whole = scene.ask(&asked).await.expect("a reply");
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn an_answer_cannot_say_that_it_holds_for_ever() {
    let scene = Scene::new(settings(&[]));
    let asked = query("db.example.com.", RecordType::A);
    let mut message = answer(&asked, &[a("203.0.113.1")]);
    message.answers[0].ttl = u32::MAX;
    scene.release(STUB, &asked, encode(&message));
    assert_eq!(scene.learned("203.0.113.1"), ["db.example.com"]);
    tokio::time::advance(Duration::from_mins(70)).await;
    assert!(scene.learned("203.0.113.1").is_empty());
}

#[tokio::test]
async fn what_was_changed_is_not_said_to_be_authentic_and_no_section_is_left_out() {
    let scene = Scene::new(settings(&[]));
    let asked = query("db.example.com.", RecordType::A);
    for extra in ["203.0.113.2", "10.0.0.1"] {
        let mut message = answer(&asked, &[a("203.0.113.1")]);
        message.metadata.authentic_data = true;
        let beside = answer(&asked, &[a(extra)]).answers;
        message.add_additionals(beside.iter().cloned());
        message.add_authorities(beside);
        let reply = scene.release(STUB, &asked, encode(&message));
        let reply = Message::from_vec(&reply.expect("a reply")).expect("a message");
        let is_public = extra == "203.0.113.2";
        assert_eq!(reply.metadata.authentic_data, is_public);
        assert_eq!(reply.additionals.is_empty(), !is_public);
        assert_eq!(reply.authorities.is_empty(), !is_public);
    }
}
