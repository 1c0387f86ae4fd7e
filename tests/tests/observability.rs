//! What an operator watches: the metrics, and the dashboard and the alerts that are made of them, in a
//! real Prometheus that scrapes a gateway at work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Gateway, Metrics, Prometheus, Python, REGISTRY, Scene, Testbed, fit, promtool};
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

fn configured(mode: &str, registry: &str) -> String {
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

#[test]
fn a_program_that_is_detached_is_seen_at_once() -> Result<()> {
    const BIND: (&str, &str) = ("program", "egress_bind4");
    let scene = Scene::new("")?;
    let attached = |labels: &[(&str, &str)]| -> Result<u64> {
        Ok(scene
            .metrics()?
            .sum("egress_kernel_program_attached", labels))
    };
    let all = attached(&[])?;
    assert_eq!((all, attached(&[BIND])?), (PROGRAMS, 1));
    fs::remove_file(scene.bed.pins().join("links").join(BIND.1))?;
    assert_eq!((attached(&[])?, attached(&[BIND])?), (all - 1, 0));
    Ok(())
}

/// Those on the cgroup.
const PROGRAMS: u64 = 13;

#[test]
fn programs_that_are_not_pinned_are_seen_to_be_attached() -> Result<()> {
    let scene = Scene::new("[gateway]\non_exit = \"open\"")?;
    let metrics = scene.metrics()?;
    let attached = metrics.sum("egress_kernel_program_attached", &[]);
    ensure!(attached == PROGRAMS, "{}", metrics.text());
    Ok(())
}

#[test]
fn what_is_held_is_told_beside_what_may_be() -> Result<()> {
    const HELD: u64 = 5;
    let scene = Scene::new(
        "[limits]\nconnections = 100\nconnections_per_cgroup = 50\nsniff_memory = \"1MiB\"",
    )?;
    let before = scene.metrics()?;
    let mut client = scene.python()?;
    client.run(&format!(
        "held = [connect('198.51.100.20', 5432) for _ in range({HELD})]"
    ))?;
    // They are counted when they are taken, which is after the client has connected.
    scene.counted("egress_limit_used", &[("limit", "connections")], HELD)?;
    let metrics = scene.metrics()?;
    let limit = |name, limit| metrics.sum(name, &[("limit", limit)]);
    assert_eq!(limit("egress_limit_used", "connections_per_cgroup"), HELD);
    assert_eq!(limit("egress_limit", "connections"), 100);
    assert_eq!(limit("egress_limit", "connections_per_cgroup"), 50);
    assert_eq!(limit("egress_limit", "sniff_memory"), 1 << 20);
    assert_eq!(limit("egress_limit", "access_log_queue"), 8192);
    assert_eq!(limit("egress_limit_used", "access_log_queue"), 0);

    let map = |name, map| metrics.sum(name, &[("map", map)]);
    for (name, least) in [
        ("SCOPE", 1),
        ("NETNS", 1),
        ("DESTINATIONS", 1),
        ("FLOWS", 0),
    ] {
        let (entries, room) = (
            map("egress_kernel_map_entries", name),
            map("egress_kernel_map_room", name),
        );
        ensure!(
            (least..100).contains(&entries) && room > 1_000,
            "{name}: {entries} {room}"
        );
    }
    let descriptors = |metrics: &Metrics| metrics.sum("process_open_fds", &[]);
    ensure!(descriptors(&metrics) >= descriptors(&before) + 2 * HELD);
    assert_eq!(metrics.sum("egress_ready", &[]), 1);
    Ok(())
}

/// Names that nobody has used before, in every place where a client can put one, and no name at all.
const STRANGERS: &str = r"
import random

def strange(domain):
    return f'zq{random.getrandbits(48):012x}.{domain}'

def send(address, port, message):
    with connect(address, port) as connection:
        connection.settimeout(5)
        connection.sendall(message)
        return finish(connection)  # nobody waits for more

def strangers(count):
    for number in range(count):
        name = strange(('cdn.example.com', 'example.net', 'example.org')[number % 3])
        kind = number // 3 % 5
        if kind == 0:
            tried(send, '203.0.113.11', 443, hello(name))
        elif kind == 1:
            tried(send, '203.0.113.11', 80, request(name))
        elif kind == 2:
            tried(send, '203.0.113.11', 443, random.randbytes(200))
        elif kind == 3:
            broken = bytearray(hello(name))
            broken[random.randrange(len(broken))] ^= 0x55
            tried(send, '203.0.113.11', 443, bytes(broken) + b'\0' * 600)
        else:
            tried(socket.getaddrinfo, name, 443)
    return 'done'
";

#[test]
fn thousands_of_strangers_connections_make_no_series() -> Result<()> {
    const BATCH: u64 = 300;
    const BATCHES: u64 = 10;
    let scene = Scene::new("[dns]\nqueries_per_second = 10000")?;
    let mut client = scene.python()?;
    client.run(ROUND)?;
    client.run(STRANGERS)?;
    let mut batch = || client.ask(&format!("strangers({BATCH})"));
    // Once each way in which a connection can end is known, nothing is new.
    for _ in 0..2 {
        assert_eq!(batch()?, "done");
    }
    let early = series(&scene.metrics()?);
    for _ in 2..BATCHES {
        assert_eq!(batch()?, "done");
    }
    let metrics = scene.metrics()?;
    let new: Vec<_> = series(&metrics).difference(&early).cloned().collect();
    // A byte that is wrong in a way not seen before, or a reset that comes sooner, has words of its own.
    ensure!(new.len() < 12, "{new:#?}");
    ensure!(!metrics.text().contains("zq"), "{}", metrics.text());
    let decided = metrics.sum("egress_decisions_total", &[]);
    let asked = metrics.sum("egress_dns_queries_total", &[]);
    ensure!(decided + asked >= BATCH * BATCHES, "{decided} {asked}");
    Ok(())
}

#[test]
fn bytes_are_counted_while_a_connection_lasts_and_once() -> Result<()> {
    let scene = Scene::new("")?;
    let mut client = scene.python()?;
    client.run("s = connect('198.51.100.20', 5432); s.sendall(b'echo\\n' + b'x' * 1000)")?;
    assert_eq!(client.ask("len(exactly(s, 1020))")?, "1020");
    let to_db = [("destination_service_name", "orders-db")];
    let is_counted = |received, sent| -> Result<()> {
        scene.counted("istio_tcp_received_bytes_total", &to_db, received)?;
        scene.counted("istio_tcp_sent_bytes_total", &to_db, sent)
    };
    is_counted(1_005, 1_020)?;
    let closed = |metrics: &Metrics| metrics.sum("istio_tcp_connections_closed_total", &to_db);
    assert_eq!(closed(&scene.metrics()?), 0);
    client.run("s.sendall(b'y'); exactly(s, 1); reset(s)")?;
    scene.counted("istio_tcp_connections_closed_total", &to_db, 1)?;
    is_counted(1_006, 1_021)?;
    assert_eq!(scene.line()?.pick("bytes_received bytes_sent"), "1006 1021");
    Ok(())
}

/// The names and labels on a page, without the values.
fn series(metrics: &Metrics) -> BTreeSet<String> {
    let samples = metrics.text().lines().filter(|line| !line.starts_with('#'));
    samples
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}
