//! Two sockets that are joined: what a relay is made of, for those that look at bytes on their way too.

use std::future::{Future, pending};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep_until};

use super::activity::Activity;
use super::direction::Direction;
use super::end::{Cut, End, Side};
use super::pair::Pair;
use super::{Counters, Options};
use crate::net::TcpStream;

/// A relay that is older than this lasts: most end before a first probe would be sent, and are spared the
/// calls that ask for it.
const LASTING: Duration = Duration::from_secs(10);

/// Two joined sockets. Dropped before [`close`](Self::close), both are reset.
pub(crate) struct Joint<'a> {
    pub(super) pair: Pair,
    pub(super) activity: Activity,
    pub(super) options: &'a Options,
    pub(super) counters: &'a Counters,
    probed: AtomicBool,
    prompt: AtomicBool,
    cut: OnceLock<Cut>,
    sent: OnceLock<End>,
    received: OnceLock<End>,
}

/// What has to be done at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The relay ends.
    Cut(Cut),
    /// It lasts: from now on its upstream is probed.
    Probes,
}

impl<'a> Joint<'a> {
    pub(crate) fn new(
        client: TcpStream,
        upstream: TcpStream,
        options: &'a Options,
        counters: &'a Counters,
    ) -> Self {
        Self {
            pair: Pair::new(client, upstream),
            activity: Activity::new(),
            options,
            counters,
            probed: AtomicBool::new(false),
            prompt: AtomicBool::new(false),
            cut: OnceLock::new(),
            sent: OnceLock::new(),
            received: OnceLock::new(),
        }
    }

