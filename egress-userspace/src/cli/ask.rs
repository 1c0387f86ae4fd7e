//! Asking the running gateway, over the Unix socket of its admin API.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// For one question and its whole answer. The gateway answers within milliseconds; one that is busy
/// or stopped must not make an operator wait long for the news.
const DEADLINE: Duration = Duration::from_secs(5);

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
    /// Nobody listens, or one may not ask.
    #[error("no gateway answers at {}: {error}", .socket.display())]
    Unreachable {
        /// Where it should be.
        socket: PathBuf,
        /// What connecting said.
        error: io::Error,
    },
    /// It was reached and said nothing in time.
    #[error("the gateway has not answered within {} s", DEADLINE.as_secs())]
    TooSlow,
    /// The connection broke, or did not speak HTTP.
    #[error("the gateway's answer broke off: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not answer this.
    #[error("the gateway answers {path} with {status}: {body}")]
    Refused {
        /// What was asked for.
        path: String,
        /// What it said.
        status: StatusCode,
        /// And why.
        body: String,
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
        let (status, body) = timeout(DEADLINE, self.exchange(path))
            .await
            .map_err(|_elapsed| AskError::TooSlow)??;
        if !status.is_success() {
            return Err(AskError::Refused {
                path: path.into(),
                status,
                body: String::from_utf8_lossy(&body).trim().into(),
            });
        }
        serde_json::from_slice(&body).map_err(|error| AskError::Unintelligible {
            path: path.into(),
            error,
        })
    }

    async fn exchange(&self, path: &str) -> Result<(StatusCode, Bytes), AskError> {
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
        let request = Request::get(path)
            .header(HOST, NAME)
            .body(Empty::<Bytes>::new())
            .map_err(broken)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(broken)?.to_bytes()))
    }
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
        assert!(matches!(said, Err(AskError::TooSlow)), "{said:?}");
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
