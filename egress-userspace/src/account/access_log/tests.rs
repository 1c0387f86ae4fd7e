//! The log's way from a line to its destination.

mod daemons;
mod files;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::queue::{Batch, Next};
use super::*;
use crate::types::Place;

/// A sink whose content can be looked at, and whose writes can be held up or fail.
#[derive(Clone, Default)]
struct Page {
    written: Arc<Mutex<Vec<u8>>>,
    gate: Option<Arc<Mutex<blocking::Receiver<()>>>>,
    broken: bool,
}

impl Page {
    fn lines(&self) -> Vec<Value> {
        let written = self.written.lock().expect("the lock").clone();
        let text = String::from_utf8(written).expect("text");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            // An error means that the gate stands open for good.
            let _ = gate.lock().expect("the lock").recv();
        }
        if self.broken {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written
            .lock()
            .expect("the lock")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line(conn_id: u64) -> Line<'static> {
    Line {
        time: std::time::UNIX_EPOCH.into(),
        conn_id: Some(conn_id),
        src_addr: Some("192.0.2.1:1000".parse().expect("an address")),
        src_pid: None,
        src_exe: None,
        src_uid: None,
        src_cgroup: None,
        src_container: None,
        src_namespace: None,
        src_pod: None,
        src_workload: None,
        listener: None,
        dst_addr: None,
        upstream_addr: None,
        requested_server_name: None,
        protocol: None,
        service: None,
        verdict: None,
        reason: None,
        policy_generation: None,
        revoked_by_generation: None,
        dns_name: None,
        rule: None,
        route: None,
        shadow_verdict: None,
        shadow_reason: None,
        shadow_service: None,
        bytes_sent: 0,
        bytes_received: 0,
        duration: Duration::from_micros(1_500),
        sniff: None,
        resolve: None,
        connect: None,
        close_reason: "client_closed",
        response_flags: "-",
        sample_rate: None,
    }
}

fn encoded(line: &Line<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    line.encode(&mut bytes);
    bytes
}

/// Lines that may wait.
const QUEUE: usize = 5_000;

fn start(sink: &Page) -> (AccessLog, LogWriter, Counter) {
    let dropped = Counter::default();
    let (log, writer) =
        AccessLog::start(Stream::new(sink.clone()), QUEUE, dropped.clone()).expect("a thread");
    (log, writer, dropped)
}

#[tokio::test]
async fn no_line_is_lost_at_an_orderly_end() {
    let sink = Page::default();
    let (log, writer, dropped) = start(&sink);
    for conn in 0..5_000 {
        log.write(&line(conn));
    }
    writer.finish().await.expect("all is written");
    let written: Vec<_> = sink
        .lines()
        .iter()
        .map(|line| line["conn_id"].as_u64())
        .collect();
    assert_eq!(written, (0..5_000).map(Some).collect::<Vec<_>>());
    assert_eq!(dropped.get(), 0);
}

#[test]
fn a_line_is_written_though_none_follows() {
    let (open, gate) = blocking::channel();
    let sink = Page {
        gate: Some(Arc::new(Mutex::new(gate))),
        ..Page::default()
    };
    let (log, _writer, _) = start(&sink);
    log.write(&line(1));
    open.send(()).expect("the writer takes it");
    while sink.lines().is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn the_first_line_waits_for_others_unless_there_are_many() {
    let queue = Queue::new(QUEUE, GATHER);
    let mut batch = Batch::default();
    let begun = Instant::now();
    queue.push(b"one\n");
    assert_eq!(queue.next(&mut batch), Next::Go);
    assert!(begun.elapsed() >= GATHER);

    let full = Queue::new(2, GATHER);
    batch.clear();
    full.push(b"one\n");
    full.push(b"two\n");
    assert!(!full.push(b"three\n"));
    assert_eq!(full.next(&mut batch), Next::Go);
    assert_eq!(
        (batch.text.as_slice(), batch.lines),
        (&b"one\ntwo\n"[..], 2)
    );
}

#[test]
fn what_waits_is_written_before_the_destination_is_opened_again() {
    let queue = Queue::new(QUEUE, GATHER);
    let mut batch = Batch::default();
    queue.push(b"one\n");
    queue.reopen();
    queue.end();
    assert_eq!(queue.next(&mut batch), Next::Reopen);
    assert_eq!(batch.lines, 1);
    batch.clear();
    assert_eq!(queue.next(&mut batch), Next::End);
    assert_eq!(batch.lines, 0);
}

#[tokio::test]
async fn lines_that_are_long_wait_in_a_bounded_text() {
    let (open, gate) = blocking::channel();
    let sink = Page {
        gate: Some(Arc::new(Mutex::new(gate))),
        ..Page::default()
    };
    let (log, writer, dropped) = start(&sink);
    let path = "x".repeat(1_000_000);
    for conn in 0..100 {
        log.write(&Line {
            src_exe: Some(path.as_str().into()),
            ..line(conn)
        });
    }
    assert!(dropped.get() > 80, "{} lines are dropped", dropped.get());
    drop(open);
    writer.finish().await.expect("all is written");
    assert!(!sink.lines().is_empty());
}

#[tokio::test]
async fn a_stuck_reader_costs_lines_but_holds_up_nobody() {
    let (open, gate) = blocking::channel();
    let sink = Page {
        gate: Some(Arc::new(Mutex::new(gate))),
        ..Page::default()
    };
    let (log, writer, dropped) = start(&sink);
    let sent = u64::try_from(QUEUE).expect("a count") * 2;
    for conn in 0..sent {
        log.write(&line(conn));
    }
    assert!(dropped.get() > 0);
    drop(open);
    writer.finish().await.expect("all is written");
    let written = u64::try_from(sink.lines().len()).expect("a count");
    assert_eq!(
        written + dropped.get(),
        sent,
        "a line is written or counted"
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_a_stuck_reader_for_ever() {
    let (_shut, gate) = blocking::channel();
    let sink = Page {
        gate: Some(Arc::new(Mutex::new(gate))),
        ..Page::default()
    };
    let (log, writer, _) = start(&sink);
    log.write(&line(1));
    let ended = tokio::time::timeout(writer::FLUSH_DEADLINE * 2, writer.finish()).await;
    assert!(matches!(ended, Ok(Err(Unflushed))), "{ended:?}");
}

#[tokio::test]
async fn lines_that_cannot_be_written_are_counted() {
    let (log, writer, dropped) = start(&Page {
        broken: true,
        ..Page::default()
    });
    for conn in 0..3 {
        log.write(&line(conn));
    }
    writer.finish().await.expect("ends");
    log.write(&line(4));
    assert_eq!(dropped.get(), 4);
}

#[tokio::test]
async fn a_file_is_appended_to_and_not_for_others_to_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("access.log");
    let destination = LogDestination::File(path.clone());
    for conn in 1..=2 {
        let (log, writer) =
            AccessLog::open(&destination, QUEUE, &Metrics::new()).expect("opens the file");
        log.write(&line(conn));
        writer.finish().await.expect("all is written");
    }
    let text = std::fs::read_to_string(&path).expect("the log");
    assert_eq!(text.lines().count(), 2);
    let mode = std::fs::metadata(&path)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o007, 0, "{mode:o}");
}

#[test]
fn what_a_process_chose_cannot_forge_a_line_or_a_field() {
    let hostile = "a\",\"verdict\":\"allow\"}\n{\"conn_id\":7,\u{1b}[2J\u{0}";
    let hostile = Line {
        src_exe: Some(hostile.into()),
        src_cgroup: Some(hostile.into()),
        ..line(1)
    };
    let encoded = encoded(&hostile);
    assert_eq!(
        encoded
            .iter()
            .filter(|byte| byte.is_ascii_control())
            .count(),
        1,
        "the newline"
    );
    let parsed: Value = serde_json::from_slice(&encoded).expect("one object");
    assert_eq!(
        parsed.get("src.exe").and_then(|exe| exe.as_str()),
        hostile.src_exe.as_deref()
    );
    assert!(parsed.get("verdict").is_none());
}

#[test]
fn text_and_addresses_of_every_kind_are_read_back_as_they_were() {
    let place = Place {
        file: "a \"b\"\\.toml".into(),
        line: 7,
    };
    for address in ["203.0.113.255:65535", "[2001:db8::1]:443", "[fe80::1%2]:1"] {
        let address = address.parse().expect("an address");
        let told = Line {
            dst_addr: Some(address),
            service: Some("gr\u{fc}n\u{7f}"),
            route: Some("back\\slash"),
            dns_name: Some("quo\"te"),
            rule: Some(&place),
            ..line(u64::MAX)
        };
        let parsed: Value = serde_json::from_slice(&encoded(&told)).expect("JSON");
        let parsed = &parsed;
        assert_eq!(parsed["dst.addr"], address.to_string());
        assert_eq!(parsed["service"], "gr\u{fc}n\u{7f}");
        assert_eq!(parsed["route"], "back\\slash");
        assert_eq!(parsed["dns_name"], "quo\"te");
        assert_eq!(parsed["rule"], place.to_string());
        assert_eq!(parsed["conn_id"], u64::MAX);
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let encoded = String::from_utf8(encoded(&line(7))).expect("text");
    assert_eq!(
        encoded,
        concat!(
            r#"{"time":"1970-01-01T00:00:00.000Z","conn_id":7,"src.addr":"192.0.2.1:1000","#,
            r#""bytes_sent":0,"bytes_received":0,"duration_ms":1.5,"#,
            r#""close_reason":"client_closed","response_flags":"-"}"#,
            "\n"
        )
    );
}