    /// From the client to the upstream.
    pub(crate) fn up(&self) -> Direction<'_> {
        Direction::new(self, Side::Client)
    }

    /// From the upstream to the client.
    pub(crate) fn down(&self) -> Direction<'_> {
        Direction::new(self, Side::Upstream)
    }

    /// The first cut that was met: by a direction, or by what it has posted, of which it has not heard yet.
    pub(super) fn cut(&self) -> Option<Cut> {
        for side in [Side::Client, Side::Upstream] {
            if let Some(cut) = self.pair.peer(side).send_error() {
                self.note_cut(cut);
            }
        }
        self.cut.get().copied()
    }

    /// The upstream was sent more than a first message: from now on none waits until another is acknowledged (Nagle's
    /// algorithm, RFC 9293 section 3.7.4), and this one goes out. A first one goes at once and to its end, however long:
    /// Linux holds back what is less than a segment only behind another such. Where there is no second, as with a request
    /// in the clear, that is a call less; and where the gateway has introduced itself, one too many.
    pub(super) fn prompt(&self) {
        if !self.prompt.load(Ordering::Relaxed) {
            self.prompt.store(true, Ordering::Relaxed);
            self.pair.prompt();
        }
    }

    /// Notes a cut, as soon as the kernel tells of it: it tells once.
    pub(super) fn note_cut(&self, cut: Cut) {
        self.cut.get_or_init(|| cut);
    }

    /// How the direction from `side` ended, once it has.
    pub(super) fn end(&self, side: Side) -> &OnceLock<End> {
        match side {
            Side::Client => &self.sent,
            Side::Upstream => &self.received,
        }
    }

    /// What has to be done next if no byte moves any more, and when; `None`: nothing, ever.
    pub(super) fn due(&self) -> Option<(Instant, Due)> {
        let Options {
            idle_timeout,
            max_duration,
            ..
        } = *self.options;
        let (start, last) = (self.activity.start(), self.activity.last());
        let idle = idle_timeout.map(|timeout| (last + timeout, Due::Cut(Cut::IdleTimeout)));
        let lasted = max_duration.map(|most| (start + most, Due::Cut(Cut::MaxDuration)));
        let is_probed = self.probed.load(Ordering::Relaxed);
        let probes = (!is_probed).then(|| (start + LASTING, Due::Probes));
        earlier(earlier(idle, lasted), probes)
    }

    /// Does what is due; with what the relay is to end by, if it is.
    pub(super) fn overdue(&self, now: Instant) -> Option<Cut> {
        loop {
            match self.due().filter(|(due, _)| *due <= now)?.1 {
                Due::Cut(cut) => return Some(cut),
                Due::Probes => {
                    self.pair.probe(self.options.keepalive);
                    self.probed.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Runs what moves the bytes until it is done, none moves for too long, or `cancel` ends.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, Cut>>,
        cancel: impl Future<Output = ()>,
    ) -> Result<T, Cut> {
        select! {
            biased;
            done = work => done,
            cut = self.lasting() => Err(cut),
            () = cancel => Err(Cut::Cancelled),
        }
    }

    /// Ends when nothing has moved for too long, or the relay has lasted for too long.
    async fn lasting(&self) -> Cut {
        loop {
            if let Some(cut) = self.overdue(Instant::now()) {
                return cut;
            }
            match self.due() {
                Some((due, _)) => sleep_until(due).await,
                None => pending().await,
            }
        }
    }

    /// Closes both in the normal way.
    pub(crate) fn close(self) {
        self.pair.close();
    }

    /// Keeps the client's socket, to answer on it; `whole`: what the upstream was sent is, and so it
    /// is closed in the normal way.
    pub(crate) fn into_client(self, whole: bool) -> TcpStream {
        self.pair.into_client(whole)
    }
}

/// What is due first, of two things that may be. Each relay asks several times, and few end by it.
fn earlier(one: Option<(Instant, Due)>, other: Option<(Instant, Due)>) -> Option<(Instant, Due)> {
    match (one, other) {
        (Some(one), Some(other)) if other.0 < one.0 => Some(other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::TcpListener;
    use tokio::time::advance;

    use super::*;
    use crate::relay::Mode;

    const IDLE: Duration = Duration::from_mins(1);
    const LONGEST: Duration = Duration::from_mins(2);

    const OPTIONS: Options = Options {
        mode: Mode::Auto,
        idle_timeout: Some(IDLE),
        max_duration: Some(LONGEST),
        keepalive: None,
        max_pipes: 0,
    };

    fn probed(joint: &Joint<'_>) -> bool {
        let upstream = SockRef::from(joint.pair.peer(Side::Upstream).stream);
        upstream.keepalive().expect("the option")
    }

    async fn socket() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("the bound address");
        TcpStream::connect(address).await.expect("connect")
    }

    #[tokio::test]
    async fn only_what_follows_a_first_message_asks_not_to_wait() {
        let (client, _far_client) = TcpStream::pair().await;
        let (upstream, _far_upstream) = TcpStream::pair().await;
        let (options, counters) = (OPTIONS, Counters::default());
        let joint = Joint::new(client, upstream, &options, &counters);
        let is_prompt = || {
            let upstream = SockRef::from(joint.pair.peer(Side::Upstream).stream);
            upstream.tcp_nodelay().expect("the option")
        };
        let up = joint.up();
        assert_eq!(up.write(b"first"), Ok(Some(5)));
        assert!(!is_prompt());
        // What is held back for the end of the stream is not let go of before it.
        assert_eq!(up.write_before_eof(b"last?"), Ok(Some(5)));
        assert!(!is_prompt());
        assert_eq!(up.write(b"third"), Ok(Some(5)));
        assert!(is_prompt());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_byte_and_the_longest_life_from_the_start() {
        let (options, counters) = (OPTIONS, Counters::default());
        let joint = Joint::new(socket().await, socket().await, &options, &counters);
        let start = joint.activity.start();
        assert_eq!(joint.due(), Some((start + LASTING, Due::Probes)));
        advance(Duration::from_secs(45)).await;
        assert!(!probed(&joint), "it has not been looked at yet");
        assert_eq!(joint.overdue(Instant::now()), None);
        assert!(probed(&joint));
        assert_eq!(
            joint.due(),
            Some((start + IDLE, Due::Cut(Cut::IdleTimeout)))
        );
        joint.activity.note();
        let last = Instant::now();
        assert_eq!(joint.due(), Some((last + IDLE, Due::Cut(Cut::IdleTimeout))));
        advance(Duration::from_secs(45)).await;
        joint.activity.note();
        let longest = (start + LONGEST, Due::Cut(Cut::MaxDuration));
        assert_eq!(joint.due(), Some(longest));
        advance(LONGEST).await;
        assert_eq!(joint.overdue(Instant::now()), Some(Cut::MaxDuration));
    }
}
