//! Each line a datagram, to a logging daemon of the machine.
//!
//! A line is sent whole, however long it is: the longest, of two paths in which each byte has to be
//! escaped, has less than 64 KiB, and a socket takes more than that. What the daemon makes of a long one
//! is its own setting.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process;

use super::{Lost, Sink};
use crate::account::access_log::queue::Batch;

/// Who writes, as both daemons have it.
const IDENTIFIER: &str = "egress";
/// The log is told apart by its facility, local0 (16), as other proxies' are; every line of it is
/// information (6).
const PRIORITY: u8 = 16 * 8 + 6;

/// A socket, and where its datagrams go. It is not connected: a daemon that comes, or comes back, has what is
/// sent from then on. One that is there but does not read is waited for, while lines queue.
pub(in crate::account::access_log) struct Datagrams {
    socket: UnixDatagram,
    daemon: PathBuf,
    /// What stands before a line, and after it.
    around: (Vec<u8>, &'static [u8]),
    scratch: Vec<u8>,
}

impl Datagrams {
    /// As RFC 3164 has it, and syslog(3) sends it: what a daemon that listens at `/dev/log` reads. Without a
    /// time, which these daemons set themselves; without a host, which is this one.
    pub(in crate::account::access_log) fn syslog(daemon: &Path) -> io::Result<Self> {
        let before = format!("<{PRIORITY}>{IDENTIFIER}[{}]: ", process::id());
        Self::new(daemon, before, b"")
    }

    /// As systemd's "Native Journal Protocol" has it: a field a line. No line has a newline within.
    pub(in crate::account::access_log) fn journald(daemon: &Path) -> io::Result<Self> {
        let priority = PRIORITY % 8;
        let before = format!("SYSLOG_IDENTIFIER={IDENTIFIER}\nPRIORITY={priority}\nMESSAGE=");
        Self::new(daemon, before, b"\n")
    }

    fn new(daemon: &Path, before: String, after: &'static [u8]) -> io::Result<Self> {
        Ok(Self {
            socket: UnixDatagram::unbound()?,
            daemon: daemon.into(),
            around: (before.into_bytes(), after),
            scratch: Vec::new(),
        })
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let (before, after) = &self.around;
        self.scratch.clear();
        self.scratch.extend_from_slice(before);
        self.scratch.extend_from_slice(line);
        self.scratch.extend_from_slice(after);
        self.socket.send_to(&self.scratch, &self.daemon)?;
        Ok(())
    }
}

impl Sink for Datagrams {
    fn write(&mut self, batch: &Batch) -> Result<(), Lost> {
        let mut lost: Option<Lost> = None;
        let lines = batch.text.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty()) {
            if let Err(error) = self.send(line) {
                lost.get_or_insert(Lost { lines: 0, error }).lines += 1;
            }
        }
        lost.map_or(Ok(()), Err)
    }
}
