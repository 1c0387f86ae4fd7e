//! The metrics as OTLP has them, read from the text that Prometheus reads: both show the same.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};

use super::sample::{Sample, sample};
use super::{attribute, resource, scope};

/// What the names of the kernel's counters begin with. They outlive the gateway, and who takes over from it does not
/// know since when they count.
const KERNEL: &str = "egress_kernel";

/// A start that is not known, as OTLP has it.
const UNKNOWN: u64 = 0;

/// All metrics in an `OpenMetrics` text, as they were at `now`; the gateway's own counters have counted since `since`.
pub(super) fn request(
    text: &str,
    since: SystemTime,
    now: SystemTime,
) -> ExportMetricsServiceRequest {
    let mut families = Families {
        since: nanos(since),
        now: nanos(now),
        metrics: Vec::new(),
        help: "",
    };
    for line in text.lines() {
        // A line of a kind that is not known has nothing to tell.
        let _ = families.read(line);
    }
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: families.metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// What has been read of a text.
struct Families<'a> {
    since: u64,
    now: u64,
    metrics: Vec<Metric>,
    /// The last description, which stands before its metric's kind.
    help: &'a str,
}

impl<'a> Families<'a> {
    fn read(&mut self, line: &'a str) -> Option<()> {
        if let Some(help) = line.strip_prefix("# HELP ") {
            (_, self.help) = help.split_once(' ')?;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ')?;
            // What a Prometheus would call it, too, which adds nothing to the name of a gauge.
            let suffix = if kind == INFO { "_info" } else { "" };
            self.metrics.push(Metric {
                name: format!("{name}{suffix}"),
                description: self.help.into(),
                data: data(kind),
                ..Metric::default()
            });
        } else if !line.starts_with('#') {
            self.add(&sample(line)?)?;
        }
        Some(())
    }

    /// Adds a sample to the metric that is the last so far.
    fn add(&mut self, sample: &Sample<'_>) -> Option<()> {
        let metric = self.metrics.last_mut()?;
        let part = sample.name.strip_prefix(metric.name.as_str())?;
        let since = if metric.name.starts_with(KERNEL) {
            UNKNOWN
        } else {
            self.since
        };
        match metric.data.as_mut()? {
            Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
                data_points.push(NumberDataPoint {
                    attributes: attributes(sample),
                    start_time_unix_nano: since,
                    time_unix_nano: self.now,
                    value: Some(number(sample.value)?),
                    ..NumberDataPoint::default()
                });
            }
            Data::Histogram(Histogram { data_points, .. }) => {
                let attributes = attributes(sample);
                // The samples of one point stand together.
                if data_points
                    .last()
                    .is_none_or(|p| p.attributes != attributes)
                {
                    data_points.push(HistogramDataPoint {
                        attributes,
                        start_time_unix_nano: since,
                        time_unix_nano: self.now,
                        ..HistogramDataPoint::default()
                    });
                }
                fill(data_points.last_mut()?, part, sample)?;
            }
            _ => {}
        }
        Some(())
    }
}

/// The kind of what is in labels only, and has the value 1: OTLP has a gauge for it.
const INFO: &str = "info";

/// Without points; `None` for a kind that the gateway does not have.
fn data(kind: &str) -> Option<Data> {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    match kind {
        "counter" => Some(Data::Sum(Sum {
            aggregation_temporality,
            is_monotonic: true,
            ..Sum::default()
        })),
        "gauge" | INFO => Some(Data::Gauge(Gauge::default())),
        "histogram" => Some(Data::Histogram(Histogram {
            aggregation_temporality,
            ..Histogram::default()
        })),
        _ => None,
    }
}

/// Adds one sample to a histogram's point. A bucket's sample counts what those below it count; in OTLP it does
/// not, and the last one has no bound.
fn fill(point: &mut HistogramDataPoint, part: &str, sample: &Sample<'_>) -> Option<()> {
    match part {
        "_sum" => point.sum = Some(sample.value.parse().ok()?),
        "_count" => point.count = sample.value.parse().ok()?,
        "_bucket" => {
            let below: u64 = point.bucket_counts.iter().sum();
            let count: u64 = sample.value.parse().ok()?;
            let (_, bound) = sample.labels.iter().find(|(key, _)| *key == BOUND)?;
            if bound != "+Inf" {
                point.explicit_bounds.push(bound.parse().ok()?);
            }
            point.bucket_counts.push(count.saturating_sub(below));
        }
        _ => {}
    }
    Some(())
}

/// The label that a bucket's bound is in.
const BOUND: &str = "le";

fn attributes(sample: &Sample<'_>) -> Vec<KeyValue> {
    let labels = sample.labels.iter().filter(|(key, _)| *key != BOUND);
    labels
        .map(|(key, value)| attribute(key, Any::StringValue(value.clone())))
        .collect()
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse().map(Value::AsInt);
    whole.or_else(|_| text.parse().map(Value::AsDouble)).ok()
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
