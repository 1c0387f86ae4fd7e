//! From a request to its answer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;

use crate::account::Metrics;

/// What prometheus-client writes, as Prometheus asks for it.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const READERS: HeaderValue = HeaderValue::from_static("GET, HEAD");

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

/// What is served on one address.
#[derive(Clone, Debug)]
pub enum Site {
    /// `/metrics`, and `/stats/prometheus` where Envoy has it.
    Metrics(Arc<Metrics>),
    /// `/healthz/ready`.
    Health(watch::Receiver<Readiness>),
}

impl Site {
    /// Answers a request by its method and path; a body and headers say nothing to this server.
    pub(super) fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        match (self, request.uri().path()) {
            (Self::Metrics(_) | Self::Health(_), _) if !reads(request.method()) => not_allowed(),
            (Self::Metrics(metrics), "/metrics" | "/stats/prometheus") => scrape(metrics),
            (Self::Health(readiness), "/healthz/ready") => ready(*readiness.borrow()),
            (Self::Metrics(_) | Self::Health(_), _) => {
                answer(StatusCode::NOT_FOUND, TEXT, "not found\n".into())
            }
        }
    }
}

fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn not_allowed() -> Response<Full<Bytes>> {
    let mut response = answer(
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT,
        "method not allowed\n".into(),
    );
    response.headers_mut().insert(ALLOW, READERS);
    response
}

fn scrape(metrics: &Metrics) -> Response<Full<Bytes>> {
    match metrics.encode() {
        Ok(body) => answer(StatusCode::OK, OPEN_METRICS, body),
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            format!("{error}\n"),
        ),
    }
}

fn ready(readiness: Readiness) -> Response<Full<Bytes>> {
    let status = match readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Starting | Readiness::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer(status, TEXT, format!("{readiness}\n"))
}

fn answer(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
