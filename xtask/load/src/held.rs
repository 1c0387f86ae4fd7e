//! Connections that are held in silence, without a thread for each.

use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How often it is looked for those whose peers have gone: seldom enough to cost a measurement nothing.
const LOOK: Duration = Duration::from_millis(500);

static HELD: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());

/// Holds a connection for as long as its peer does.
pub(crate) fn hold(stream: TcpStream) {
    held().push(stream);
}

/// Closes those whose peers have gone, again and again.
pub(crate) fn let_go() {
    loop {
        sleep(LOOK);
        let mut held = held();
        let mut polled: Vec<_> = held
            .iter()
            .map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN))
            .collect();
        // Without an answer none has gone, as far as is known.
        let _ = poll(&mut polled, PollTimeout::ZERO);
        let gone: Vec<_> = polled
            .iter()
            .map(|one| one.any().unwrap_or_default())
            .collect();
        let mut gone = gone.into_iter();
        held.retain(|_| !gone.next().unwrap_or_default());
    }
}

fn held() -> MutexGuard<'static, Vec<TcpStream>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}
