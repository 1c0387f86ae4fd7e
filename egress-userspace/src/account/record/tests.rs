//! What a connection's life leaves in the log and in the metrics.

mod policies;
mod sampled;
mod strangers;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::account::access_log::Stream;
use crate::account::{AccessLog, LogWriter, Metrics};
use crate::policy::Denial;
use crate::types::{CgroupId, DenyReason, Place, ServiceName, Tls};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// More lines than any test here makes.
const QUEUE: usize = 50_000;

struct Books {
    account: Account,
    writer: LogWriter,
    sink: Sink,
}

impl Books {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::new());
        let sink = Sink::default();
        let (log, writer) = AccessLog::start(
            Stream::new(sink.clone()),
            QUEUE,
            metrics.access_log_dropped(),
        )
        .expect("a thread");
        Self {
            account: Account::new(metrics, log),
            writer,
            sink,
        }
    }

    fn open(&self) -> Record {
        let client = ClientAddr::new("192.0.2.1:40000".parse().expect("an address"));
        self.account.open(ConnId(9), client)
    }

    fn metrics(&self) -> String {
        self.account.metrics().encode().expect("encodes")
    }

    fn has(&self, line: &str) {
        let text = self.metrics();
        assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
    }

    /// The value of an Istio counter, summed over labels that include `with`.
    fn istio(&self, name: &str, with: &str) -> u64 {
        let text = self.metrics();
        let of_name = text
            .lines()
            .filter(|l| l.starts_with(name) && l.contains(with));
        of_name
            .filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// The log's lines. Times, which differ at each run, are taken out of them.
    async fn lines(self) -> Vec<Value> {
        self.writer.finish().await.expect("all is written");
        let written = self.sink.0.lock().expect("the lock").clone();
        let text = String::from_utf8(written).expect("text");
        text.lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).expect("JSON");
                let fields = line.as_object_mut().expect("an object");
                for field in ["time", "duration_ms"] {
                    fields.remove(field).expect(field);
                }
                line
            })
            .collect()
    }
}

fn caller() -> Caller {
    Caller {
        pid: 12,
        uid: 1000,
        exe: Some(Path::new("/usr/bin/curl").into()),
        cgroup: CgroupId(77),
        cgroup_path: Some("/demo".into()),
        pod: None,
        held: None,
        remote: None,
    }
}

fn tls(name: &str) -> Claim {
    Claim::Tls(Tls {
        sni: Some(name.parse().expect("a name")),
        ..Tls::default()
    })
}

fn introduced(books: &Books) -> Record {
    let mut record = books.open();
    record.origin(
        OriginalDst::new("203.0.113.7:443".parse().expect("an address")),
        Arc::new(caller()),
    );
    record.sniffed(&tls("a.example"), Duration::from_millis(2));
    record.judged_by(Generation(4));
    record
}

fn by_api() -> Admission {
    Admission {
        service: Some(ServiceName::new("api")),
        rule: Some(place()),
        route: Some("canary".into()),
        ..Admission::default()
    }
}

fn place() -> Place {
    Place {
        file: "registry.toml".into(),
        line: 12,
    }
}

fn connected(books: &Books, would_deny: Option<DenyReason>) -> Record {
    let mut record = introduced(books);
    record.permitted(Admission {
        would_deny,
        ..match would_deny {
            None => by_api(),
            Some(_) => Admission::default(),
        }
    });
    let upstream = UpstreamAddr::new("203.0.113.8:443".parse().expect("an address"));
    record.connected(
        upstream,
        Some(Duration::from_millis(3)),
        Duration::from_millis(4),
    );
    record.counted_by(Arc::new(|| {
        Told::default().counted(Traffic {
            from_client: 10,
            from_upstream: 20,
        })
    }));
    record
}

const CLOSED: Outcome = Outcome::Closed {
    reason: "client_closed",
    flag: ResponseFlag::None,
};

