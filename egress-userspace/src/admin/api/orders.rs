//! What the gateway is told to do.

use http_body_util::{BodyExt as _, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tracing::info;

use crate::answers::{LogLevel, Reloaded};
use crate::types::ConnId;

use super::{Answer, Api, json, refused};

/// Bytes of what is to be told: a directive for each of some dozens of modules.
const LONGEST_LEVEL: usize = 4_096;

/// What the gateway's own loop carries out.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again, and say what came of it: an error in full, as for people.
    Reload(oneshot::Sender<Result<Reloaded, String>>),
    /// End, as at SIGTERM.
    Drain,
}

impl Api {
    /// Has the configuration read again, and waits until it is in force or refused.
    pub(super) async fn reload(&self) -> Answer {
        let (tell, told) = oneshot::channel();
        if self.orders.send(Order::Reload(tell)).await.is_err() {
            return ending();
        }
        match told.await {
            Ok(Ok(reloaded)) => json(StatusCode::OK, &reloaded),
            Ok(Err(error)) => refused(StatusCode::UNPROCESSABLE_ENTITY, &error),
            Err(_) => ending(),
        }
    }

    /// Has the gateway end.
    pub(super) async fn drain(&self) -> Answer {
        match self.orders.send(Order::Drain).await {
            Ok(()) => json(StatusCode::ACCEPTED, &serde_json::json!({})),
            Err(_) => ending(),
        }
    }

    /// What the diagnostics tell.
    pub(super) fn log_level(&self) -> LogLevel {
        LogLevel {
            log_level: self.diagnostics.levels.now(),
        }
    }

    /// Has the diagnostics tell what the body says.
    pub(super) async fn set_log_level(&self, body: Incoming) -> Answer {
        let body = Limited::new(body, LONGEST_LEVEL).collect().await;
        let Some(directives) = body.ok().and_then(|body| {
            let bytes = body.to_bytes();
            String::from_utf8(bytes.into()).ok()
        }) else {
            return refused(StatusCode::BAD_REQUEST, "not a text of at most 4096 bytes");
        };
        match self.diagnostics.levels.set(directives.trim()) {
            Ok(()) => {
                info!(
                    log_level = self.diagnostics.levels.now(),
                    "an operator sets what is told"
                );
                json(StatusCode::OK, &self.log_level())
            }
            Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        }
    }

    /// Ends one connection.
    pub(super) fn close(&self, id: &str) -> Answer {
        let Ok(id) = id.parse().map(ConnId) else {
            return refused(StatusCode::BAD_REQUEST, "a connection's id is a number");
        };
        match self.gateway.connections.get(id) {
            Some(connection) => {
                connection.end();
                info!(conn_id = id.0, "an operator ends a connection");
                json(StatusCode::ACCEPTED, &serde_json::json!({ "id": id.0 }))
            }
            None => refused(StatusCode::NOT_FOUND, "no such connection is live"),
        }
    }
}

fn ending() -> Answer {
    refused(StatusCode::SERVICE_UNAVAILABLE, "the gateway is ending")
}
