//! Lines of the access log as spans.

use std::io;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

use super::{Collector, attribute, resource, scope};
use crate::account::access_log::{Batch, Lost, Sink};
use crate::types::ResponseFlag;

/// Spans in a message: what OpenTelemetry's SDKs send at most.
const MOST: usize = 512;

/// The collector's end of the queue. It runs on a thread of its own, and so has a runtime of its own.
pub(super) struct Spans {
    collector: Collector,
    runtime: Runtime,
}

impl Spans {
    pub(super) fn new(collector: Collector) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { collector, runtime })
    }
}

impl Sink for Spans {
    /// When a message is not taken, those after it are not tried: each might take as long.
    fn write(&mut self, batch: &Batch) -> Result<(), Lost> {
        let lines: Vec<_> = batch.text.split_inclusive(|byte| *byte == b'\n').collect();
        for (message, in_message) in lines.chunks(MOST).enumerate() {
            let request = request(in_message.iter().copied().filter_map(span).collect());
            let exporting = self.collector.post("/v1/traces", &request);
            if let Err(error) = self.runtime.block_on(exporting) {
                return Err(Lost {
                    lines: lines.len() - message * MOST,
                    error: io::Error::other(error),
                });
            }
        }
        Ok(())
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// The span of a line, which has its times behind it: of its begin and its end, in nanoseconds since 1970.
fn span(line: &[u8]) -> Option<Span> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (line, end) = line.rsplit_once(' ')?;
    let (line, start) = line.rsplit_once(' ')?;
    let Json::Object(fields) = serde_json::from_str(line).ok()? else {
        return None;
    };
    let text = |key| fields.get(key).and_then(Json::as_str);
    let failed = text("response_flags").is_some_and(|flag| flag != ResponseFlag::None.letters());
    let status = Status {
        message: match (failed, text("reason"), text("close_reason")) {
            (true, Some(why), _) | (true, None, Some(why)) => why.into(),
            _ => String::new(),
        },
        code: if failed {
            StatusCode::Error.into()
        } else {
            StatusCode::Unset.into()
        },
    };
    Some(Span {
        trace_id: id().to_be_bytes().into(),
        span_id: fastrand::u64(1..).to_be_bytes().into(),
        // A service's name is one of a fixed few; a name that a client chose would not be.
        name: text("service").unwrap_or("connection").into(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: start.parse().ok()?,
        end_time_unix_nano: end.parse().ok()?,
        attributes: fields
            .iter()
            .filter(|(key, _)| *key != "time")
            .filter_map(|(key, value)| Some(attribute(key, plain(value)?)))
            .collect(),
        status: Some(status),
        ..Span::default()
    })
}

/// A trace of its own: what the client was about is not known. None is zero.
fn id() -> u128 {
    fastrand::u128(1..)
}

/// What a line has, of a number's two kinds that which it is.
fn plain(value: &Json) -> Option<Value> {
    match value {
        Json::String(text) => Some(Value::StringValue(text.clone())),
        Json::Number(number) => number
            .as_i64()
            .map(Value::IntValue)
            .or_else(|| number.as_f64().map(Value::DoubleValue)),
        _ => None,
    }
}
