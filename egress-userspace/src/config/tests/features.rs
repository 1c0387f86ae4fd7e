//! What a file may say depends on what the gateway is built with.

use super::{MINIMAL, with};
use crate::config::Config;

fn errors(text: &str) -> String {
    let text = format!("{MINIMAL}\n{text}");
    let errors = Config::from_toml("egress.toml", &text).expect_err(&text);
    errors.to_string()
}

#[test]
fn telemetry_goes_nowhere_unless_the_file_says_so() {
    assert_eq!(with("").otel.endpoint, None);
    assert_eq!(with("[otel]\nendpoint = 'off'").otel.endpoint, None);
}

#[cfg(feature = "otel")]
#[test]
fn telemetry_goes_to_a_url_of_plain_http() {
    for url in [
        "http://127.0.0.1:4318",
        "http://[::1]:4318/otlp/",
        "http://collector",
    ] {
        let config = with(&format!("[otel]\nendpoint = '{url}'"));
        let endpoint = config.otel.endpoint.expect("an endpoint");
        let shortest = url.parse::<http::Uri>().expect("a URL");
        assert_eq!(endpoint.uri(), &shortest);
    }
    for wrong in [
        "",
        "127.0.0.1:4318",
        "/otlp",
        "http://",
        "http:///x",
        "http://user:word@host",
        "http://host/x?y",
        "ftp://host",
    ] {
        let said = errors(&format!("[otel]\nendpoint = '{wrong}'"));
        assert!(said.contains("is no endpoint"), "{wrong}: {said}");
    }
    let wrong = "[otel]\nendpoint = 'http://user:word@host'";
    let wrong = Config::from_toml("egress.toml", wrong).expect_err("it names a user");
    let mut wrong = wrong.iter();
    let wrong = wrong.find(|error| error.key.as_deref() == Some("otel.endpoint"));
    assert_eq!(
        wrong.expect("it is said").message,
        "otel.endpoint: what names a user is no endpoint"
    );
    let said = errors("[otel]\nendpoint = 'https://host'");
    assert!(said.contains("forwards over TLS"), "{said}");
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_gateway_that_cannot_export_telemetry_takes_no_endpoint() {
    let said = errors("[otel]\nendpoint = 'http://127.0.0.1:4318'");
    assert!(said.contains("built without OpenTelemetry"), "{said}");
    assert!(said.contains("--features otel"), "{said}");
}

#[test]
fn no_cluster_is_asked_unless_the_file_says_so() {
    assert_eq!(with("").kubernetes, None);
    assert_eq!(
        with("[kubernetes]\nwatch = 'off'\nnode = 'a'").kubernetes,
        None
    );
}

#[cfg(feature = "k8s")]
#[test]
fn a_cluster_is_what_its_section_says() {
    let config = with("[kubernetes]\nnode = 'worker-1.example'\nkubeconfig = '/etc/kubeconfig'");
    let kubernetes = config.kubernetes.expect("a cluster");
    assert_eq!(kubernetes.watch, crate::config::WatchWord::Node);
    let node = kubernetes.node.expect("a node");
    assert_eq!(node.as_str(), "worker-1.example");
    for wrong in ["", "a,metadata.name=b", "A", "a b"] {
        let said = errors(&format!("[kubernetes]\nnode = '{wrong}'"));
        assert!(said.contains("is no node's name"), "{wrong}: {said}");
    }
}

#[cfg(not(feature = "k8s"))]
#[test]
fn a_gateway_that_cannot_ask_a_cluster_takes_none() {
    let said = errors("[kubernetes]");
    assert!(said.contains("built without Kubernetes"), "{said}");
    assert!(said.contains("--features k8s"), "{said}");
}
