//! What the gateway is told to do.

use hyper::StatusCode;
use tokio::sync::oneshot;
use tracing::info;

use crate::types::ConnId;

use super::{Answer, Api, Reloaded, json, refused};

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
