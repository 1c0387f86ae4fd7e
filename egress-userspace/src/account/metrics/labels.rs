//! Label sets. Istio's names, and values that no client can choose.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

use crate::types::{Pod, ResponseFlag, ServiceName};

/// What Istio writes where a value is missing.
const UNKNOWN: &str = "unknown";

/// Istio's name for where connections go that were let through without a service.
pub const PASSTHROUGH: &str = "PassthroughCluster";

/// The labels of Istio's TCP metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::account) struct TcpLabels {
    /// `None`: it is not known.
    pub(in crate::account) source: Option<Source>,
    pub(in crate::account) destination: Destination,
    /// One of a claim's few labels, never a client's word.
    pub(in crate::account) protocol: &'static str,
    pub(in crate::account) flag: ResponseFlag,
}

/// The pod that a connection came from: to the labels only its workload and namespace.
#[derive(Clone, Debug)]
pub(in crate::account) struct Source(pub(in crate::account) Arc<Pod>);

impl Source {
    fn names(&self) -> (&str, &str) {
        (self.0.workload_name().unwrap_or(UNKNOWN), &self.0.namespace)
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for Source {}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names().hash(state);
    }
}

/// Where a connection went.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::account) enum Destination {
    /// To a service of the registry.
    Service(ServiceName),
    /// Nowhere: it was denied.
    BlackHole,
    /// To where the client wanted, without a service.
    Passthrough,
    /// It ended before this was known.
    Unknown,
}

impl Destination {
    fn service(&self) -> &str {
        match self {
            Self::Service(name) => name.as_str(),
            Self::BlackHole | Self::Passthrough | Self::Unknown => UNKNOWN,
        }
    }

    pub(super) fn service_name(&self) -> &str {
        match self {
            Self::Service(name) => name.as_str(),
            Self::BlackHole => "BlackHoleCluster",
            Self::Passthrough => PASSTHROUGH,
            Self::Unknown => UNKNOWN,
        }
    }
}

impl EncodeLabelSet for TcpLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let source = self.source.as_ref().map(Source::names);
        let (workload, namespace) = source.unwrap_or((UNKNOWN, UNKNOWN));
        [
            // The gateway stands on the client's side and reports for it.
            ("reporter", "source"),
            ("source_workload", workload),
            ("source_workload_namespace", namespace),
            ("destination_service", self.destination.service()),
            ("destination_service_name", self.destination.service_name()),
            ("request_protocol", self.protocol),
            ("response_flags", self.flag.letters()),
            // What Istio writes on the source's side; a TLS client's own layer is not looked into.
            ("connection_security_policy", UNKNOWN),
        ]
        .encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SniffLabels {
    pub(super) protocol: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabel {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ShadowLabels {
    pub(super) verdict: &'static str,
    pub(super) agrees: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CodeLabel {
    pub(super) code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ActionLabel {
    pub(super) action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StateLabel {
    pub(super) state: &'static str,
}
