//! Asking the running gateway, over the Unix socket of its admin API.

mod socket;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::answers::Refusal;
use crate::types::plain;

use super::EXIT_INVALID;

pub(super) use socket::Socket;

/// Exit code: no gateway can be asked.
const EXIT_UNANSWERED: u8 = 3;

/// For one question and its whole answer. The gateway answers within milliseconds; one that is busy
/// or stopped must not make an operator wait long for the news.
const DEADLINE: Duration = Duration::from_secs(5);

/// For an order to be carried out: the largest registry is read and compiled in some seconds, on a busy
/// node in more.
const ORDER_DEADLINE: Duration = Duration::from_mins(1);

/// Bytes of an answer. A connection takes some 500; this is room for tens of thousands.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// HTTP wants a name in every request; over a Unix socket it means nothing.
const NAME: &str = "egress";

/// Asks one gateway. Each question is a connection of its own, so that a gateway that was started
/// anew is asked like any other.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum AskError {
    /// There is no such place.
    #[error("the gateway has no admin socket: [admin] socket is \"off\"")]
    Off,
    /// An order, and nobody knows for whom.
    #[error("{0}: --socket says which gateway is meant")]
    Nobody(String),
    /// There is no runtime to ask with.
    #[error("cannot begin to ask: {0}")]
    Runtime(io::Error),
    /// Nobody listens, or one may not ask.
    #[error("no gateway answers at {}: {error}", .socket.display())]
    Unreachable {
        /// Where it should be.
        socket: PathBuf,
        /// What connecting said.
        error: io::Error,
    },
    /// It was reached and said nothing in time.
    #[error("the gateway has not answered within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The connection broke, or did not speak HTTP.
    #[error("the gateway's answer broke off: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not answer this.
    #[error("the gateway answers {path} with {status}: {body}")]
    Unknown {
        /// What was asked for.
        path: String,
        /// What it said.
        status: StatusCode,
        /// And why.
        body: String,
    },
    /// It says why it does not.
    #[error("{error}")]
    Refused {
        /// What kind of reason it is.
        status: StatusCode,
        /// The reason.
        error: String,
    },
    /// It answered in other words than these.
    #[error("the gateway's answer to {path} is not understood: {error}")]
    Unintelligible {
        /// What was asked for.
        path: String,
        /// Where it stopped making sense.
        error: serde_json::Error,
    },
}

impl Asker {
    /// For the gateway whose admin API is at `socket`.
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// What the gateway answers to a GET of `path`, which may have a query.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        self.ask(Method::GET, path, Bytes::new(), DEADLINE).await
    }

    /// Has the gateway do something, and waits until it is done.
    pub(super) fn order<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<T, AskError> {
        alone(self.ask(method, path, body.into(), ORDER_DEADLINE))
    }

    /// [`get`](Self::get), where nothing else is done meanwhile.
    pub(super) fn get_now<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        alone(self.get(path))
    }

    /// What is at a path, as it is.
    pub(super) fn get_text(&self, path: &str) -> Result<Bytes, AskError> {
        alone(self.answer(Method::GET, path, Bytes::new(), DEADLINE))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<T, AskError> {
        let body = self.answer(method, path, body, deadline).await?;
        serde_json::from_slice(&body).map_err(|error| AskError::Unintelligible {
            path: path.into(),
            error,
        })
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, AskError> {
        let (status, body) = timeout(deadline, self.exchange(method, path, body))
            .await
            .map_err(|_elapsed| AskError::TooSlow(deadline))??;
        if status.is_success() {
            return Ok(body);
        }
        Err(match serde_json::from_slice(&body) {
            Ok(Refusal { error }) => AskError::Refused { status, error },
            Err(_) => AskError::Unknown {
                path: path.into(),
                status,
                body: plain(String::from_utf8_lossy(&body).trim()),
            },
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), AskError> {
        let stream =
            UnixStream::connect(&self.socket)
                .await
                .map_err(|error| AskError::Unreachable {
                    socket: self.socket.clone(),
                    error,
                })?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Moves the bytes while the answer is awaited, and no longer.
        let _moving = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, NAME)
            .body(Full::new(body))
            .map_err(broken)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(broken)?.to_bytes()))
    }
}

