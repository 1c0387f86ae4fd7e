//! A peer: follows its script on a real socket, and tells what it saw.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::Shutdown;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::{join, select, task};

use super::script::{Leave, Script};

/// Attempts to write that find no room, one after another, until a writer believes that it can write
/// no more: in between, the relay and the reader have their turns.
const PATIENCE: usize = 8;

/// How a stream ended for who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// By an end of stream.
    Eof,
    /// By an error.
    Error(ErrorKind),
    /// The reader left before.
    Left,
}

/// What a peer did and saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) read: usize,
    pub(super) last: Last,
    /// What the kernel took.
    pub(super) wrote: usize,
    pub(super) write_error: Option<ErrorKind>,
    /// It may have sent its end of stream, by itself or by closing.
    pub(super) finished: bool,
}

/// How far a peer is.
#[derive(Clone, Copy, Default)]
struct State {
    read: usize,
    reads_no_more: bool,
    wrote: usize,
    write_failed: bool,
    /// It writes no more, for now or for good: a reader that stopped goes on.
    stuck: bool,
}

/// What everybody may see of a peer while it is at work.
pub(super) struct Progress(watch::Sender<State>);

impl Progress {
    /// Of a peer some of whose bytes were read before.
    pub(super) fn new(wrote: usize) -> Self {
        Self(watch::Sender::new(State {
            wrote,
            ..State::default()
        }))
    }

    /// Waits until the peer has read so much, or will read no more.
    pub(super) async fn has_read(&self, count: usize) {
        self.is(|state| state.reads_no_more || state.read >= count)
            .await;
    }

    async fn is(&self, condition: impl FnMut(&State) -> bool) {
        let known = self.0.subscribe().wait_for(condition).await.is_ok();
        assert!(known, "its sender is here");
    }

    fn now(&self) -> State {
        *self.0.borrow()
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        self.0.send_modify(change);
    }
}

/// One peer at work.
pub(super) struct Peer<'a> {
    pub(super) script: &'a Script,
    /// All that it writes.
    pub(super) stream: &'a [u8],
    /// All that the other writes.
    pub(super) expected: &'a [u8],
    pub(super) progress: &'a Progress,
    pub(super) other: &'a Progress,
}

