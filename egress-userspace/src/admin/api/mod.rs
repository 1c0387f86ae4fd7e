//! The API: what the gateway knows at this moment, and the few orders that it takes.
//!
//! `openapi.json` describes it. Names that clients sent, paths and executables are in it as they came: who
//! shows them takes care of what they may hold.

mod cluster;
mod connections;
mod denied;
mod explain;
mod orders;
mod query;
mod services;
mod standing;
mod status;
mod troubles;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode, Uri};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::account::Metrics;
use crate::answers::Refusal;
use crate::conn::Gateway;
use crate::kernel::Shown;
use crate::logging::Diagnostics;

use super::Readiness;
use super::answer::{Answer, answer, aside, json, not_allowed, not_found};
use super::page::page;
use super::respond::{reads, scrape};

pub use cluster::ClusterView;
pub use orders::Order;
pub use standing::Standing;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// Root, or the gateway's own user.
    Operator,
    /// Any process of the node's network namespace, which is not to read lines of the configuration.
    Anyone,
}

/// What each path answers, in words that programs read.
const OPENAPI: &str = include_str!("openapi.json");

/// Whom the API asks.
pub struct Api {
    /// For its connections and what was denied.
    pub gateway: Arc<Gateway>,
    /// For what the programs count, and whether they are attached.
    pub kernel: Arc<Shown>,
    /// For what has been counted.
    pub metrics: Arc<Metrics>,
    /// Whether it takes connections.
    pub readiness: watch::Receiver<Readiness>,
    /// What it goes by.
    pub standing: watch::Receiver<Standing>,
    /// What is known of the cluster's pods, if there is one.
    pub cluster: Option<ClusterView>,
    /// Who carries out orders.
    pub orders: mpsc::Sender<Order>,
    /// What is told of it, and was.
    pub diagnostics: Diagnostics,
    /// When it started.
    pub started: SystemTime,
}

impl Api {
    /// Answers a request of somebody who may only read.
    ///
    /// A web page that somebody on the node looks at can have its browser ask here, under a name of its own
    /// that leads to this address: such a request names that host, and is refused.
    pub(super) async fn read(self: &Arc<Self>, request: &Request<Incoming>) -> Answer {
        if !request.headers().get(HOST).is_some_and(is_local) {
            return refused(StatusCode::MISDIRECTED_REQUEST, "ask by a loopback address");
        }
        if !reads(request.method()) {
            return not_allowed("GET, HEAD");
        }
        self.tell(request.uri(), Asker::Anyone).await
    }

    /// Answers a request of somebody who may do all.
    pub(super) async fn order(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        if reads(request.method()) {
            self.tell(request.uri(), Asker::Operator).await
        } else {
            self.carry_out(request).await
        }
    }

    async fn tell(self: &Arc<Self>, uri: &Uri, asker: Asker) -> Answer {
        let (api, uri) = (Arc::clone(self), uri.clone());
        aside(move || api.answer(&uri, asker)).await
    }

    fn answer(&self, uri: &Uri, asker: Asker) -> Answer {
        let query = uri.query().unwrap_or_default();
        match (uri.path(), asker) {
            ("/", _) => page(),
            ("/openapi.json", _) => answer(
                StatusCode::OK,
                HeaderValue::from_static("application/json"),
                OPENAPI.into(),
            ),
            ("/metrics" | "/stats/prometheus", _) => scrape(&self.metrics),
            ("/v1/status", _) => json(StatusCode::OK, &self.status(asker)),
            ("/v1/log-level", _) => json(StatusCode::OK, &self.log_level()),
            ("/v1/troubles", Asker::Operator) => json(StatusCode::OK, &self.troubles()),
            ("/v1/services", _) => json(StatusCode::OK, &self.services()),
            ("/v1/connections", _) => {
                told(query::connections(query).map(|asked| self.connections(&asked)))
            }
            ("/v1/denied", _) => told(query::limit(query).map(|limit| self.denied(limit))),
            _ => not_found(),
        }
    }

    async fn carry_out(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        match (parts.method, parts.uri.path()) {
            (Method::POST, "/v1/reload") => self.reload().await,
            (Method::POST, "/v1/drain") => self.drain().await,
            (Method::POST, "/v1/explain") => self.explain(body).await,
            (Method::PUT, "/v1/log-level") => self.set_log_level(body).await,
            (_, "/v1/reload" | "/v1/drain" | "/v1/explain") => not_allowed("POST"),
            (_, "/v1/log-level") => not_allowed("GET, HEAD, PUT"),
            (method, path) => match path.strip_prefix("/v1/connections/") {
                Some(id) if method == Method::DELETE => self.close(id),
                Some(_) => not_allowed("DELETE"),
                None => not_found(),
            },
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

fn refused(status: StatusCode, error: &str) -> Answer {
    let error = error.to_owned();
    json(status, &Refusal { error })
}

fn told(answer: Result<impl Serialize, query::Wrong>) -> Answer {
    match answer {
        Ok(value) => json(StatusCode::OK, &value),
        Err(wrong) => refused(StatusCode::BAD_REQUEST, &wrong.to_string()),
    }
}

/// Whether a `Host` names this machine in a way that leads nowhere else: an address of loopback, or
/// `localhost` (RFC 6761 section 6.3), with or without a port.
fn is_local(host: &HeaderValue) -> bool {
    let authority = host.to_str().ok().and_then(|text| text.parse().ok());
    let Some(authority): Option<Authority> = authority else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:15000",
            "127.0.0.1:15000",
            "127.9.9.9",
            "[::1]:1",
        ] {
            assert!(is_local(&HeaderValue::from_static(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:15000",
            "192.0.2.1",
            "user@evil.example",
            "[2001:db8::1]",
        ] {
            assert!(!is_local(&HeaderValue::from_static(host)), "{host}");
        }
    }
}