impl AskError {
    /// Whether the gateway refuses what it was asked or told, as it is, and would again.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY,
                ..
            }
        )
    }

    /// Says why a command could not do its work, and gives the exit code: 3 where no gateway can be asked, 2
    /// where nobody knows which one, else 1.
    pub(super) fn exit(&self) -> ExitCode {
        eprintln!("error: {self}");
        match self {
            Self::Off | Self::Unreachable { .. } => ExitCode::from(EXIT_UNANSWERED),
            Self::Nobody(_) => ExitCode::from(EXIT_INVALID),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Waits for an answer on this thread.
fn alone<T>(asked: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().map_err(AskError::Runtime)?;
    runtime.block_on(asked)
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AskError {
    AskError::Broken(error.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// Answers one question in these words, and gives what was asked.
    async fn ask_one(answer: String) -> (Result<u32, AskError>, String) {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("admin.sock");
        let listener = UnixListener::bind(&socket).expect("a listener");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.expect("a question");
            asked.truncate(read);
            // One that has heard enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
            String::from_utf8(asked).expect("text")
        });
        let said = Asker::new(socket).get("/v1/number?limit=1").await;
        (said, server.await.expect("the server ends"))
    }

    fn answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn the_answer_is_read() {
        let (said, asked) = ask_one(answer("200 OK", "7")).await;
        assert_eq!(said.expect("an answer"), 7);
        assert!(
            asked.starts_with("GET /v1/number?limit=1 HTTP/1.1\r\nhost: egress\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_gateways_words() {
        let (said, _) = ask_one(answer("404 Not Found", "not found\n")).await;
        let error = said.expect_err("a refusal").to_string();
        assert_eq!(
            error,
            "the gateway answers /v1/number?limit=1 with 404 Not Found: not found"
        );
    }

    #[tokio::test]
    async fn why_it_refuses_is_told_as_it_says_it() {
        let (said, _) = ask_one(answer("422 Unprocessable", r#"{"error":"line 7"}"#)).await;
        let error = said.expect_err("a refusal");
        assert_eq!(error.to_string(), "line 7");
        assert!(error.is_refusal());
    }

    #[tokio::test]
    async fn a_gateway_that_cannot_now_does_not_refuse_what_it_was_told() {
        let body = r#"{"error":"the gateway is ending"}"#;
        let (said, _) = ask_one(answer("503 Service Unavailable", body)).await;
        let error = said.expect_err("it cannot");
        assert_eq!(error.to_string(), "the gateway is ending");
        assert!(!error.is_refusal());
    }

    #[tokio::test]
    async fn what_is_not_an_answer_is_an_error() {
        for (said, why) in [
            (answer("200 OK", "seven"), "is not understood"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n7".into(),
                "broke off",
            ),
            ("220 mail.example.com ESMTP\r\n".into(), "broke off"),
        ] {
            let error = ask_one(said).await.0.expect_err(why).to_string();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_not_read_to_its_end() {
        let body = "7".repeat(MAX_ANSWER + 1);
        let (said, _) = ask_one(answer("200 OK", &body)).await;
        assert!(matches!(said, Err(AskError::Broken(_))), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_says_nothing_is_given_up() {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("admin.sock");
        let _listener = UnixListener::bind(&socket).expect("a listener");
        let said = Asker::new(socket).get::<u32>("/").await;
        assert!(matches!(said, Err(AskError::TooSlow(DEADLINE))), "{said:?}");
    }

    #[tokio::test]
    async fn where_nobody_listens_the_place_is_named() {
        let nowhere = Path::new("/nonexistent/admin.sock").to_owned();
        let error = Asker::new(nowhere).get::<u32>("/").await;
        let error = error.expect_err("nobody is there").to_string();
        assert_eq!(
            error,
            "no gateway answers at /nonexistent/admin.sock: No such file or directory (os error 2)"
        );
    }
}