impl Peer<'_> {
    /// Follows the script to its end. Fails if a byte is not the one that was written.
    pub(super) async fn run(&self, socket: TcpStream) -> Result<Seen, String> {
        let (mut wrote, mut last) = (None, Ok(Last::Left));
        let written = watch::Sender::new(false);
        let both = async {
            let writes = async {
                wrote = Some(self.write(&socket).await);
                self.progress.note(|state| state.stuck = true);
                written.send_replace(true);
            };
            let reads = async {
                last = self.read(&socket).await;
                self.progress.note(|state| state.reads_no_more = true);
            };
            join!(writes, reads);
            if self.script.leave != Leave::AtEnd {
                pending::<()>().await;
            }
            let told = self.progress.now().write_failed;
            if !(self.script.finish || told) && last == Ok(Last::Eof) {
                let failed = socket.ready(Interest::ERROR).await;
                failed.map(drop).expect("a socket that can be waited for");
            }
        };
        select! {
            biased;
            () = both => {}
            () = self.leaves(&written) => {}
        }
        match self.script.leave {
            Leave::ResetAt(_) | Leave::ResetSettled => super::reset(socket),
            Leave::AtEnd | Leave::CloseAt(_) => drop(socket),
        }
        self.progress.note(|state| {
            state.stuck = true;
            state.reads_no_more = true;
        });
        let closes = matches!(self.script.leave, Leave::CloseAt(_));
        let state = self.progress.now();
        Ok(Seen {
            read: state.read,
            last: last?,
            wrote: state.wrote,
            write_error: wrote
                .as_ref()
                .and_then(|wrote| wrote.as_ref().err().copied()),
            finished: closes || (self.script.finish && wrote == Some(Ok(()))),
        })
    }

    /// Waits until it leaves before its end.
    async fn leaves(&self, written: &watch::Sender<bool>) {
        let all_is_written = async {
            let known = written
                .subscribe()
                .wait_for(|written| *written)
                .await
                .is_ok();
            assert!(known, "its sender is here");
        };
        match self.script.leave {
            Leave::AtEnd => pending().await,
            Leave::ResetAt(read) => self.progress.has_read(read).await,
            Leave::CloseAt(read) => {
                all_is_written.await;
                self.progress.has_read(read).await;
            }
            Leave::ResetSettled => {
                all_is_written.await;
                self.other.has_read(self.stream.len()).await;
                self.progress.has_read(self.expected.len()).await;
            }
        }
    }

    async fn read(&self, socket: &TcpStream) -> Result<Last, String> {
        let mut buffer = vec![0; self.script.gulp];
        loop {
            let read = self.progress.now().read;
            let most = match self.script.pause {
                Some(pause) if read == pause => {
                    self.other.is(|state| state.stuck).await;
                    self.script.gulp
                }
                Some(pause) if read < pause => self.script.gulp.min(pause - read),
                _ => self.script.gulp,
            };
            let (window, _) = buffer.split_at_mut(most);
            let count = match socket.try_read(window) {
                // The kernel tells of a reset once: the writer had it.
                Ok(0) if self.progress.now().write_failed => {
                    return Ok(Last::Error(ErrorKind::ConnectionReset));
                }
                Ok(0) => return Ok(Last::Eof),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Err(error) = socket.readable().await {
                        return Ok(Last::Error(error.kind()));
                    }
                    continue;
                }
                Err(error) => return Ok(Last::Error(error.kind())),
            };
            if self.expected.get(read..read + count) != window.get(..count) {
                return Err(format!("other bytes than were written after {read}"));
            }
            self.progress.note(|state| state.read += count);
        }
    }

    async fn write(&self, socket: &TcpStream) -> Result<(), ErrorKind> {
        self.progress.has_read(self.script.after).await;
        let (mut rest, mut skip) = (self.stream, self.progress.now().wrote);
        for (index, &piece) in self.script.pieces.iter().enumerate() {
            self.urge(socket, index).await?;
            let (now, later) = rest.split_at(piece);
            let (_, now) = now.split_at(skip.min(piece));
            skip = skip.saturating_sub(piece);
            self.put(socket, now).await?;
            rest = later;
            task::yield_now().await;
        }
        self.urge(socket, self.script.pieces.len()).await?;
        if self.script.finish {
            SockRef::from(socket)
                .shutdown(Shutdown::Write)
                .map_err(|error| error.kind())?;
        }
        Ok(())
    }

    async fn put(&self, socket: &TcpStream, mut bytes: &[u8]) -> Result<(), ErrorKind> {
        while !bytes.is_empty() {
            let count = self.attempt(socket, || socket.try_write(bytes)).await?;
            self.progress.note(|state| state.wrote += count);
            bytes = bytes.split_at(count).1;
        }
        Ok(())
    }

    async fn urge(&self, socket: &TcpStream, index: usize) -> Result<(), ErrorKind> {
        if self.script.urgent != Some(index) {
            return Ok(());
        }
        let send = || SockRef::from(socket).send_out_of_band(b"!");
        self.attempt(socket, || socket.try_io(Interest::WRITABLE, send))
            .await
            .map(|_| ())
    }

    /// Writes when there is room.
    async fn attempt(
        &self,
        socket: &TcpStream,
        write: impl Fn() -> io::Result<usize>,
    ) -> Result<usize, ErrorKind> {
        let mut tries = 0;
        loop {
            match write() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => tries += 1,
                done => {
                    self.progress
                        .note(|state| state.write_failed |= done.is_err());
                    return done.map_err(|error| error.kind());
                }
            }
            if tries < PATIENCE {
                task::yield_now().await;
            } else {
                self.progress.note(|state| state.stuck = true);
                socket.writable().await.map_err(|error| error.kind())?;
            }
        }
    }
}
