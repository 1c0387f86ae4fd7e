//! The dashboard and the alerts, in a real Prometheus that scrapes a gateway at work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Gateway, Prometheus, Python, REGISTRY, Scene, Testbed, fit, promtool};
use serde_json::Value;

const DASHBOARD: &str = include_str!("../../deploy/grafana/egress.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yaml");
const ALERTS_TEST: &str = include_str!("../../deploy/prometheus/alerts_test.yaml");

/// One of everything that the dashboard tells apart.
const ROUND: &str = r"
def tried(function, *args):
    try:
        return function(*args)
    except OSError:
        return None

def round():
    served = get('api.example.com', '203.0.113.10')
    get('api.example.com', '203.0.113.66')  # a false address
    say('203.0.113.12', 80, request('packages.example.org'))
    echo(b'x' * 100_000)
    tried(get, 'evil.example.net', '203.0.113.66')
    tried(say, '198.51.100.20', 6000, b'nobody listens there')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        tried(datagrams.sendto, b'x', ('203.0.113.200', 9))
    tried(socket.getaddrinfo, 'api.example.com', 443)
    tried(socket.getaddrinfo, 'evil.example.net', 443)
    return served
";

fn deploy(file: &str) -> PathBuf {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    deploy.join(file)
}

/// The registry without a service.
fn without(name: &str) -> String {
    let services = REGISTRY.split_inclusive("\n\n");
    services
        .filter(|service| !service.contains(&format!("name = \"{name}\"")))
        .collect()
}

/// A gateway with a shadow that lacks a service.
fn shadowed() -> Result<Scene> {
    Scene::on(Testbed::new()?, |bed| {
        let etc = bed.dir().join("etc");
        fs::create_dir_all(&etc)?;
        fs::write(etc.join("next.toml"), fit(bed, &without("api")))?;
        Gateway::start(bed, &configured("enforce", REGISTRY))
    })
}

/// With a service whose connections are counted.
fn configured(mode: &str, registry: &str) -> String {
    let lab = "name = \"lab\"\n";
    let counted = "traffic_policy = { connection_pool = { tcp = { max_connections = 1 } } }\n";
    let registry = registry.replace(lab, &format!("{lab}{counted}"));
    format!("[gateway]\nshadow = \"next.toml\"\nmode = \"{mode}\"\n\n{registry}")
}

/// Serves, refuses, reloads and revokes; each thing twice, so that rates have something to tell.
fn work(scene: &Scene, prometheus: &Prometheus<'_>) -> Result<()> {
    let mut client: Python = scene.python()?;
    client.run(ROUND)?;
    client.run("held = connect('198.51.100.20', 5432)")?;
    let mut rounds = || -> Result<()> {
        for _ in 0..2 {
            let served = client.ask("round()")?;
            ensure!(served.starts_with("served by api"), "{served}");
            prometheus.scraped_twice()?;
        }
        Ok(())
    };
    rounds()?;
    scene
        .gateway
        .replace_config(&configured("audit", REGISTRY))?;
    scene.reloaded(2)?;
    rounds()?;
    scene.gateway.replace_config("no configuration")?;
    scene.counted("egress_config_last_reload_successful", &[], 0)?;
    scene
        .gateway
        .replace_config(&configured("enforce", &without("orders-db")))?;
    scene.reloaded(3)?;
    let revoked = [("action", "close")];
    scene.counted("egress_revoked_connections_total", &revoked, 1)?;
    prometheus.scraped_twice()
}

