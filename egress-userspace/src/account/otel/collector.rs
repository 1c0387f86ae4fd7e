//! One message to the collector.

use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For a message and its answer: OTLP's default.
const DEADLINE: Duration = Duration::from_secs(10);

/// A collector's port for OTLP over HTTP.
const PORT: u16 = 4318;

/// Where messages go. Each has a connection of its own: there is one a second, or fewer.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    host: String,
    port: u16,
    /// As a request names it.
    authority: String,
    /// What stands before a message's own path.
    base: String,
}

/// Why a message did not arrive, or may not have.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("cannot connect to the collector: {0}")]
    Connect(io::Error),
    #[error("the collector cannot be asked: {0}")]
    Request(#[from] http::Error),
    #[error("asking the collector: {0}")]
    Http(#[from] hyper::Error),
    #[error("the collector refused it: {0}")]
    Refused(StatusCode),
    #[error("the collector did not answer within {DEADLINE:?}")]
    Late,
}

impl Collector {
    pub(super) fn new(endpoint: &Uri) -> Self {
        let host = endpoint.host().unwrap_or_default();
        Self {
            // An IPv6 address is in brackets in a URI, and nowhere else.
            host: host.trim_matches(['[', ']']).into(),
            port: endpoint.port_u16().unwrap_or(PORT),
            authority: endpoint.authority().map_or(host, Authority::as_str).into(),
            base: endpoint.path().trim_end_matches('/').into(),
        }
    }

    /// Sends a message; of the answer only the status is read.
    pub(super) async fn post(&self, path: &str, message: &impl Message) -> Result<(), ExportError> {
        let exchange = self.exchange(path, message.encode_to_vec().into());
        timeout(DEADLINE, exchange)
            .await
            .unwrap_or(Err(ExportError::Late))
    }

    async fn exchange(&self, path: &str, body: Bytes) -> Result<(), ExportError> {
        let request = Request::post(format!("{}{path}", self.base))
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))?;
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(ExportError::Connect)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut answer = pin!(sender.send_request(request));
        let answer = tokio::select! {
            answer = &mut answer => answer?,
            // The answer may have come with the connection's end; if not, it is the error.
            _ = connection => answer.await?,
        };
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(ExportError::Refused(answer.status()))
        }
    }
}
