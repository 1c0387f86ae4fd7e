//! Many messages to many sockets with one call, by `io_uring`.

#![expect(unsafe_code, reason = "each block says why it is sound")]

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use io_uring::{IoUring, opcode, types};

/// A queue of the kernel's.
pub(crate) struct Ring(IoUring);

impl Ring {
    /// Of so many places. Fails where the kernel does not let the gateway (`kernel.io_uring_disabled`, a seccomp
    /// filter).
    pub(crate) fn new(places: u32) -> io::Result<Self> {
        IoUring::builder().dontfork().build(places).map(Self)
    }

    /// Sends each of `messages`, of which there are at most as many as the ring has places, as far as its socket has
    /// room. Tells of each by its number, in any order, how many bytes were sent.
    ///
    /// After an error the ring is gone, and those that were not told of are not sent.
    pub(crate) fn send<'a>(
        mut self,
        messages: impl Iterator<Item = (RawFd, &'a [u8])>,
        mut tell: impl FnMut(usize, io::Result<usize>),
    ) -> io::Result<Self> {
        let (submitter, mut queue, mut done) = self.0.split();
        let mut left = 0;
        for (number, (socket, bytes)) in messages.enumerate() {
            let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
            // What does not wait for room never waits at all: the kernel has sent it when it has taken it.
            let entry = opcode::Send::new(types::Fd(socket), bytes.as_ptr(), length)
                .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
                .build()
                .user_data(number as u64);
            // SAFETY: the bytes are borrowed until this returns, and by then the kernel has no use for them: it has
            // told of each message that it has taken, none of which waits, and the ring that holds others is gone.
            unsafe { queue.push(&entry) }.map_err(io::Error::other)?;
            left += 1;
        }
        queue.sync();
        while left > 0 {
            match submitter.submit_and_wait(left) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                count => drop(count?),
            }
            done.sync();
            for entry in &mut done {
                let error = |_| io::Error::from_raw_os_error(-entry.result());
                let sent = usize::try_from(entry.result()).map_err(error);
                let number = usize::try_from(entry.user_data()).unwrap_or(usize::MAX);
                tell(number, sent);
                left -= 1;
            }
        }
        drop((submitter, queue, done));
        Ok(self)
    }
}

#[cfg(test)]
impl Ring {
    /// Has it fail from now on.
    pub(crate) fn break_down(&self) {
        let null = std::fs::File::open("/dev/null").expect("it is there");
        // SAFETY: both descriptors are open, and the second stays the ring's.
        let fd = unsafe { libc::dup2(null.as_raw_fd(), self.0.as_raw_fd()) };
        assert_eq!(fd, self.0.as_raw_fd());
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ring").field(&self.0.as_raw_fd()).finish()
    }
}
