//! From a request to its answer.

use std::fmt;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::sync::watch;

use crate::account::Metrics;

use super::Api;
use super::answer::{Answer, OPEN_METRICS, answer, aside, not_allowed, not_found, text};

/// Whether the gateway takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// No longer: it ends when its last connection does.
    Draining,
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        })
    }
}

/// What is served in one place.
#[derive(Clone, Debug)]
pub enum Site {
    /// `/metrics`, and `/stats/prometheus` where Envoy has it.
    Metrics(Arc<Metrics>),
    /// `/healthz/ready` and `/healthz/live`.
    Health(watch::Receiver<Readiness>),
    /// The API, for those who may give orders.
    Api(Arc<Api>),
    /// What of the API only reads.
    Reading(Arc<Api>),
}

impl Site {
    /// Answers a request.
    pub(super) async fn respond(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path();
        match self {
            Self::Api(api) => api.order(request).await,
            Self::Reading(api) => api.read(&request).await,
            Self::Metrics(_) | Self::Health(_) if !reads(request.method()) => {
                not_allowed("GET, HEAD")
            }
            Self::Metrics(metrics) if matches!(path, "/metrics" | "/stats/prometheus") => {
                let metrics = Arc::clone(metrics);
                aside(move || scrape(&metrics)).await
            }
            Self::Health(readiness) if path == "/healthz/ready" => ready(*readiness.borrow()),
            // That it answers is the answer: one that drains must be let finish.
            Self::Health(readiness) if path == "/healthz/live" => {
                text(StatusCode::OK, format!("{}\n", *readiness.borrow()))
            }
            Self::Metrics(_) | Self::Health(_) => not_found(),
        }
    }
}

pub(super) fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

pub(super) fn scrape(metrics: &Metrics) -> Answer {
    match metrics.encode() {
        Ok(body) => answer(StatusCode::OK, OPEN_METRICS, body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn ready(readiness: Readiness) -> Answer {
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Starting | Readiness::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, format!("{readiness}\n"))
}
