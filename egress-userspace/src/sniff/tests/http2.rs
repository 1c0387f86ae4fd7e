//! The beginning of HTTP/2 connections, made by an `h2` client or by hand.

use super::settling::{byte_by_byte, settle};
use super::{http2, malformed};
use crate::sniff::{DEFAULT_CAP, detect};
use crate::types::{Claim, DenyReason};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

pub(super) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    [&length[..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A field that is not in HPACK's table, as plain text.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |s: &str| [&[u8::try_from(s.len()).expect("short")][..], s.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let method_path_scheme = [0x82, 0x84, 0x86];
    let rest = fields.iter().flat_map(|(name, value)| field(name, value));
    method_path_scheme.into_iter().chain(rest).collect()
}

fn begin(frames: &[Vec<u8>]) -> Vec<u8> {
    [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frames.concat(),
    ]
    .concat()
}

pub(super) fn request(fields: &[(&str, &str)]) -> Vec<u8> {
    begin(&[frame(HEADERS, END_HEADERS | 1, 1, &block(fields))])
}

fn claim(bytes: &[u8]) -> Claim {
    let claim = settle(bytes, DEFAULT_CAP).expect("a final answer");
    assert_eq!(byte_by_byte(bytes, DEFAULT_CAP).0, Ok(claim.clone()));
    claim
}

const BROKEN: Claim = Claim::Malformed(DenyReason::MalformedHttp);

#[test]
fn the_name_is_the_authority_of_the_first_request() {
    let named = http2(Some("a.test"));
    assert_eq!(claim(&request(&[(":authority", "A.test:50051")])), named);
    assert_eq!(
        claim(&request(&[(":authority", "a.test"), ("host", "a.test")])),
        named
    );
    assert_eq!(claim(&request(&[("host", "a.test")])), named);
    assert_eq!(claim(&request(&[])), http2(None));
    assert_eq!(claim(&request(&[(":authority", "[::1]:80")])), http2(None));
}

#[test]
fn two_names_and_bad_names_are_refused() {
    for (fields, reason) in [
        (
            &[(":authority", "a.test"), ("host", "b.test")][..],
            DenyReason::AuthorityMismatch,
        ),
        (
            &[("host", "a.test"), ("host", "b.test")],
            DenyReason::HostDuplicate,
        ),
        (
            &[("host", "a.test"), ("host", "a.test")],
            DenyReason::HostDuplicate,
        ),
        (
            &[(":authority", "a.test"), (":authority", "b.test")],
            DenyReason::MalformedHttp,
        ),
        (
            &[("x", "y"), (":authority", "a.test")],
            DenyReason::MalformedHttp,
        ),
        (
            &[(":authority", "b.test@a.test")],
            DenyReason::HostMalformed,
        ),
        (&[(":authority", "a..test")], DenyReason::HostMalformed),
    ] {
        assert_eq!(claim(&request(fields)), malformed(reason), "{fields:?}");
    }
}

#[test]
fn other_frames_may_come_before_the_request() {
    let block = block(&[(":authority", "a.test")]);
    let (one, two) = block.split_at(5);
    let bytes = begin(&[
        frame(8, 0, 0, &[0, 0, 255, 255]),
        frame(6, 0, 0, &[0; 8]),
        frame(0xaa, 7, 0, b"grease"),
        frame(HEADERS, 1, 1, one),
        frame(CONTINUATION, 0, 1, &[]),
        frame(CONTINUATION, END_HEADERS, 1, two),
    ]);
    assert_eq!(claim(&bytes), http2(Some("a.test")));
}

#[test]
fn broken_beginnings_are_refused() {
    let block = block(&[(":authority", "a.test")]);
    for bytes in [
        [PREFACE, &frame(HEADERS, END_HEADERS, 1, &block)].concat(),
        [PREFACE, &frame(SETTINGS, 1, 0, &[])].concat(),
        begin(&[frame(0, 0, 1, b"data")]),
        begin(&[frame(CONTINUATION, END_HEADERS, 1, &block)]),
        begin(&[frame(HEADERS, 0, 1, &block), frame(6, 0, 0, &[0; 8])]),
        begin(&[frame(HEADERS, END_HEADERS, 2, &block)]),
        begin(&[frame(HEADERS, END_HEADERS, 1, &[0xff])]),
        begin(&[vec![0, 0x40, 1, HEADERS, 0, 0, 0, 0, 1]]),
    ] {
        assert_eq!(claim(&bytes), BROKEN, "{bytes:x?}");
    }
    assert_eq!(claim(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), BROKEN);
}

#[test]
fn the_beginning_is_bounded() {
    let pings = begin(&vec![frame(6, 0, 0, &[0; 8]); 100]);
    let too_large = Ok(malformed(DenyReason::SniffTooLarge));
    assert_eq!(settle(&pings, 1000), too_large);
    assert_eq!(
        settle(&begin(&[vec![0, 8, 0, HEADERS, 0, 0, 0, 0, 1]]), 1000),
        too_large
    );
    let headers = frame(HEADERS, END_HEADERS, 1, &block(&[(":authority", "a.test")]));
    let request = begin(&[vec![frame(6, 0, 0, &[0; 8]); 20].concat(), headers]);
    assert_eq!(settle(&request, request.len()), Ok(http2(Some("a.test"))));
    assert_eq!(settle(&request, request.len() - 1), too_large);
}

#[test]
fn headers_that_grow_beyond_the_cap_when_decompressed_are_refused() {
    let mut block = block(&[(":authority", "a.test")]);
    // One field of 100 bytes enters the table, and is then named 500 times, by one byte each.
    block.extend([&[0x40, 1, b'x', 100][..], &[b'y'; 100]].concat());
    block.extend([0xbe; 500]);
    let bytes = begin(&[frame(HEADERS, END_HEADERS, 1, &block)]);
    assert_eq!(detect(&bytes, DEFAULT_CAP), Ok(BROKEN));
    assert_eq!(detect(&bytes, 10 * DEFAULT_CAP), Ok(http2(Some("a.test"))));
}
