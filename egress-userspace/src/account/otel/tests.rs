//! What a collector gets, which reads as one does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use serde_json::Value as Json;

use super::*;
use crate::account::{Account, Admission, LogDestination, Outcome, Record};
use crate::types::{
    ClientAddr, ConnId, DenyReason, Generation, ResponseFlag, ServiceName, UpstreamAddr,
};

/// More than any test here makes.
const QUEUE: usize = 10_000;
/// So long that nothing is exported but at the end.
const NEVER: Duration = Duration::from_hours(1);

/// Requests that came: the path, the type of the content, and the content.
type Requests = Receiver<(String, String, Vec<u8>)>;

/// Reads requests at this address, and answers each with this status.
fn receive(listener: TcpListener, status: &'static str) -> Requests {
    let (came, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).expect("a line");
                if line.trim().is_empty() {
                    break;
                }
                head.push(line.trim().to_owned());
            }
            let header = |name: &str| {
                let value = head.iter().find_map(|line| line.strip_prefix(name));
                value.unwrap_or_default().to_owned()
            };
            let length = header("content-length: ").parse().expect("a length");
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("the content");
            let path = head.first().cloned().unwrap_or_default();
            // Nobody may look for what is refused.
            let _ = came.send((path, header("content-type: "), body));
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).expect("told");
        }
    });
    requests
}

struct Exported {
    account: Account,
    telemetry: Telemetry,
    metrics: Arc<Metrics>,
    dir: tempfile::TempDir,
    log: LogWriter,
}

impl Exported {
    /// What is recorded goes to a collector at this address.
    fn to(collector: SocketAddr, path: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let metrics = Arc::new(Metrics::new());
        let destination = LogDestination::File(dir.path().join("access.log"));
        let (lines, log) = AccessLog::open(&destination, QUEUE, &metrics).expect("a log");
        let settings = OtelSettings {
            endpoint: format!("http://{collector}{path}").parse().expect("a URL"),
            interval: NEVER,
            queue: QUEUE,
        };
        let (lines, telemetry) = Telemetry::start(&settings, lines, &metrics).expect("threads");
        Self {
            account: Account::new(Arc::clone(&metrics), lines),
            telemetry,
            metrics,
            dir,
            log,
        }
    }

    fn open(&self, conn: u64) -> Record {
        let client = ClientAddr::new("192.0.2.1:40000".parse().expect("an address"));
        self.account.open(ConnId(conn), client)
    }

    fn relayed(&self, conn: u64) {
        let mut record = self.open(conn);
        record.judged_by(Generation(4));
        record.permitted(Admission {
            service: Some(ServiceName::new("api")),
            ..Admission::default()
        });
        let upstream = UpstreamAddr::new("203.0.113.8:443".parse().expect("an address"));
        record.connected(upstream, None, Duration::from_millis(4));
        record.finish(&Outcome::Closed {
            reason: "client_closed",
            flag: ResponseFlag::None,
        });
    }

    fn denied(&self, conn: u64) {
        let denied = Outcome::Denied(DenyReason::NoName.into());
        self.open(conn).finish(&denied);
    }

