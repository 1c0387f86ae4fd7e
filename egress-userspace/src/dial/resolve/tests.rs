//! The resolver against a DNS server of the test's own, over real UDP and TCP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::*;

const TTL: u32 = 300;

/// What the server does with a question.
#[derive(Clone)]
enum Reply {
    Addresses(Vec<IpAddr>),
    ServFail,
    /// Truncated over UDP, whole over TCP.
    TooLong(Vec<IpAddr>),
    Silence,
}

type Known = HashMap<String, Reply>;

/// A DNS server on loopback that knows a table; a name it does not know does not exist.
struct Server {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Server {
    async fn start(table: &[(&str, Reply)]) -> Self {
        let table: Arc<Known> = Arc::new(
            table
                .iter()
                .map(|(name, reply)| (format!("{name}."), reply.clone()))
                .collect(),
        );
        let asked = Arc::new(Mutex::new(Vec::new()));
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = tcp.local_addr().expect("its address");
        let udp = UdpSocket::bind(addr).await.expect("the same port for UDP");
        let log = Arc::clone(&asked);
        let known = Arc::clone(&table);
        let over_udp = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).await.expect("a question");
                let question = buffer.get(..length).expect("its bytes");
                if let Some(answer) = reply(question, &known, &log, true) {
                    udp.send_to(&answer, from).await.expect("an answer");
                }
            }
        });
        let log = Arc::clone(&asked);
        let over_tcp = tokio::spawn(async move {
            let mut streams = JoinSet::new();
            loop {
                let (stream, _) = tcp.accept().await.expect("a connection");
                streams.spawn(serve_stream(stream, Arc::clone(&table), Arc::clone(&log)));
            }
        });
        let tasks = [over_udp, over_tcp].map(AbortOnDropHandle::new);
        Self {
            addr,
            asked,
            _tasks: tasks,
        }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().expect("the lock").clone();
        asked.sort();
        asked
    }
}

async fn serve_stream(mut stream: TcpStream, table: Arc<Known>, log: Arc<Mutex<Vec<String>>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await.expect("a question");
        let answer = reply(&question, &table, &log, false).expect("an answer");
        let length = u16::try_from(answer.len()).expect("a length");
        stream.write_u16(length).await.expect("writes");
        stream.write_all(&answer).await.expect("writes");
    }
}

fn reply(question: &[u8], table: &Known, log: &Mutex<Vec<String>>, udp: bool) -> Option<Vec<u8>> {
    let message = Message::from_vec(question).expect("a DNS message");
    let query = message.queries.first().cloned().expect("a question");
    let transport = if udp { "udp" } else { "tcp" };
    let (name, kind) = (query.name().to_string(), query.query_type());
    log.lock()
        .expect("the lock")
        .push(format!("{transport} {kind} {name}"));
    let mut answer = message.into_response();
    match table.get(&name) {
        None => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            answer.add_authority(start_of_authority());
        }
        Some(Reply::ServFail) => answer.metadata.response_code = ResponseCode::ServFail,
        Some(Reply::Silence) => return None,
        Some(Reply::TooLong(_)) if udp => answer.metadata.truncation = true,
        Some(Reply::TooLong(ips) | Reply::Addresses(ips)) => {
            let records = ips
                .iter()
                .map(|&ip| Record::from_rdata(query.name().clone(), TTL, RData::from(ip)));
            answer.add_answers(records.filter(|record| record.record_type() == kind));
            if answer.answers.is_empty() {
                answer.add_authority(start_of_authority());
            }
        }
    }
    Some(answer.to_vec().expect("encodes"))
}

fn start_of_authority() -> Record {
    let zone = Name::from_ascii("example.").expect("a name");
    let soa = SOA::new(zone.clone(), zone.clone(), 1, 3600, 600, 86_400, TTL);
    Record::from_rdata(zone, TTL, RData::SOA(soa))
}

fn settings(servers: &[&Server]) -> DnsSettings {
    DnsSettings {
        servers: servers.iter().map(|server| server.addr).collect(),
        timeout: Duration::from_secs(5),
        attempts: 2,
        cache_size: 100,
        max_ttl: Duration::from_hours(1),
    }
}

async fn resolve(settings: &DnsSettings, name: &str) -> Answer {
    let resolver = HickoryResolver::new(settings).expect("a resolver");
    resolver.resolve(&name.parse().expect("a name")).await
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|ip| ip.parse().expect("an address"))
        .collect()
}

#[tokio::test]
async fn both_families_are_asked_for_and_the_name_is_absolute() {
    let answers = ips(&["2001:db8::1", "192.0.2.1"]);
    let server = Server::start(&[("a.example", Reply::Addresses(answers.clone()))]).await;
    assert_eq!(
        resolve(&settings(&[&server]), "a.example").await,
        Ok(answers)
    );
    assert_eq!(server.asked(), ["udp A a.example.", "udp AAAA a.example."]);
}

