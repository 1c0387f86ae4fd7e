//! What it costs to read a first message: from a stream, as a connection does, and by the parsers alone.
//!
//! The messages are real clients', from the corpus of the fuzz targets.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use egress_userspace::sniff::{self, DEFAULT_CAP, Ended, Limits};
use futures_util::FutureExt as _;
use tokio::io::{self, AsyncReadExt as _};
use tokio::runtime::Builder;

/// What a `ClientHello` of two segments has in its first: Ethernet's 1,500 bytes, without the headers of
/// IPv4 and of TCP with timestamps.
const SEGMENT: usize = 1_448;

const LIMITS: Limits = Limits {
    cap: DEFAULT_CAP,
    // Never reached: all bytes are there.
    deadline: Duration::from_secs(5),
};

/// What is read: its name here, and its file.
const MESSAGES: [(&str, &str); 4] = [
    ("tls", "client_hello/curl-7.88.bin"),
    (
        "tls_post_quantum",
        "client_hello/chromium-156-post-quantum-ech.bin",
    ),
    ("http1", "http_head/curl-7.88-http1.bin"),
    ("http2", "http_head/curl-7.88-http2.bin"),
];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, file) in MESSAGES {
        let message = corpus(file);
        streamed(&mut criterion, name, &message);
        parsed(&mut criterion, name, &message);
    }
    criterion.final_summary();
}

/// The whole of it, with the buffer and the timer: in one segment or as many as the message needs.
fn streamed(criterion: &mut Criterion, name: &str, message: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let (first, second) = message.split_at(message.len().min(SEGMENT));
    criterion.bench_function(&format!("sniff/stream/{name}"), |bencher| {
        bencher.iter(|| {
            let mut stream = io::join(first.chain(second), io::sink());
            let sniffed = sniff::sniff(black_box(&mut stream), &LIMITS).now_or_never();
            let sniffed = sniffed.expect("nothing to wait for").expect("no error");
            assert_eq!(sniffed.ended, Ended::Decided);
            sniffed
        });
    });
}

fn parsed(criterion: &mut Criterion, name: &str, message: &[u8]) {
    criterion.bench_function(&format!("sniff/parse/{name}"), |bencher| {
        if name.starts_with("tls") {
            bencher.iter(|| {
                sniff::client_hello(black_box(message), DEFAULT_CAP).expect("a ClientHello")
            });
        } else {
            bencher.iter(|| sniff::request_head(black_box(message), DEFAULT_CAP).expect("a head"));
        }
    });
}

fn corpus(file: &str) -> Vec<u8> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus"));
    std::fs::read(corpus.join(file)).expect("a message of the corpus")
}