/// A panel's title, and one of its queries as Grafana would send it.
fn queries() -> Result<Vec<(String, String)>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let panels = dashboard.pointer("/panels").and_then(Value::as_array);
    let mut queries = Vec::new();
    for panel in panels.context("no panels")? {
        let title = panel.pointer("/title").and_then(Value::as_str);
        let title = title.context("a panel without a title")?;
        let targets = panel.pointer("/targets").and_then(Value::as_array);
        for target in targets.into_iter().flatten() {
            let query = target.pointer("/expr").and_then(Value::as_str);
            let query = substituted(query.context("a target without a query")?);
            ensure!(!query.contains('$'), "{title}: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    Ok(queries)
}

/// With the dashboard's variables as they are when all is selected; rates are over the whole test.
fn substituted(query: &str) -> String {
    let all = [("$__rate_interval", "1h"), ("$job", "egress")];
    let all = all
        .into_iter()
        .chain([("$instance", ".*"), ("$service", ".*")]);
    all.fold(query.to_owned(), |query, (name, value)| {
        query.replace(name, value)
    })
}

/// The value of the series with this label.
fn value(series: &[Value], label: &str, is: &str) -> Option<f64> {
    let mut found = series
        .iter()
        .filter(|one| one.pointer(&format!("/metric/{label}")) == Some(&is.into()));
    found.next()?.pointer("/value/1")?.as_str()?.parse().ok()
}

#[test]
fn every_panel_of_the_dashboard_shows_what_the_gateway_did() -> Result<()> {
    let scene = shadowed()?;
    let prometheus = Prometheus::start(&scene.bed, &deploy("prometheus/alerts.yaml"))?;
    work(&scene, &prometheus)?;
    let queries = queries()?;
    ensure!(queries.len() > 50, "{} queries", queries.len());
    let mut empty = Vec::new();
    for (title, query) in &queries {
        let series = prometheus.query(query)?;
        let is_number = |one: &Value| one.pointer("/value/1") != Some(&"NaN".into());
        if series.is_empty() || !series.iter().all(is_number) {
            empty.push(format!("{title}: {query}: {series:?}"));
        }
    }
    ensure!(empty.is_empty(), "show nothing: {empty:#?}");

    let shown = |title: &str| -> Result<Vec<Value>> {
        let found = queries.iter().find(|(panel, _)| panel == title);
        let (_, query) = found.with_context(|| format!("no panel {title}"))?;
        prometheus.query(query)
    };
    let bytes = |title: &str| -> Result<f64> {
        let series = shown(title)?;
        let api = value(&series, "destination_service_name", "api");
        api.with_context(|| format!("{title}: {series:?}"))
    };
    // A server's certificates and page are more than a client's hello and request.
    let sent = bytes("Bytes to clients (Istio: sent)")?;
    let received = bytes("Bytes to upstreams (Istio: received)")?;
    ensure!(sent > 1.5 * received && received > 0.0, "{sent} {received}");
    let denied = shown("Denied, by reason")?;
    let unregistered = value(&denied, "reason", "host_not_in_registry");
    ensure!(unregistered > Some(0.0), "{denied:?}");
    let refused = shown("Connections not made, by reason")?;
    let refused = value(&refused, "reason", "connect_refused");
    ensure!(refused > Some(0.0), "{refused:?}");

    rules_are_evaluated(&prometheus)
}

/// Prometheus has no error to tell of any rule.
fn rules_are_evaluated(prometheus: &Prometheus<'_>) -> Result<()> {
    let page = prometheus.page("/api/v1/rules")?;
    let rules = page
        .pointer("/data/groups/0/rules")
        .and_then(Value::as_array);
    let rules = rules.with_context(|| page.to_string())?;
    ensure!(rules.len() == alerts().len(), "{page}");
    for rule in rules {
        ensure!(rule.pointer("/health") == Some(&"ok".into()), "{rule}");
    }
    let alerts = prometheus.query("ALERTS{alertstate=\"firing\"}")?;
    let fires = |name: &str| value(&alerts, "alertname", name).is_some();
    ensure!(fires("EgressShadowDisagrees"), "{alerts:?}");
    for quiet in ["EgressDown", "EgressProgramsLacking", "EgressReloadFailed"] {
        ensure!(!fires(quiet), "{alerts:?}");
    }
    Ok(())
}

#[test]
fn the_alerts_are_as_prometheus_wants_them_and_fire_when_they_should() -> Result<()> {
    promtool(&["check", "rules"], &deploy("prometheus/alerts.yaml"))?;
    promtool(&["test", "rules"], &deploy("prometheus/alerts_test.yaml"))?;
    Ok(())
}

#[test]
fn every_alert_is_tested_and_says_what_to_do() -> Result<()> {
    let tested: Vec<_> = values(ALERTS_TEST, "alertname: ").collect();
    for alert in alerts() {
        let times = tested.iter().filter(|name| **name == alert).count();
        ensure!(times >= 2, "{alert}: tested when it fires and when not");
    }
    let begins = ALERTS.matches("- alert: ").count();
    for key in ["severity: ", "summary: ", "description: ", "runbook_url: "] {
        assert_eq!(values(ALERTS, key).count(), begins, "{key}");
    }
    for severity in values(ALERTS, "severity: ") {
        ensure!(
            ["critical", "warning", "info"].contains(&severity),
            "{severity}"
        );
    }
    for runbook in values(ALERTS, "runbook_url: ") {
        ensure!(
            runbook.starts_with("docs/troubleshooting.md#egress-"),
            "{runbook}"
        );
    }
    Ok(())
}

fn alerts() -> BTreeSet<&'static str> {
    values(ALERTS, "- alert: ").collect()
}

/// What follows a key in a file of rules, where it begins a line.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.trim_start().strip_prefix(key))
}
