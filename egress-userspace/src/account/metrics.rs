//! Prometheus metrics. Every label value is a configured service's name, one of a fixed few, or a workload of the
//! cluster, of which there is a bound.

mod few;
mod labels;
mod tcp;
mod timing;

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use super::record::Traffic;
use crate::types::{DenyReason, Generation, ServiceName};

use few::Few;
pub use labels::PASSTHROUGH;
use labels::{
    ActionLabel, CodeLabel, DecisionLabels, OutcomeLabel, ReasonLabel, ShadowLabels, SniffLabels,
    StateLabel,
};
pub(super) use labels::{Destination, Source, TcpLabels};
pub use tcp::Totals;
use tcp::{Series, Tcp};
use timing::Timing;

/// All metrics of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    tcp: Tcp,
    connections: Gauge,
    decisions: Few<DecisionLabels>,
    sniffs: Few<SniffLabels>,
    sniff_seconds: Timing,
    resolve_seconds: Timing,
    connect_seconds: Timing,
    connection_seconds: Timing,
    redials: Counter,
    dial_failures: Family<ReasonLabel, Counter>,
    shadow_verdicts: Family<ShadowLabels, Counter>,
    revoked: Family<ActionLabel, Counter>,
    namespace_files: Family<StateLabel, Gauge>,
    policy_generation: Gauge<u64, AtomicU64>,
    reloads: Family<OutcomeLabel, Counter>,
    last_reload_applied: Gauge,
    last_reload_time: Gauge<u64, AtomicU64>,
    access_log_dropped: Counter,
    access_log_sampled_out: Counter,
    #[cfg(feature = "otel")]
    spans_dropped: Counter,
    lookups: Few<DecisionLabels>,
    lookup_seconds: Timing,
    answers: Few<CodeLabel>,
    lookups_unanswered: Counter,
    lookups_dropped: Counter,
}

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let mut add = Adder(&mut registry);
        add.info(
            "egress_build",
            "The version that runs",
            [("version", env!("CARGO_PKG_VERSION"))],
        );
        Self {
            tcp: add.collector(Tcp::default()),
            connections: add.metric(
                "egress_connections",
                "Connections held now",
                Gauge::default(),
            ),
            decisions: add.few("egress_decisions", "Decisions by verdict and reason"),
            sniffs: add.few("egress_sniff", "First messages read, by what was found"),
            sniff_seconds: add.latency("egress_sniff_seconds", "Time until the name was known"),
            resolve_seconds: add.latency("egress_resolve_seconds", "Time to resolve a name"),
            connect_seconds: add.latency("egress_connect_seconds", "Time to connect upstream"),
            connection_seconds: add.metric(
                "egress_connection_seconds",
                "Time from accept to the end, of connections that had an upstream",
                Timing::new(timing::LIFE),
            ),
            redials: add.metric(
                "egress_redials",
                "Connections whose own address is not one of the name's, dialled to one that is",
                Counter::default(),
            ),
            dial_failures: add.family("egress_dial_failures", "Connections not made, by reason"),
            shadow_verdicts: add.family(
                "egress_shadow_verdicts",
                "What the shadow policy says, and whether the enforced one says the same",
            ),
            revoked: add.family(
                "egress_revoked_connections",
                "Live connections that a new policy forbids, by what is done with them",
            ),
            namespace_files: add.metric(
                "egress_namespace_files",
                "Files of namespaces, by what of them is in force",
                Family::default(),
            ),
            policy_generation: add.metric(
                "egress_policy_generation",
                "Number of the policy in effect, counted from 1",
                Gauge::default(),
            ),
            reloads: add.family("egress_reloads", "Configurations read, by outcome"),
            last_reload_applied: add.metric(
                "egress_config_last_reload_successful",
                "Whether the last configuration that was read took effect: 1, or 0",
                Gauge::default(),
            ),
            last_reload_time: add.metric(
                "egress_config_last_reload_success_timestamp_seconds",
                "When a configuration took effect for the last time, as Unix time",
                Gauge::default(),
            ),
            access_log_dropped: add.metric(
                "egress_access_log_dropped",
                "Access-log lines lost because the log could not be written fast enough, or at all",
                Counter::default(),
            ),
            access_log_sampled_out: add.metric(
                "egress_access_log_sampled_out",
                "Connections without a line in the access log, because only a share has one",
                Counter::default(),
            ),
            #[cfg(feature = "otel")]
            spans_dropped: add.metric(
                "egress_otel_spans_dropped",
                "Spans lost because the collector did not take them fast enough, or at all",
                Counter::default(),
            ),
            lookups: add.few(
                "egress_dns_queries",
                "DNS queries of governed processes, by verdict and reason",
            ),
            lookup_seconds: add.latency(
                "egress_dns_query_seconds",
                "Time until a DNS query was answered or denied",
            ),
            answers: add.few(
                "egress_dns_answers",
                "Answers of DNS servers to queries of governed processes, by response code",
            ),
            lookups_unanswered: add.metric(
                "egress_dns_unanswered",
                "DNS queries that no server answered",
                Counter::default(),
            ),
            lookups_dropped: add.metric(
                "egress_dns_dropped",
                "Datagrams to the DNS forwarder that no governed process sent",
                Counter::default(),
            ),
            registry,
        }
    }

    /// Adds metrics that another module keeps, read at each scrape.
    pub fn register(&mut self, collector: impl Collector) {
        self.registry.register_collector(Box::new(collector));
    }

    /// All metrics as text, in the `OpenMetrics` format.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut body = String::new();
        text::encode(&mut body, &self.registry)?;
        Ok(body)
    }

    /// What came of connections, by service; what has none goes by Istio's names for it.
    pub fn totals(&self) -> BTreeMap<String, Totals> {
        self.tcp.totals()
    }

    /// Files of namespaces of which this is in force, a word of few.
    pub fn namespace_files(&self, state: &'static str, count: usize) {
        let files = self.namespace_files.get_or_create(&StateLabel { state });
        files.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Forgets the services of namespaces' own of which `is_one` says that there are no such any more.
    pub fn forget_services(&self, is_one: impl Fn(&ServiceName) -> bool) {
        self.tcp.forget(is_one);
    }

    /// A policy took effect.
    pub fn reloaded(&self, generation: Generation) {
        self.policy_generation.set(generation.0);
        self.reloads
            .get_or_create(&OutcomeLabel { outcome: "applied" })
            .inc();
        self.last_reload_applied.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.last_reload_time.set(now.unwrap_or_default().as_secs());
    }

    /// A configuration was refused; the policy before it stays.
    pub fn reload_refused(&self) {
        self.reloads
            .get_or_create(&OutcomeLabel { outcome: "refused" })
            .inc();
        self.last_reload_applied.set(0);
    }

    pub(super) fn access_log_dropped(&self) -> Counter {
        self.access_log_dropped.clone()
    }

    #[cfg(feature = "otel")]
    pub(super) fn spans_dropped(&self) -> Counter {
        self.spans_dropped.clone()
    }

    pub(super) fn sampled_out(&self) {
        self.access_log_sampled_out.inc();
    }

    pub(super) fn connection_accepted(&self) {
        self.connections.inc();
    }

    pub(super) fn connection_over(&self) {
        self.connections.dec();
    }

    pub(super) fn sniffed(&self, protocol: &'static str, outcome: &'static str, took: Duration) {
        self.sniffs.inc(&SniffLabels { protocol, outcome });
        self.sniff_seconds.observe(took);
    }

    pub(super) fn decided(&self, verdict: &'static str, reason: Option<DenyReason>) {
        let reason = reason.map_or("none", DenyReason::label);
        self.decisions.inc(&DecisionLabels { verdict, reason });
    }

    pub(super) fn looked_up(
        &self,
        verdict: &'static str,
        reason: Option<DenyReason>,
        took: Duration,
    ) {
        let reason = reason.map_or("none", DenyReason::label);
        self.lookups.inc(&DecisionLabels { verdict, reason });
        self.lookup_seconds.observe(took);
    }

    pub(super) fn lookup_answered(&self, code: &'static str) {
        self.answers.inc(&CodeLabel { code });
    }

    pub(super) fn lookup_unanswered(&self) {
        self.lookups_unanswered.inc();
    }

    pub(super) fn lookup_dropped(&self) {
        self.lookups_dropped.inc();
    }

    pub(super) fn shadowed(&self, verdict: &'static str, agrees: bool) {
        let agrees = if agrees { "true" } else { "false" };
        self.shadow_verdicts
            .get_or_create(&ShadowLabels { verdict, agrees })
            .inc();
    }

    pub(super) fn revoked(&self, action: &'static str) {
        self.revoked.get_or_create(&ActionLabel { action }).inc();
    }

    pub(super) fn connected(
        &self,
        labels: &TcpLabels,
        resolve: Option<Duration>,
        connect: Duration,
    ) {
        self.tcp.count(labels, Series::opened);
        if let Some(took) = resolve {
            self.resolve_seconds.observe(took);
        }
        self.connect_seconds.observe(connect);
    }

    pub(super) fn redialled(&self) {
        self.redials.inc();
    }

    pub(super) fn dial_failed(&self, reason: &'static str) {
        self.dial_failures
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    pub(super) fn failed(&self, labels: &TcpLabels) {
        self.tcp.count(labels, Series::failed);
    }

    pub(super) fn moved(&self, labels: &TcpLabels, traffic: Traffic) {
        self.tcp.count(labels, |series| series.moved(traffic));
    }

    pub(super) fn closed(&self, labels: &TcpLabels, traffic: Traffic, lasted: Duration) {
        self.tcp.count(labels, |series| series.closed(traffic));
        self.connection_seconds.observe(lasted);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Registers metrics one by one. The registry adds `_total` to the names of counters, and a full stop
/// to each text.
struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    fn metric<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn collector<C: Collector + Clone>(&mut self, collector: C) -> C {
        self.0.register_collector(Box::new(collector.clone()));
        collector
    }

    fn family<L>(&mut self, name: &str, help: &str) -> Family<L, Counter>
    where
        Family<L, Counter>: Metric + Default,
    {
        self.metric(name, help, Family::default())
    }

    fn few<L: Clone + Debug + Eq + Hash>(&mut self, name: &str, help: &str) -> Few<L>
    where
        Family<L, Counter>: Metric + Default,
    {
        Few::new(self.family(name, help))
    }

    fn latency(&mut self, name: &str, help: &str) -> Timing {
        self.metric(name, help, Timing::new(timing::LATENCY))
    }

    fn info<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [(&'static str, &'static str); N],
    ) {
        self.0.register(name, help, Info::new(labels));
    }
}

#[cfg(test)]
mod tests;
