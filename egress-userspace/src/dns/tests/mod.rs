//! The forwarder between clients and servers that tests play.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds less than it expects should fail there"
)]

mod answers;
mod asking;
mod codec;
mod judging;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::Value;
use tokio::net::UdpSocket;

use super::askers::Asker;
use super::*;
use crate::account::{AccessLog, LogDestination, LogWriter, Metrics};
use crate::config::Config;
use crate::policy::Options;
use crate::types::{
    Caller, CgroupId, Generation, HostName, Mode, OriginalDst, OutboundTrafficPolicy,
};

const CALLER: CgroupId = CgroupId(7);
/// What processes take for their server: a stub of their own, so that the gateway asks its servers.
const STUB: &str = "127.0.0.53:53";

/// A forwarder with its log.
struct Scene {
    forwarder: Forwarder,
    metrics: Arc<Metrics>,
    log: tempfile::NamedTempFile,
    writer: LogWriter,
}

/// The services of all these tests.
const REGISTRY: &str = r#"
[[scope]]
cgroups = ["/governed"]

[[service]]
name = "db"
hosts = ["db.example.com", "*.cdn.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DYNAMIC_DNS"

[[service]]
name = "listing"
hosts = ["listed.example.com"]
addresses = ["10.0.0.0/8"]
ports = [{ number = 443, protocol = "TLS" }]
"#;

fn settings(servers: &[SocketAddr]) -> ForwardSettings {
    ForwardSettings {
        scope: Scope::Allowed,
        mode: Mode::Enforce,
        outbound: OutboundTrafficPolicy::RegistryOnly,
        servers: servers.to_vec(),
        resolvers: Vec::new(),
        internal_domains: vec!["cluster.local".parse().expect("a name")],
        timeout: Duration::from_secs(2),
        attempts: 2,
        max_ttl: Duration::from_hours(1),
        grace: Duration::from_mins(10),
        max_name: 128,
        queries_per_second: 100,
        names_per_caller: 16,
    }
}

fn rules(settings: ForwardSettings) -> Rules {
    let services = Config::from_toml("test.toml", REGISTRY)
        .expect("a registry")
        .services;
    let options = Options {
        mode: settings.mode,
        outbound: settings.outbound,
        learns_names: true,
    };
    Rules {
        policy: Arc::new(Policy::compile(&services, &[], options, Generation(3))),
        settings,
    }
}

impl Scene {
    fn new(settings: ForwardSettings) -> Self {
        let metrics = Arc::new(Metrics::new());
        let log = tempfile::NamedTempFile::new().expect("a file");
        let destination = LogDestination::File(log.path().into());
        let (access_log, writer) = AccessLog::open(&destination, 64, &metrics).expect("a log");
        let account = Account::new(Arc::clone(&metrics), access_log);
        Self {
            forwarder: Forwarder::new(rules(settings), account, Arc::default(), Arc::default()),
            metrics,
            log,
            writer,
        }
    }

    async fn ask(&self, query: &Message) -> Option<Message> {
        self.ask_of(STUB, query).await
    }

    async fn ask_of(&self, server: &str, query: &Message) -> Option<Message> {
        let bytes = query.to_vec().expect("encodes");
        let reply = self.send(server, &bytes, Transport::Udp).await?;
        Some(Message::from_vec(&reply).expect("a message"))
    }

    async fn send(&self, server: &str, bytes: &[u8], over: Transport) -> Option<Vec<u8>> {
        self.forwarder.answer(bytes, &mut asker(server), over).await
    }

    /// What becomes of a server's answer.
    fn release(&self, server: &str, asked: &Message, answer: Vec<u8>) -> Option<Vec<u8>> {
        let rules = self.forwarder.live.load_full();
        let query = Query::parse(&encode(asked)).expect("a query");
        let sender = asker(server);
        let context = Context {
            rules: &rules,
            query: &query,
            asker: &sender,
            over: Transport::Udp,
        };
        let grant = judge(
            &rules.policy,
            &rules.settings,
            &query,
            sender.server,
            &sender.caller,
        );
        let answer = Answer::parse(answer, asked).expect("an answer");
        let account = &self.forwarder.account;
        let mut lookup = account.lookup(sender.peer, sender.server, &sender.caller);
        let reply = self
            .forwarder
            .release(&context, &grant.expect("a grant"), answer, &mut lookup);
        lookup.finish(LookupOutcome::Answered);
        reply.ok()
    }

    fn learned(&self, ip: &str) -> Vec<String> {
        let ip: IpAddr = ip.parse().expect("an address");
        let names = self.forwarder.learned().names(CALLER, ip);
        names.iter().map(HostName::to_string).collect()
    }

    fn has(&self, line: &str) {
        let text = self.metrics.encode().expect("encodes");
        assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
    }

    /// The lines of the log; nothing is written any more.
    async fn lines(self) -> Vec<Value> {
        drop(self.forwarder);
        self.writer.finish().await.expect("written");
        let text = std::fs::read_to_string(self.log.path()).expect("the log");
        let lines = text.lines().map(serde_json::from_str);
        lines.map(|line| line.expect("JSON")).collect()
    }
}

fn asker(server: &str) -> Asker {
    Asker {
        peer: "127.0.0.1:40000".parse().expect("an address"),
        server: OriginalDst::new(server.parse().expect("an address")),
        caller: Caller::unknown(CALLER),
    }
}

/// A server that answers every query with what a test says, and remembers the queries.
struct Server {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<Message>>>,
}

impl Server {
    /// Each of the messages made of a query is sent, in their order.
    async fn new(answers: impl Fn(&Message) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let addr = socket.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let queries = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let query = Message::from_vec(&buffer[..length]).expect("a query");
                queries.lock().expect("the lock").push(query.clone());
                for answer in answers(&query) {
                    socket.send_to(&answer, peer).await.expect("sent");
                }
            }
        });
        Self { addr, asked }
    }

    /// One that gives these records to every question.
    async fn giving(records: Vec<RData>) -> Self {
        Self::new(move |query| vec![encode(&answer(query, &records))]).await
    }

    fn asked(&self) -> Vec<Message> {
        self.asked.lock().expect("the lock").clone()
    }
}

fn encode(message: &Message) -> Vec<u8> {
    message.to_vec().expect("encodes")
}

fn answer(query: &Message, records: &[RData]) -> Message {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.add_queries(query.queries.iter().cloned());
    let name = query.queries.first().expect("a question").name.clone();
    let records = records.iter().cloned();
    message.add_answers(records.map(|data| Record::from_rdata(name.clone(), 60, data)));
    message
}

fn a(ip: &str) -> RData {
    match ip.parse().expect("an address") {
        IpAddr::V4(ip) => RData::A(ip.into()),
        IpAddr::V6(ip) => RData::AAAA(ip.into()),
    }
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(name).expect("a name");
    message.add_query(hickory_proto::op::Query::query(name, kind));
    message
}

fn with_edns(mut message: Message, payload: u16) -> Message {
    let mut edns = hickory_proto::op::Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

fn addresses(message: &Message) -> Vec<String> {
    let ips = message.answers.iter().filter_map(|r| r.data.ip_addr());
    ips.map(|ip| ip.to_string()).collect()
}

fn code(message: Option<&Message>) -> Option<ResponseCode> {
    message.map(|message| message.metadata.response_code)
}
