//! Names and texts as a scraper sees them.

use std::sync::Arc;

use super::*;
use crate::types::{Pod, ResponseFlag, ServiceName, Workload};

fn labels() -> TcpLabels {
    TcpLabels {
        source: None,
        destination: Destination::Service(ServiceName::new("api")),
        protocol: "tls",
        flag: ResponseFlag::None,
    }
}

#[test]
fn istios_metrics_have_istios_names_labels_and_directions() {
    let metrics = Metrics::new();
    metrics.connected(&labels(), None, Duration::ZERO);
    metrics.closed(
        &labels(),
        Traffic {
            from_client: 3,
            from_upstream: 5,
        },
        Duration::from_secs(2),
    );
    metrics.failed(&TcpLabels {
        source: None,
        destination: Destination::BlackHole,
        protocol: "tcp",
        flag: ResponseFlag::UnauthorizedExternalService,
    });
    let text = metrics.encode().expect("encodes");
    let rest = r#"request_protocol="tls",response_flags="-",connection_security_policy="unknown"}"#;
    let all = format!(
        "{{reporter=\"source\",source_workload=\"unknown\",source_workload_namespace=\"unknown\",\
         destination_service=\"api\",destination_service_name=\"api\",{rest}"
    );
    for line in [
        format!("istio_tcp_connections_opened_total{all} 1"),
        format!("istio_tcp_connections_closed_total{all} 1"),
        format!("istio_tcp_sent_bytes_total{all} 5"),
        format!("istio_tcp_received_bytes_total{all} 3"),
        "egress_connection_seconds_sum 2.0".into(),
    ] {
        assert!(text.contains(&line), "{line}\nis not in\n{text}");
    }
    let help = "# HELP istio_tcp_sent_bytes Bytes of responses, from the upstream to the client.";
    assert!(text.contains(help), "{text}");
    assert!(text.contains(r#"destination_service_name="BlackHoleCluster""#));
    assert!(text.contains(r#"response_flags="UAEX""#));
}

/// Of a pod in `shop` that stands for itself.
fn from_pod(name: &str) -> TcpLabels {
    let pod = Pod {
        namespace: "shop".into(),
        name: name.into(),
        ..Pod::default()
    };
    TcpLabels {
        source: Some(Source(Arc::new(pod))),
        ..labels()
    }
}

#[test]
fn the_source_is_the_workload_and_its_namespace() {
    let metrics = Metrics::new();
    let deployed = |name: &str| {
        let mut labels = from_pod(name);
        let source = labels.source.as_mut().expect("a source");
        Arc::make_mut(&mut source.0).workload = Some(Workload {
            kind: "Deployment".into(),
            name: "checkout".into(),
        });
        labels
    };
    metrics.failed(&deployed("checkout-1"));
    metrics.failed(&deployed("checkout-2"));
    metrics.failed(&from_pod("alone"));
    let text = metrics.encode().expect("encodes");
    for (workload, count) in [("checkout", 2), ("alone", 1)] {
        let found = text.lines().any(|line| {
            let labels =
                format!("source_workload=\"{workload}\",source_workload_namespace=\"shop\"");
            line.contains(&labels) && line.ends_with(&format!(" {count}"))
        });
        assert!(found, "{workload} in\n{text}");
    }
}

#[test]
fn workloads_without_end_take_no_memory_without_end() {
    let metrics = Metrics::new();
    let number = 12_000;
    for number in 0..number {
        metrics.failed(&from_pod(&format!("job-{number}")));
    }
    let text = metrics.encode().expect("encodes");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("istio_tcp_connections_failed_total"));
    assert!(lines.clone().count() <= 10_001);
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), number, "all are counted");
}

#[test]
fn the_gateways_own_metrics_are_there_from_the_start() {
    let metrics = Metrics::new();
    metrics.reload_refused();
    metrics.reloaded(Generation(3));
    metrics.lookup_answered("servfail");
    metrics.decided("deny", Some(DenyReason::NoName));
    metrics.decided("allow", None);
    metrics.sniffed("tls", "name", Duration::from_millis(2));
    metrics.dial_failed("connect_refused");
    metrics.redialled();
    metrics.shadowed("deny", false);
    metrics.revoked("drain");
    let text = metrics.encode().expect("encodes");
    for line in [
        "egress_policy_generation 3",
        "egress_reloads_total{outcome=\"applied\"} 1",
        "egress_reloads_total{outcome=\"refused\"} 1",
        "egress_decisions_total{verdict=\"deny\",reason=\"no_name\"} 1",
        "egress_decisions_total{verdict=\"allow\",reason=\"none\"} 1",
        "egress_sniff_total{protocol=\"tls\",outcome=\"name\"} 1",
        "egress_sniff_seconds_bucket{le=\"0.0025\"} 1",
        "egress_resolve_seconds_count 0",
        "egress_connect_seconds_count 0",
        "egress_dial_failures_total{reason=\"connect_refused\"} 1",
        "egress_redials_total 1",
        "egress_shadow_verdicts_total{verdict=\"deny\",agrees=\"false\"} 1",
        "egress_revoked_connections_total{action=\"drain\"} 1",
        "egress_connections 0",
        "egress_config_last_reload_successful 1",
        "egress_dns_answers_total{code=\"servfail\"} 1",
        concat!(
            "egress_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
        "egress_access_log_dropped_total 0",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    metrics.reload_refused();
    let text = metrics.encode().expect("encodes");
    assert!(text.contains("egress_config_last_reload_successful 0"));
    let unset = "egress_config_last_reload_success_timestamp_seconds 0";
    assert!(!text.contains(unset), "{text}");
}

#[test]
fn services_of_namespaces_are_forgotten_with_their_files() {
    let metrics = Metrics::new();
    let names = ["api", "shop/kept", "shop/gone"];
    for name in names {
        let destination = Destination::Service(ServiceName::new(name));
        metrics.failed(&TcpLabels {
            destination,
            ..labels()
        });
    }
    metrics.forget_services(|name| name.as_str() == "shop/kept");
    let counted = metrics.totals();
    assert_eq!(counted.keys().collect::<Vec<_>>(), ["api", "shop/kept"]);
}

#[test]
fn another_modules_metrics_are_read_at_each_scrape() {
    #[derive(Debug)]
    struct Pipes;
    impl Collector for Pipes {
        fn encode(
            &self,
            mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
        ) -> fmt::Result {
            use prometheus_client::encoding::EncodeMetric;
            use prometheus_client::metrics::{MetricType, gauge::ConstGauge};
            let gauge =
                encoder.encode_descriptor("egress_pipes", "Pipes", None, MetricType::Gauge)?;
            ConstGauge::new(4u64).encode(gauge)
        }
    }
    let mut metrics = Metrics::new();
    metrics.register(Pipes);
    assert!(
        metrics
            .encode()
            .expect("encodes")
            .contains("egress_pipes 4")
    );
}