    /// Ends all; gives the lines of the log.
    async fn finish(self) -> Vec<BTreeMap<String, Json>> {
        self.telemetry.finish().await;
        self.log.finish().await.expect("all is written");
        let text = std::fs::read_to_string(self.dir.path().join("access.log")).expect("the log");
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

/// The spans in all messages that came.
fn spans(requests: &Requests, path: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (head, kind, body) in requests.try_iter() {
        if head == format!("POST {path}/v1/traces HTTP/1.1") {
            assert_eq!(kind, "application/x-protobuf");
            let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("spans");
            for of_resource in request.resource_spans {
                assert_eq!(of_resource.resource, Some(resource()));
                let scopes = of_resource.scope_spans;
                spans.extend(scopes.into_iter().flat_map(|scope| scope.spans));
            }
        }
    }
    spans
}

fn json(value: &KeyValue) -> Json {
    let value = value.value.as_ref().and_then(|any| any.value.clone());
    match value.expect("a value") {
        Value::StringValue(text) => text.into(),
        Value::IntValue(number) => number.into(),
        Value::DoubleValue(number) => number.into(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_connection_is_a_span_with_what_its_line_says() {
    let (listener, address) = listener();
    let requests = receive(listener, "200 OK");
    let exported = Exported::to(address, "/otlp/");
    let before = nanos_now();
    exported.relayed(1);
    exported.denied(2);
    let after = nanos_now();
    let lines = exported.finish().await;
    let spans = spans(&requests, "/otlp");
    assert_eq!((lines.len(), spans.len()), (2, 2));
    for (line, span) in lines.iter().zip(&spans) {
        let attributes = span.attributes.iter();
        let mut told: BTreeMap<_, _> = attributes
            .map(|attribute| (attribute.key.clone(), json(attribute)))
            .collect();
        told.insert("time".into(), line.get("time").expect("a time").clone());
        assert_eq!(&told, line);
        // A line's time has milliseconds.
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        assert!(start <= end && end <= after && end + 1_000_000 > before);
        let took = line
            .get("duration_ms")
            .and_then(Json::as_f64)
            .expect("a number");
        let spanned = Duration::from_nanos(end - start).as_secs_f64() * 1e3;
        assert!((spanned - took).abs() < 0.01, "{spanned} {took}");
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
    }
    let said = |span: &Span| {
        let status = span.status.clone().unwrap_or_default();
        (span.name.clone(), status.code(), status.message)
    };
    let said: Vec<_> = spans.iter().map(said).collect();
    assert_eq!(
        said,
        [
            ("api".to_owned(), StatusCode::Unset, String::new()),
            (
                "connection".to_owned(),
                StatusCode::Error,
                "no_name".to_owned()
            ),
        ]
    );
}

fn nanos_now() -> u64 {
    let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.expect("after 1970").as_nanos()).expect("a time")
}

#[tokio::test]
async fn many_spans_go_in_messages_of_a_bounded_size() {
    let (listener, address) = listener();
    let requests = receive(listener, "200 OK");
    let exported = Exported::to(address, "");
    for conn in 0..1_500 {
        exported.denied(conn);
    }
    exported.finish().await;
    let messages: Vec<_> = requests.try_iter().collect();
    let spans = |body: &[u8]| {
        let request = ExportTraceServiceRequest::decode(body).expect("spans");
        let of_resource = request.resource_spans.into_iter();
        let scopes = of_resource.flat_map(|spans| spans.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum::<usize>()
    };
    let traces = messages.iter().filter(|m| m.0.contains("/v1/traces"));
    let sizes: Vec<_> = traces.map(|(_, _, body)| spans(body)).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 1_500);
    assert!(sizes.iter().all(|size| *size <= 512), "{sizes:?}");
}

#[tokio::test]
async fn spans_that_no_collector_takes_are_counted() {
    let (refusing, address) = listener();
    let _requests = receive(refusing, "503 Service Unavailable");
    let (gone, nowhere) = listener();
    drop(gone);
    for collector in [address, nowhere] {
        let exported = Exported::to(collector, "");
        for conn in 0..600 {
            exported.denied(conn);
        }
        let dropped = exported.metrics.spans_dropped();
        let lines = exported.finish().await;
        assert_eq!((lines.len(), dropped.get()), (600, 600), "{collector}");
    }
}

#[tokio::test]
async fn the_metrics_are_those_that_prometheus_reads() {
    let (listener, address) = listener();
    let requests = receive(listener, "200 OK");
    let exported = Exported::to(address, "");
    exported.relayed(1);
    exported.relayed(2);
    let _live = exported.open(3);
    exported.finish().await;
    let mut requests = requests.try_iter();
    let metrics = requests.find(|(head, ..)| head == "POST /v1/metrics HTTP/1.1");
    let (_, _, body) = metrics.expect("the metrics");
    let request = ExportMetricsServiceRequest::decode(body.as_slice()).expect("metrics");
    let of_resource = request.resource_metrics.into_iter();
    let scopes = of_resource.flat_map(|metrics| metrics.scope_metrics);
    let metrics: Vec<Metric> = scopes.flat_map(|scope| scope.metrics).collect();
    let find = |name: &str| {
        let metric = metrics.iter().find(|metric| metric.name == name);
        metric.expect(name).data.clone().expect(name)
    };

    let Data::Sum(decisions) = find("egress_decisions") else {
        panic!("a counter");
    };
    assert!(decisions.is_monotonic);
    let cumulative = AggregationTemporality::Cumulative;
    assert_eq!(decisions.aggregation_temporality(), cumulative);
    let [point] = decisions.data_points.as_slice() else {
        panic!("one point: {decisions:?}");
    };
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(2)));
    assert!(point.start_time_unix_nano < point.time_unix_nano);
    let labels: Vec<_> = point
        .attributes
        .iter()
        .map(|a| (a.key.as_str(), json(a)))
        .collect();
    assert_eq!(
        labels,
        [("verdict", "allow".into()), ("reason", "none".into())]
    );

    let Data::Gauge(build) = find("egress_build_info") else {
        panic!("a gauge");
    };
    let versions: Vec<_> = build
        .data_points
        .iter()
        .map(|p| (p.value, p.attributes.iter().map(json).collect()))
        .collect();
    let version = vec![Json::from(env!("CARGO_PKG_VERSION"))];
    assert_eq!(
        versions,
        [(Some(number_data_point::Value::AsInt(1)), version)]
    );

    let Data::Gauge(connections) = find("egress_connections") else {
        panic!("a gauge");
    };
    let values: Vec<_> = connections.data_points.iter().map(|p| p.value).collect();
    assert_eq!(values, [Some(number_data_point::Value::AsInt(1))]);

    let Data::Histogram(connect) = find("egress_connect_seconds") else {
        panic!("a histogram");
    };
    let [point] = connect.data_points.as_slice() else {
        panic!("one point: {connect:?}");
    };
    assert_eq!(point.count, 2);
    assert!((point.sum.expect("a sum") - 0.008).abs() < 1e-9);
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    // 4 ms is in the bucket up to 5 ms.
    let mut buckets = point.explicit_bounds.iter().zip(&point.bucket_counts);
    assert!(
        buckets.all(|(bound, count)| *count == if (bound - 0.005).abs() < 1e-9 { 2 } else { 0 })
    );

    let text = Metrics::new().encode().expect("a text");
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for (name, kind) in kinds.filter_map(|line| line.split_once(' ')) {
        match kind {
            "info" => find(&format!("{name}_info")),
            _ => find(name),
        };
    }
}

#[test]
fn counters_that_are_older_than_the_gateway_have_no_start() {
    let text = "# HELP egress_kernel What.\n# TYPE egress_kernel counter\negress_kernel_total{kind=\"a\"} 3\n\
                # HELP egress_redials What.\n# TYPE egress_redials counter\negress_redials_total 4\n# EOF\n";
    let [since, now] = [1, 2].map(|second| std::time::UNIX_EPOCH + Duration::from_secs(second));
    let request = metrics::request(text, since, now);
    let of_resource = request.resource_metrics.into_iter();
    let scopes = of_resource.flat_map(|metrics| metrics.scope_metrics);
    let starts: Vec<_> = scopes
        .flat_map(|scope| scope.metrics)
        .map(|metric| match metric.data {
            Some(Data::Sum(sum)) => sum
                .data_points
                .iter()
                .map(|point| point.start_time_unix_nano)
                .collect::<Vec<_>>(),
            other => panic!("a counter: {other:?}"),
        })
        .collect();
    assert_eq!(starts, [[0], [1_000_000_000]]);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    // Connections are made, and wait to be accepted.
    let (_listener, address) = listener();
    let exported = Exported::to(address, "");
    exported.relayed(1);
    let begun = tokio::time::Instant::now();
    exported.telemetry.finish().await;
    let took = begun.elapsed();
    assert!(
        took <= FINISH_DEADLINE + Duration::from_millis(10),
        "{took:?}"
    );
}
