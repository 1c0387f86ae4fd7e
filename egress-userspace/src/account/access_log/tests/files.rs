//! Files that are moved away, and destinations that take lines in part.

use std::fs;
use std::path::Path;
use std::thread;

use super::*;

fn conn_ids(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a whole line");
            line.get("conn_id")
                .and_then(Value::as_u64)
                .expect("a number")
        })
        .collect()
}

/// Moves the file away as logrotate does, and waits until there is another.
fn rotate(path: &Path, to: &Path, log: &AccessLog) {
    fs::rename(path, to).expect("moved");
    log.reopen();
    while !path.exists() {
        thread::yield_now();
    }
}

#[tokio::test]
async fn a_file_that_is_moved_away_and_its_successors_have_each_line_once() {
    /// All of them find room in the queue.
    const LINES: usize = 50_000;
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("access.log");
    let metrics = Metrics::new();
    let destination = LogDestination::File(path.clone());
    let (log, writer) = AccessLog::open(&destination, LINES, &metrics).expect("opens");
    let writing = thread::spawn({
        let log = log.clone();
        move || {
            for conn in 0..LINES {
                log.write(&line(conn as u64));
            }
        }
    });
    let mut files = Vec::new();
    while !writing.is_finished() {
        files.push(dir.path().join(format!("access.log.{}", files.len())));
        rotate(&path, files.last().expect("a name"), &log);
    }
    writing.join().expect("all is queued");
    writer.finish().await.expect("all is written");

    files.push(path);
    let texts: Vec<_> = files
        .iter()
        .map(|path| fs::read_to_string(path).expect("a log"))
        .collect();
    let used = texts.iter().filter(|text| !text.is_empty()).count();
    assert!(used > 1, "it was moved while lines came");
    let found: Vec<_> = texts.iter().flat_map(|text| conn_ids(text)).collect();
    assert_eq!(found, (0..LINES as u64).collect::<Vec<_>>());
    assert_eq!(metrics.access_log_dropped().get(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_again_is_written_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let [logs, moved] = ["logs", "moved"].map(|name| dir.path().join(name));
    fs::create_dir(&logs).expect("a directory");
    let destination = LogDestination::File(logs.join("access.log"));
    let (log, writer) = AccessLog::open(&destination, QUEUE, &Metrics::new()).expect("opens");
    fs::rename(&logs, &moved).expect("moved");
    log.reopen();
    log.write(&line(1));
    writer.finish().await.expect("all is written");
    let text = fs::read_to_string(moved.join("access.log")).expect("the log");
    assert_eq!(conn_ids(&text), [1]);
}

/// Takes so many bytes and no more, until it is given room again.
#[derive(Clone)]
struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().expect("the lock");
        let (text, room) = &mut *disk;
        let (taken, _) = bytes.split_at(bytes.len().min(*room));
        if taken.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *room -= taken.len();
        text.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_full_disk_took_is_not_counted_as_lost_and_half_a_line_spoils_no_other() {
    let disk = Disk(Arc::new(Mutex::new((Vec::new(), 6))));
    let mut stream = Stream::new(disk.clone());
    let batch = |text: &str| Batch {
        text: text.into(),
        lines: text.lines().count(),
    };
    let lost = stream.write(&batch("one\ntwo\nthree\n"));
    assert_eq!(lost.expect_err("full").lines, 2, "the second and the third");
    let lost = stream.write(&batch("four\n"));
    assert_eq!(lost.expect_err("still full").lines, 1);
    disk.0.lock().expect("the lock").1 = 1_000;
    stream.write(&batch("five\n")).expect("room");
    stream.write(&batch("six\n")).expect("room");
    let written = disk.0.lock().expect("the lock").0.clone();
    assert_eq!(String::from_utf8_lossy(&written), "one\ntw\nfive\nsix\n");
}

#[test]
fn half_a_line_in_one_file_is_nothing_to_the_next() {
    let [full, next] = [3, 1_000].map(|room| Disk(Arc::new(Mutex::new((Vec::new(), room)))));
    let mut disks = vec![next.clone(), full.clone()];
    let mut stream =
        Stream::opened(move || disks.pop().ok_or(io::ErrorKind::NotFound.into())).expect("a disk");
    let batch = |text: &str| Batch {
        text: text.into(),
        lines: 1,
    };
    assert_eq!(stream.write(&batch("one\n")).expect_err("full").lines, 1);
    stream.reopen().expect("another");
    stream.write(&batch("two\n")).expect("room");
    let written = |disk: &Disk| disk.0.lock().expect("the lock").0.clone();
    assert_eq!(written(&full), b"one");
    assert_eq!(written(&next), b"two\n");
}