#[tokio::test]
async fn a_relayed_connection_leaves_one_full_line() {
    let books = Books::new();
    connected(&books, None).finish(&CLOSED);
    let expected = json!({
        "conn_id": 9,
        "src.addr": "192.0.2.1:40000",
        "src.pid": 12,
        "src.exe": "/usr/bin/curl",
        "src.uid": 1000,
        "src.cgroup": "/demo",
        "dst.addr": "203.0.113.7:443",
        "upstream.addr": "203.0.113.8:443",
        "requested_server_name": "a.example",
        "protocol": "tls",
        "service": "api",
        "rule": "registry.toml:12",
        "route": "canary",
        "verdict": "allow",
        "policy_generation": 4,
        "bytes_sent": 20,
        "bytes_received": 10,
        "sniff_ms": 2.0,
        "resolve_ms": 3.0,
        "connect_ms": 4.0,
        "close_reason": "client_closed",
        "response_flags": "-",
    });
    assert_eq!(books.lines().await, [expected]);
}

#[test]
fn a_relayed_connection_is_counted_when_it_opens_and_when_it_closes() {
    let books = Books::new();
    let record = connected(&books, None);
    let api = r#"destination_service_name="api""#;
    assert_eq!(books.istio("istio_tcp_connections_opened_total", api), 1);
    assert_eq!(books.istio("istio_tcp_connections_closed_total", api), 0);
    books.has("egress_connections 1");
    books.has("egress_decisions_total{verdict=\"allow\",reason=\"none\"} 1");
    record.finish(&CLOSED);
    assert_eq!(books.istio("istio_tcp_connections_closed_total", api), 1);
    assert_eq!(books.istio("istio_tcp_sent_bytes_total", api), 20);
    assert_eq!(books.istio("istio_tcp_received_bytes_total", api), 10);
    books.has("egress_connections 0");
    books.has("egress_decisions_total{verdict=\"allow\",reason=\"none\"} 1");
}

#[tokio::test]
async fn a_denied_connection_says_why_and_counts_as_a_black_hole() {
    let books = Books::new();
    let denied = Outcome::Denied(Denial {
        reason: DenyReason::PortMismatch,
        service: Some(ServiceName::new("near")),
        rule: Some(place()),
    });
    introduced(&books).finish(&denied);
    books.has("egress_decisions_total{verdict=\"deny\",reason=\"port_mismatch\"} 1");
    assert_eq!(
        books.istio("istio_tcp_connections_failed_total", "BlackHoleCluster"),
        1
    );
    assert_eq!(books.istio("istio_tcp_connections_failed_total", "near"), 0);
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(line["verdict"], "deny");
    assert_eq!(line["reason"], "port_mismatch");
    assert_eq!(line["service"], "near");
    assert_eq!(line["rule"], "registry.toml:12");
    assert_eq!(line["close_reason"], "denied");
    assert_eq!(line["response_flags"], "UAEX");
}

#[test]
fn a_permit_that_the_guard_takes_back_is_counted_as_a_denial_only() {
    let books = Books::new();
    let mut record = introduced(&books);
    record.permitted(by_api());
    record.finish(&Outcome::Denied(DenyReason::ResolvedAddressRefused.into()));
    books.has("egress_decisions_total{verdict=\"deny\",reason=\"resolved_address_refused\"} 1");
    assert!(!books.metrics().contains("verdict=\"allow\""));
}

