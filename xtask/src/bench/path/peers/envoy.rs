//! Envoy: one filter chain for all names, found in a hash table of them.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::super::stage::{LISTEN, SERVER};
use super::super::tools;
use super::{Peer, Prepared, WORKERS, names};

/// Its own default of 1,024 is a guard for services that it knows nothing of.
const MOST_CONNECTIONS: u32 = 20_000;

pub(super) fn peer(dir: &Path) -> Prepared {
    let config = dir.join("envoy.json");
    let (config_text, workers) = (config.display().to_string(), WORKERS.to_string());
    let arguments = [
        "--config-path",
        &config_text,
        "--concurrency",
        &workers,
        "--disable-hot-restart",
        "--log-level",
        "error",
    ];
    let peer = Peer {
        program: tools::envoy(),
        arguments: arguments.map(Into::into).into(),
        instances: 1,
    };
    (peer, vec![(config, format!("{:#}\n", configuration()))])
}

/// A name that no chain has is refused: there is no default.
fn configuration() -> Value {
    let names: Vec<_> = names().collect();
    json!({ "static_resources": {
        "listeners": [{
            "name": "clients",
            "address": address(LISTEN),
            "tcp_backlog_size": 4096,
            "listener_filters": [typed(
                "envoy.filters.listener.tls_inspector",
                "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
                &json!({}),
            )],
            "filter_chains": [{
                "filter_chain_match": { "server_names": names },
                "filters": [typed(
                    "envoy.filters.network.tcp_proxy",
                    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                    &json!({ "stat_prefix": "server", "cluster": "server" }),
                )],
            }],
        }],
        "clusters": [{
            "name": "server",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": { "thresholds": [{
                "max_connections": MOST_CONNECTIONS,
                "max_pending_requests": MOST_CONNECTIONS,
                "max_requests": MOST_CONNECTIONS,
            }] },
            "load_assignment": { "cluster_name": "server", "endpoints": [{ "lb_endpoints": [{
                "endpoint": { "address": address(SERVER) },
            }] }] },
        }],
    } })
}

fn address(address: SocketAddr) -> Value {
    let (ip, port) = (address.ip().to_string(), address.port());
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

/// An extension by its name, its type, and its settings.
fn typed(name: &str, kind: &str, settings: &Value) -> Value {
    let mut config = json!({ "@type": format!("type.googleapis.com/{kind}") });
    if let (Some(config), Some(settings)) = (config.as_object_mut(), settings.as_object()) {
        config.extend(settings.clone());
    }
    json!({ "name": name, "typed_config": config })
}
