//! Answers: a status, a kind of content, and a body.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::task::spawn_blocking;

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// What prometheus-client writes, as Prometheus asks for it.
pub(super) const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer of this kind of content.
pub(super) fn answer(status: StatusCode, content_type: HeaderValue, body: String) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// One for people.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    answer(status, TEXT, body.into())
}

/// One for programs.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(mut body) => {
            body.push('\n');
            let mut response = answer(status, JSON, body);
            response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// The path is right, and the method is not.
pub(super) fn not_allowed(allowed: &'static str) -> Answer {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// There is nothing of this name.
pub(super) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "not found\n")
}

/// An answer that files, maps or many connections are looked at for: on a thread that may take its time, while
/// connections are served as ever.
pub(super) async fn aside(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")))
}