#[tokio::test]
async fn a_single_label_is_not_completed_from_a_search_list() {
    let server = Server::start(&[]).await;
    assert_eq!(
        resolve(&settings(&[&server]), "intranet").await,
        Err(ResolveError::NxDomain)
    );
    assert!(
        server
            .asked()
            .iter()
            .all(|question| question.ends_with(" intranet."))
    );
}

#[tokio::test]
async fn an_answer_is_kept_for_its_ttl() {
    let answers = ips(&["192.0.2.1"]);
    let server = Server::start(&[("a.example", Reply::Addresses(answers.clone()))]).await;
    let resolver = HickoryResolver::new(&settings(&[&server])).expect("a resolver");
    let name = "a.example".parse().expect("a name");
    for _ in 0..3 {
        assert_eq!(resolver.resolve(&name).await, Ok(answers.clone()));
    }
    assert_eq!(server.asked().len(), 2, "{:?}", server.asked());
}

#[tokio::test]
async fn past_the_cache_servers_are_asked_each_time() {
    let answers = ips(&["192.0.2.1"]);
    let server = Server::start(&[("a.example", Reply::Addresses(answers.clone()))]).await;
    let resolver = HickoryResolver::new(&settings(&[&server])).expect("a resolver");
    let name = "a.example".parse().expect("a name");
    for _ in 0..3 {
        assert_eq!(resolver.resolve_anew(&name).await, Ok(answers.clone()));
    }
    assert_eq!(server.asked().len(), 6, "{:?}", server.asked());
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let answers = ips(&["192.0.2.1", "192.0.2.2"]);
    let server = Server::start(&[("a.example", Reply::TooLong(answers.clone()))]).await;
    let mut found = resolve(&settings(&[&server]), "a.example")
        .await
        .expect("addresses");
    found.sort();
    assert_eq!(found, answers);
    assert!(
        server.asked().contains(&"tcp A a.example.".to_owned()),
        "{:?}",
        server.asked()
    );
}

#[tokio::test]
async fn a_server_that_is_down_does_not_hold_up_the_others() {
    let answers = ips(&["192.0.2.1"]);
    let down = Server::start(&[("a.example", Reply::Silence)]).await;
    let up = Server::start(&[("a.example", Reply::Addresses(answers.clone()))]).await;
    let settings = settings(&[&down, &up]);
    let found = timeout(Duration::from_secs(1), resolve(&settings, "a.example")).await;
    assert_eq!(found, Ok(Ok(answers)));
}

#[tokio::test]
async fn each_failure_is_told_apart() {
    let server = Server::start(&[
        ("none.example", Reply::Addresses(vec![])),
        ("broken.example", Reply::ServFail),
        ("silent.example", Reply::Silence),
    ])
    .await;
    let hasty = DnsSettings {
        timeout: Duration::from_millis(200),
        ..settings(&[&server])
    };
    assert_eq!(
        resolve(&hasty, "gone.example").await,
        Err(ResolveError::NxDomain)
    );
    assert_eq!(
        resolve(&hasty, "none.example").await,
        Err(ResolveError::NoAddress)
    );
    assert_eq!(
        resolve(&hasty, "silent.example").await,
        Err(ResolveError::Timeout)
    );
    let broken = resolve(&hasty, "broken.example").await;
    assert!(matches!(broken, Err(ResolveError::Server(_))), "{broken:?}");
}

#[tokio::test]
async fn one_family_that_fails_does_not_hide_the_other() {
    let v4 = Ok(ips(&["192.0.2.1"]));
    assert_eq!(merge(Err(ResolveError::Timeout), v4.clone()), v4);
    assert_eq!(
        merge(v4.clone(), Err(ResolveError::Server("refused".into()))),
        v4
    );
}

#[test]
fn the_failure_that_tells_more_is_reported() {
    let (none, late) = (ResolveError::NoAddress, ResolveError::Timeout);
    assert_eq!(
        merge(Err(none.clone()), Err(late.clone())),
        Err(late.clone())
    );
    assert_eq!(
        merge(Err(late), Err(none.clone())),
        Err(ResolveError::Timeout)
    );
    assert_eq!(
        merge(Err(none), Err(ResolveError::NxDomain)),
        Err(ResolveError::NxDomain)
    );
}

#[test]
fn a_servers_failure_is_not_taken_for_the_absence_of_a_name() {
    let refused = DnsError::ResponseCode(ResponseCode::Refused);
    assert_eq!(error(NetError::Timeout), ResolveError::Timeout);
    assert!(matches!(error(refused.into()), ResolveError::Server(_)));
    assert!(matches!(
        error(NetError::NoConnections),
        ResolveError::Server(_)
    ));
}

#[test]
fn every_host_name_has_a_wire_form() {
    for name in [
        "a.example",
        "_acme.example",
        "xn--bcher-kva.example",
        "a-b.example",
    ] {
        let absolute = absolute(&name.parse().expect("a name")).expect("a wire form");
        assert_eq!(absolute.to_ascii(), format!("{name}."));
    }
}

#[test]
fn the_hosts_file_is_not_read() {
    assert!(matches!(
        options(&settings(&[])).use_hosts_file,
        ResolveHosts::Never
    ));
}
