//! What real clients send; `testdata/README.md` says where it comes from.

use std::path::PathBuf;

use super::settling::{byte_by_byte, settle};
use super::{hello, http1, http2, tls};
use crate::sniff::{DEFAULT_CAP, detect};
use crate::types::Claim;

const BOTH: &[&str] = &["h2", "http/1.1"];

/// A captured file.
pub(super) fn capture(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src/sniff/testdata", name]
        .iter()
        .collect();
    std::fs::read(&path).expect("a captured file")
}

/// Every captured `ClientHello`, and what it claims.
pub(super) fn hellos() -> Vec<(&'static str, Claim)> {
    vec![
        (
            "openssl-3.0.bin",
            tls(Some("openssl.example.com"), BOTH, false),
        ),
        ("openssl-3.0-no-sni.bin", tls(None, &[], false)),
        (
            "python-3.11.bin",
            tls(Some("python.example.com"), &[], false),
        ),
        ("curl-7.88.bin", tls(Some("curl.example.com"), BOTH, false)),
        ("go-1.19.bin", tls(Some("go.example.com"), BOTH, false)),
        ("java-17.bin", tls(Some("java.example.com"), BOTH, false)),
        ("node-20.bin", tls(Some("node.example.com"), BOTH, false)),
        (
            "rustls-0.23-post-quantum.bin",
            tls(Some("rustls.example.com"), BOTH, false),
        ),
        (
            "rustls-0.23-many-records.bin",
            tls(Some("rustls.example.com"), BOTH, false),
        ),
        (
            "chromium-156-post-quantum-ech.bin",
            tls(Some("chromium.example.com"), BOTH, true),
        ),
    ]
}

/// Every captured request, and what it claims.
pub(super) fn requests() -> Vec<(&'static str, Claim)> {
    vec![
        ("curl-7.88-http1.bin", http1(Some("curl.example.com"))),
        ("curl-7.88-http1-proxy.bin", http1(Some("curl.example.com"))),
        (
            "curl-7.88-http1-connect.bin",
            http1(Some("curl.example.com")),
        ),
        ("curl-7.88-http2.bin", http2(Some("curl.example.com"))),
        ("node-20-http2.bin", http2(Some("node.example.com"))),
    ]
}

/// The handshake message of a capture, out of its records.
fn message(wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = wire;
    while let [22, 3, _, high, low, after @ ..] = rest {
        let (fragment, next) = after.split_at(u16::from_be_bytes([*high, *low]).into());
        message.extend_from_slice(fragment);
        rest = next;
    }
    assert!(rest.is_empty() && !message.is_empty());
    message
}

#[test]
fn every_capture_is_read_however_it_is_cut() {
    for (file, claim) in hellos().into_iter().chain(requests()) {
        let bytes = capture(file);
        assert_eq!(settle(&bytes, DEFAULT_CAP), Ok(claim.clone()), "{file}");
        assert_eq!(byte_by_byte(&bytes, DEFAULT_CAP).0, Ok(claim), "{file}");
    }
}

#[test]
fn every_captured_hello_is_read_from_any_two_records() {
    for (file, claim) in hellos() {
        let message = message(&capture(file));
        for end in 1..message.len() {
            let (one, two) = message.split_at(end);
            let wire = [hello::record(one), hello::record(two)].concat();
            assert_eq!(
                detect(&wire, DEFAULT_CAP),
                Ok(claim.clone()),
                "{file} {end}"
            );
        }
    }
}

#[test]
fn every_captured_hello_is_read_from_records_of_any_size() {
    for (file, claim) in hellos() {
        let message = message(&capture(file));
        for size in [1, 2, 3, 4, 5, 7, 16, 100, 1000] {
            let wire = hello::records(&message, size);
            let (answer, _) = byte_by_byte(&wire, DEFAULT_CAP);
            assert_eq!(answer.as_ref(), Ok(&claim), "{file} {size}");
            assert_eq!(detect(&wire, DEFAULT_CAP), answer, "{file} {size}");
        }
    }
}
