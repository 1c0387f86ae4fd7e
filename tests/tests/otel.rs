//! What a collector of telemetry gets from a gateway that is built with `otel`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use egress_tests::{Gateway, Scene, Testbed, registry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

/// Its metrics are exported at the end, and not before.
const OTEL: &str = "[otel]\nendpoint = \"http://127.0.0.1:4318\"\ninterval = \"1h\"";

/// Longest end where a collector, which has five seconds, does not answer: half of what the unit's watchdog grants.
const END: Duration = Duration::from_secs(15);

/// Reads one request, and answers it: gives its first line and its content.
fn request(stream: TcpStream) -> Result<(String, Vec<u8>)> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.context("no length")?.parse()?];
    stream.read_exact(&mut body)?;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.get_mut().write_all(answer)?;
    Ok((head.swap_remove(0), body))
}

/// The requests that come, as long as somebody looks for them.
fn receive(listener: TcpListener) -> Receiver<Result<(String, Vec<u8>)>> {
    let (came, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let read = stream.map_err(Into::into).and_then(request);
            if came.send(read).is_err() {
                return;
            }
        }
    });
    requests
}

fn spans(request: ExportTraceServiceRequest) -> impl Iterator<Item = Span> {
    let of_resource = request.resource_spans.into_iter();
    let scopes = of_resource.flat_map(|spans| spans.scope_spans);
    scopes.flat_map(|scope| scope.spans)
}

fn metrics(request: ExportMetricsServiceRequest) -> impl Iterator<Item = Metric> {
    let of_resource = request.resource_metrics.into_iter();
    let scopes = of_resource.flat_map(|metrics| metrics.scope_metrics);
    scopes.flat_map(|scope| scope.metrics)
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    match attribute.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_collector_has_each_connection_as_a_span_and_the_metrics() -> Result<()> {
    let bed = Testbed::new()?;
    let listener = bed
        .net()
        .on_node(|| TcpListener::bind("127.0.0.1:4318"))??;
    let requests = receive(listener);
    let mut scene = Scene::on(bed, |bed| Gateway::start(bed, &registry(OTEL)))?;
    let mut client = scene.python()?;
    client.run("echo(b'x')")?;
    client.ask("get('evil.example.net', '203.0.113.66')")?;
    let lines = [scene.line()?, scene.line()?];
    assert!(scene.gateway.terminate()?.success());

    let (mut connections, mut families) = (Vec::new(), Vec::new());
    while families.is_empty() {
        let (head, body) = requests.recv()??;
        if head == "POST /v1/traces HTTP/1.1" {
            connections.extend(spans(ExportTraceServiceRequest::decode(body.as_slice())?));
        } else {
            assert_eq!(head, "POST /v1/metrics HTTP/1.1");
            families.extend(metrics(ExportMetricsServiceRequest::decode(
                body.as_slice(),
            )?));
        }
    }
    let said: Vec<_> = connections
        .iter()
        .map(|span| {
            let status = span.status.clone().unwrap_or_default();
            (span.name.as_str(), status.code(), status.message)
        })
        .collect();
    let denied = "host_not_in_registry".to_owned();
    assert_eq!(
        said,
        [
            ("orders-db", StatusCode::Unset, String::new()),
            ("connection", StatusCode::Error, denied)
        ]
    );
    for (span, line) in connections.iter().zip(&lines) {
        for key in ["verdict", "src.cgroup", "dst.addr", "close_reason"] {
            assert_eq!(text(&span.attributes, key), line.get(key), "{key}");
        }
    }
    for name in ["egress_decisions", "egress_kernel", "istio_tcp_sent_bytes"] {
        let family = families.iter().find(|metric| metric.name == name);
        let Some(Data::Sum(sum)) = family.and_then(|metric| metric.data.clone()) else {
            panic!("{name}: {family:?}");
        };
        assert!(!sum.data_points.is_empty(), "{name}");
    }
    Ok(())
}

#[test]
fn a_collector_that_never_answers_does_not_hold_up_the_end() -> Result<()> {
    let bed = Testbed::new()?;
    // Connections are made, and wait to be accepted.
    let _listener = bed
        .net()
        .on_node(|| TcpListener::bind("127.0.0.1:4318"))??;
    let mut scene = Scene::on(bed, |bed| Gateway::start(bed, &registry(OTEL)))?;
    scene.python()?.run("echo(b'x')")?;
    scene.line()?;
    let begun = Instant::now();
    assert!(scene.gateway.terminate()?.success());
    let (took, said) = (begun.elapsed(), scene.gateway.output());
    assert!(took < END, "{took:?}");
    assert!(said.contains("did not take the last telemetry"), "{said}");
    Ok(())
}
