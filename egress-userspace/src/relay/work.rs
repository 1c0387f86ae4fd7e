//! Both directions of a relay at work, with one alarm for all that may end them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::end::{Cut, End, Side};
use super::flow::{Begun, Flow};
use super::joint::Joint;
use super::lost;

/// A direction that may have left bytes unread looks again after this long. Only urgent data ever
/// makes it wait so: no protocol in use sends any on a connection where a second matters.
const DOUBT: Duration = Duration::from_secs(1);

/// An alarm that is not needed is set to so long from now: more than any relay lasts.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Both directions.
pub(super) struct Work<'a> {
    joint: &'a Joint<'a>,
    up: Flow<'a>,
    down: Flow<'a>,
    /// Who finished first.
    first: Option<Side>,
    /// What ends the direction that is left, where one was reset. On the heap, for few relays are cut short so.
    lost: Option<Pin<Box<dyn Future<Output = Cut> + Send + 'a>>>,
    /// The alarm is set for what is doubted.
    doubting: bool,
}

/// What time asks for.
enum Time {
    /// Nothing.
    Wait,
    /// A direction has to look whether there is more.
    LookAgain,
    /// It has run out.
    Over(Cut),
}

impl<'a> Work<'a> {
    /// `begun`: what has become of the client's first bytes.
    pub(super) fn new(joint: &'a Joint<'a>, begun: Begun<'a>) -> Self {
        Self {
            joint,
            up: Flow::trusting(begun),
            down: Flow::trusting(Begun::Written),
            first: None,
            lost: None,
            doubting: false,
        }
    }

    /// Works until both directions have ended. Says which side finished first, or what cut the relay
    /// short.
    pub(super) async fn run(
        &mut self,
        mut cancel: impl Future<Output = ()> + Unpin,
    ) -> Result<Side, Cut> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(closed) = self.poll(cx) {
                    return Poll::Ready(closed);
                }
                match self.watch_time() {
                    Time::Wait => break,
                    Time::LookAgain => {}
                    Time::Over(cut) => return Poll::Ready(Err(cut)),
                }
            }
            Pin::new(&mut cancel).poll(cx).map(|()| Err(Cut::Cancelled))
        })
        .await
    }

    /// Has what was posted sent, and counted as far as it is: of a relay that was cut short.
    pub(super) fn settle(&mut self) {
        // It has been cut already, by something else.
        let _ = self.up.settle(self.joint.up());
        let _ = self.down.settle(self.joint.down());
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Side, Cut>> {
        let (up, down) = (self.joint.up(), self.joint.down());
        let both = self.first.is_none();
        for (direction, other, flow) in [(up, down, &mut self.up), (down, up, &mut self.down)] {
            if direction.end().is_some() {
                continue;
            }
            let Poll::Ready(moved) = flow.poll(direction, cx) else {
                continue;
            };
            let end = moved.and_then(|_| match other.end() {
                // Both are closed now, and that sends the end of stream too.
                Some(End::Eof) => self.joint.cut().map_or(Ok(()), Err),
                _ => direction.pass_eof_on(),
            });
            direction.ended(end)?;
            if other.end().is_some() {
                let first = self.first.unwrap_or(direction.from().side);
                return Poll::Ready(self.joint.cut().map_or(Ok(first), Err));
            }
            self.first = Some(direction.from().side);
        }
        if self.first.is_none() {
            return Poll::Pending;
        }
        let left = if up.end().is_none() { up } else { down };
        if both && self.joint.cut().is_some() {
            self.lost = Some(Box::pin(lost(left)));
        }
        match &mut self.lost {
            Some(lost) => lost.as_mut().poll(cx),
            // Its destination is no longer read from, so a reset of it has to be watched for.
            None => left.to().poll_failure(cx),
        }
        .map(Err)
    }

    /// Looks what is due if the alarm has rung, and sets the next one.
    fn watch_time(&mut self) -> Time {
        let pair = &self.joint.pair;
        let doubted = self.up.doubts() || self.down.doubts();
        if doubted && !self.doubting {
            self.doubting = true;
            let now = Instant::now();
            pair.set_alarm(self.due(now).min(now + DOUBT));
        }
        if pair.has_alarm() {
            return Time::Wait;
        }
        let now = Instant::now();
        if let Some(cut) = self.joint.overdue(now) {
            return Time::Over(cut);
        }
        pair.set_alarm(self.due(now));
        self.doubting = false;
        if !doubted {
            return Time::Wait;
        }
        self.up.look_again();
        self.down.look_again();
        Time::LookAgain
    }

    fn due(&self, now: Instant) -> Instant {
        self.joint.due().map_or(now + NEVER, |(due, _)| due)
    }
}