#[tokio::test]
async fn in_audit_mode_the_line_says_what_would_have_been_denied() {
    let books = Books::new();
    connected(&books, Some(DenyReason::HostNotInRegistry)).finish(&CLOSED);
    books.has("egress_decisions_total{verdict=\"audit\",reason=\"host_not_in_registry\"} 1");
    assert_eq!(
        books.istio("istio_tcp_connections_opened_total", "PassthroughCluster"),
        1
    );
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(
        (&line["verdict"], &line["reason"]),
        (&json!("audit"), &json!("host_not_in_registry"))
    );
    assert_eq!(line.get("service"), None);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_a_failure_of_its_service() {
    let books = Books::new();
    let mut record = introduced(&books);
    record.permitted(by_api());
    let flag = ResponseFlag::UpstreamConnectionFailure;
    record.finish(&Outcome::Unreachable {
        reason: "connect_refused",
        flag,
    });
    books.has("egress_dial_failures_total{reason=\"connect_refused\"} 1");
    books.has("egress_decisions_total{verdict=\"allow\",reason=\"none\"} 1");
    let api = r#"destination_service_name="api""#;
    assert_eq!(books.istio("istio_tcp_connections_failed_total", api), 1);
    assert_eq!(books.istio("istio_tcp_connections_closed_total", ""), 0);
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(
        (&line["close_reason"], &line["response_flags"]),
        (&json!("connect_refused"), &json!("UF"))
    );
}

#[tokio::test]
async fn a_record_that_is_dropped_is_recorded_once_with_its_bytes() {
    let books = Books::new();
    drop(connected(&books, None));
    assert_eq!(books.istio("istio_tcp_connections_closed_total", ""), 1);
    books.has("egress_connections 0");
    let lines = books.lines().await;
    assert_eq!(lines.len(), 1);
    let line = lines.first().expect("a line");
    assert_eq!(
        (&line["close_reason"], &line["bytes_sent"]),
        (&json!("cancelled"), &json!(20))
    );
}

#[tokio::test]
async fn a_client_that_leaves_before_it_is_judged_has_no_verdict() {
    let books = Books::new();
    books.open().finish(&CLOSED);
    assert!(!books.metrics().contains("egress_decisions_total{"));
    assert_eq!(
        books.istio("istio_tcp_connections_failed_total", "\"unknown\""),
        1
    );
    assert_eq!(books.istio("istio_tcp_connections_closed_total", ""), 0);
    let lines = books.lines().await;
    assert_eq!(lines.first().expect("a line").get("verdict"), None);
}

#[tokio::test]
async fn a_caller_whose_cgroup_is_gone_is_named_by_its_id() {
    let books = Books::new();
    let mut record = books.open();
    let dst = OriginalDst::new("203.0.113.7:443".parse().expect("an address"));
    record.origin(
        dst,
        Arc::new(Caller {
            cgroup_path: None,
            exe: None,
            ..caller()
        }),
    );
    record.finish(&CLOSED);
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(line["src.cgroup"], "77");
    assert_eq!(line.get("src.exe"), None);
}

#[test]
fn a_name_that_a_client_chose_is_in_no_label() {
    let books = Books::new();
    let mut record = books.open();
    record.sniffed(&tls("chosen-by-client.example"), Duration::ZERO);
    record.finish(&Outcome::Denied(DenyReason::HostNotInRegistry.into()));
    assert!(!books.metrics().contains("chosen-by-client"));
}

#[test]
fn a_record_is_small_for_it_lasts_as_long_as_its_connection() {
    assert!(size_of::<Record>() <= 256, "{}", size_of::<Record>());
}

#[test]
fn times_are_kept_as_they_were() {
    let kept = |nanos| Duration::from(Micros::from(Duration::from_nanos(nanos)));
    assert_eq!(kept(1_499), Duration::from_micros(1));
    assert_eq!(kept(1_500), Duration::from_micros(2));
    assert_eq!(kept(u64::MAX), Duration::from_micros(u32::MAX.into()));
}

#[tokio::test]
async fn a_permit_given_again_replaces_all_that_was_said() {
    let books = Books::new();
    let mut record = introduced(&books);
    record.permitted(Admission {
        learned: Some("db.example".parse().expect("a name")),
        ..by_api()
    });
    record.permitted(DenyReason::ResolvedAddressRefused.into());
    record.finish(&CLOSED);
    let lines = books.lines().await;
    let line = lines.first().expect("a line");
    assert_eq!(line["verdict"], "audit");
    for field in ["service", "rule", "route", "dns_name"] {
        assert_eq!(line.get(field), None, "{field}");
    }
}

#[test]
fn a_limit_and_a_broken_protocol_have_flags_of_their_own() {
    let flag = |reason: DenyReason| Outcome::Denied(reason.into()).flag().letters();
    assert_eq!(flag(DenyReason::LimitCaller), "UO");
    assert_eq!(flag(DenyReason::MalformedTls), "DPE");
    assert_eq!(flag(DenyReason::NoName), "UAEX");
}
