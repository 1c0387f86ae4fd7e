//! Daemons that read lines from a socket: one that is there, one that goes and comes back, one that does not read.

use std::os::unix::net::UnixDatagram;

use super::*;

/// What the daemon gets in one read; the kernel takes no datagram that is longer.
const LONGEST: usize = 256 * 1024;

struct Daemon {
    dir: tempfile::TempDir,
    socket: Option<UnixDatagram>,
}

impl Daemon {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut daemon = Self { dir, socket: None };
        daemon.come();
        daemon
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn come(&mut self) {
        self.socket = Some(UnixDatagram::bind(self.path()).expect("a socket"));
    }

    /// Nobody reads any more; the socket's name stays, as after a crash, or goes.
    fn go(&mut self, keep_name: bool) {
        self.socket = None;
        if !keep_name {
            std::fs::remove_file(self.path()).expect("its name");
        }
    }

    fn next(&self) -> String {
        let socket = self.socket.as_ref().expect("it is there");
        let mut datagram = vec![0; LONGEST];
        let length = socket.recv(&mut datagram).expect("a datagram");
        datagram.truncate(length);
        String::from_utf8(datagram).expect("text")
    }
}

fn open(destination: &LogDestination) -> (AccessLog, LogWriter, Counter) {
    let metrics = Metrics::new();
    let (log, writer) = AccessLog::open(destination, QUEUE, &metrics).expect("opens");
    (log, writer, metrics.access_log_dropped())
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        std::thread::yield_now();
    }
}

#[test]
fn syslog_has_each_line_in_a_message_of_its_own() {
    let daemon = Daemon::new();
    let (log, _writer, dropped) = open(&LogDestination::Syslog(daemon.path()));
    for conn in 0..100 {
        log.write(&line(conn));
        let json = String::from_utf8(encoded(&line(conn))).expect("text");
        let message = format!("<134>egress[{}]: {}", std::process::id(), json.trim_end());
        assert_eq!(daemon.next(), message);
    }
    assert_eq!(dropped.get(), 0);
}

#[test]
fn journald_has_each_line_in_an_entry_of_its_own() {
    let daemon = Daemon::new();
    let (log, _writer, dropped) = open(&LogDestination::Journald(daemon.path()));
    let hostile = "a\nMESSAGE=forged\n_PID=1";
    let told = Line {
        src_exe: Some(hostile.into()),
        ..line(7)
    };
    log.write(&told);
    let entry = daemon.next();
    let json = String::from_utf8(encoded(&told)).expect("text");
    let fields: Vec<_> = entry.lines().collect();
    let message = format!("MESSAGE={}", json.trim_end());
    assert_eq!(
        fields,
        ["SYSLOG_IDENTIFIER=egress", "PRIORITY=6", &message],
        "{hostile}"
    );
    assert!(entry.ends_with('\n'));
    assert_eq!(dropped.get(), 0);
}

#[test]
fn the_longest_line_there_can_be_is_sent_whole() {
    let path = "\u{1}".repeat(libc::PATH_MAX as usize);
    let name = "x".repeat(255);
    let place = Place {
        file: path.as_str().into(),
        line: u32::MAX,
    };
    let daemon = Daemon::new();
    let (log, _writer, dropped) = open(&LogDestination::Journald(daemon.path()));
    let longest = Line {
        src_exe: Some(path.as_str().into()),
        src_cgroup: Some(path.as_str().into()),
        requested_server_name: Some(&name),
        service: Some(&name),
        route: Some(&name),
        dns_name: Some(&name),
        shadow_service: Some(&name),
        ..line(1)
    };
    let length = encoded(&longest).len();
    assert!(length < 64 * 1024, "{length}");
    log.write(&longest);
    assert!(daemon.next().len() > length);
    let with_rule = Line {
        rule: Some(&place),
        ..longest
    };
    log.write(&with_rule);
    assert!(daemon.next().len() > encoded(&with_rule).len());
    assert_eq!(dropped.get(), 0);
}

#[test]
fn what_a_daemon_misses_is_counted_and_it_has_what_comes_after() {
    for keep_name in [false, true] {
        let mut daemon = Daemon::new();
        let (log, _writer, dropped) = open(&LogDestination::Syslog(daemon.path()));
        log.write(&line(1));
        assert!(daemon.next().contains("\"conn_id\":1,"));
        daemon.go(keep_name);
        for conn in 2..=4 {
            log.write(&line(conn));
        }
        until(|| dropped.get() == 3);
        if keep_name {
            std::fs::remove_file(daemon.path()).expect("its name");
        }
        daemon.come();
        log.write(&line(5));
        assert!(daemon.next().contains("\"conn_id\":5,"));
        assert_eq!(dropped.get(), 3);
    }
}

#[tokio::test]
async fn a_log_begins_without_its_daemon() {
    let mut daemon = Daemon::new();
    daemon.go(false);
    let (log, writer, dropped) = open(&LogDestination::Journald(daemon.path()));
    log.write(&line(1));
    writer.finish().await.expect("it does not wait");
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_daemon_that_does_not_read_costs_lines_but_each_is_sent_or_counted() {
    let daemon = Daemon::new();
    let (log, _writer, dropped) = open(&LogDestination::Syslog(daemon.path()));
    let all = u64::try_from(QUEUE).expect("a count") * 3;
    for conn in 0..all {
        log.write(&line(conn));
    }
    assert!(dropped.get() > 0, "the queue is full, and nobody waited");
    let sent = all - dropped.get();
    let mut last = None;
    for _ in 0..sent {
        let message = daemon.next();
        let json = message.split_once(": ").expect("a message").1;
        let json: Value = serde_json::from_str(json).expect("JSON");
        let conn = json.get("conn_id").and_then(Value::as_u64);
        assert!(conn > last, "in their order");
        last = conn;
    }
    assert_eq!(dropped.get(), all - sent, "none of those was lost");
}
