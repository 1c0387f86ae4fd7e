//! Asking servers: one after the other, until one answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::ResponseCode;
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::Answer;
use super::exchange::{by_datagram, by_stream};
use super::query::Query;
use crate::types::Transport;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// None came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// There is nobody to ask.
    #[error("there is no server to ask")]
    NoServer,
    /// The last server that was asked could not be.
    #[error("cannot ask a DNS server: {0}")]
    Io(#[from] io::Error),
}

/// How long and how often servers are asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For all attempts together.
    pub(super) timeout: Duration,
    /// How often each server is tried, at least once.
    pub(super) attempts: u8,
}

/// Asks each of `servers` in turn, so often, the next one beside those that have not answered yet: a slow
/// answer still counts. The first answer is taken; a failure only if no other server has better.
pub(super) async fn ask(
    query: &Query,
    servers: &[SocketAddr],
    over: Transport,
    patience: Patience,
) -> Result<Answer, AskError> {
    let rounds = usize::from(patience.attempts.max(1));
    let tries: Vec<_> = servers
        .iter()
        .copied()
        .cycle()
        .take(rounds * servers.len())
        .collect();
    let count = u32::try_from(tries.len()).unwrap_or(u32::MAX).max(1);
    let asking = race(tries, patience.timeout / count, |server| {
        let asked = query.upstream();
        async move {
            match over {
                Transport::Udp => by_datagram(server, &asked).await,
                Transport::Tcp => by_stream(server, &asked).await,
            }
        }
    });
    timeout(patience.timeout, asking)
        .await
        .map_err(|_elapsed| AskError::Timeout(patience.timeout))?
}

/// Starts a try every `delay`, and at once when one fails.
async fn race<F>(
    tries: Vec<SocketAddr>,
    delay: Duration,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<Answer, AskError>
where
    F: Future<Output = io::Result<Answer>>,
{
    let mut waiting = tries.into_iter();
    let mut running = FuturesUnordered::new();
    let mut last = Err(AskError::NoServer);
    let mut next = Instant::now();
    loop {
        let is_due = running.is_empty() || Instant::now() >= next;
        if is_due && let Some(server) = waiting.next() {
            running.push(attempt(server));
            next = Instant::now() + delay;
        }
        if running.is_empty() {
            return last;
        }
        let is_last = waiting.len() == 0;
        tokio::select! {
            Some(outcome) = running.next() => match outcome {
                Ok(answer) if !is_failure(&answer) => return Ok(answer),
                Ok(answer) => last = Ok(answer),
                Err(error) if last.is_err() => last = Err(error.into()),
                Err(_) => {}
            },
            () = sleep_until(next), if !is_last => {}
        }
    }
}

/// Another server may know better. That there is no such name is an answer.
fn is_failure(answer: &Answer) -> bool {
    matches!(
        answer.code(),
        ResponseCode::ServFail
            | ResponseCode::Refused
            | ResponseCode::NotImp
            | ResponseCode::FormErr
    )
}
