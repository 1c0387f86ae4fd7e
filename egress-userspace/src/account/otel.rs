//! Telemetry for an OpenTelemetry collector: each line of the access log as a span, and the metrics.
//!
//! OTLP over HTTP with protobuf (opentelemetry-proto 1, "OTLP/HTTP"), in the messages of the official crate. Its SDK
//! is not used: it makes spans of code that runs, and metrics of instruments of its own; here both are there
//! already, and so is a queue that counts what it drops.

mod collector;
mod metrics;
mod sample;
mod spans;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Uri;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::access_log::{AccessLog, LogWriter};
use super::metrics::Metrics;

use collector::Collector;
use spans::Spans;

/// How long the end waits for a collector, for spans and metrics together: one that does not answer must not keep
/// the gateway from ending, nor silent for as long as makes a service manager take it for one that hangs.
const FINISH_DEADLINE: Duration = Duration::from_secs(5);

/// Where telemetry goes, and how often.
#[derive(Clone, Debug)]
pub struct OtelSettings {
    /// The collector: plain HTTP, with a host.
    pub endpoint: Uri,
    /// Between two exports of the metrics.
    pub interval: Duration,
    /// Spans that wait for the collector.
    pub queue: usize,
}

/// The hold on what exports telemetry.
#[derive(Debug)]
#[must_use = "what was not exported yet is lost unless it is finished"]
pub struct Telemetry {
    spans: LogWriter,
    metrics: JoinHandle<()>,
    stop: CancellationToken,
}

impl Telemetry {
    /// Exports the lines of `log` and the `metrics` from now on. Wants tokio's runtime.
    pub fn start(
        settings: &OtelSettings,
        log: AccessLog,
        metrics: &Arc<Metrics>,
    ) -> io::Result<(AccessLog, Self)> {
        let collector = Collector::new(&settings.endpoint);
        let spans = Spans::new(collector.clone())?;
        let (log, spans) = log.with_spans(spans, settings.queue, metrics.spans_dropped())?;
        let stop = CancellationToken::new();
        let exporting = export(
            collector,
            Arc::clone(metrics),
            settings.interval,
            stop.clone(),
        );
        let telemetry = Self {
            spans,
            metrics: tokio::spawn(exporting),
            stop,
        };
        Ok((log, telemetry))
    }

    /// Exports what is left, within some seconds; else it is lost.
    pub async fn finish(self) {
        let Self {
            spans,
            metrics,
            stop,
        } = self;
        let exporting = async {
            spans.end().await;
            // The metrics count the spans that were lost.
            stop.cancel();
            // That it panicked has been told.
            let _ = metrics.await;
        };
        if timeout(FINISH_DEADLINE, exporting).await.is_err() {
            tracing::warn!(
                "the collector did not take the last telemetry within {FINISH_DEADLINE:?}: it is lost"
            );
        }
    }
}

/// Exports the metrics every so often, and once more when it is told to stop.
async fn export(
    collector: Collector,
    metrics: Arc<Metrics>,
    every: Duration,
    stop: CancellationToken,
) {
    let since = SystemTime::now();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let mut failing = false;
    loop {
        let stopped = stop.run_until_cancelled(ticks.tick()).await.is_none();
        // Writing to a text does not fail.
        let text = metrics.encode().unwrap_or_default();
        let request = metrics::request(&text, since, SystemTime::now());
        let exported = collector.post("/v1/metrics", &request).await;
        match &exported {
            Err(error) if !failing => tracing::warn!(%error, "cannot export metrics"),
            Ok(()) if failing => tracing::info!("metrics are exported again"),
            _ => {}
        }
        failing = exported.is_err();
        if stopped {
            return;
        }
    }
}

/// Who tells all this.
fn resource() -> Resource {
    let version = env!("CARGO_PKG_VERSION");
    Resource {
        attributes: vec![
            attribute("service.name", Value::StringValue("egress".into())),
            attribute("service.version", Value::StringValue(version.into())),
        ],
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "egress".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests;
