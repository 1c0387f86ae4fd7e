//! Request heads of HTTP/1: good ones, and those that two readers could understand differently.

use super::settling::{byte_by_byte, settle};
use super::{http1, malformed};
use crate::sniff::{DEFAULT_CAP, Framing, Protocol, RequestKind, request};
use crate::types::{Claim, DenyReason};

fn claim(head: &[u8]) -> Claim {
    let claim = settle(head, DEFAULT_CAP).expect("a final answer");
    assert_eq!(byte_by_byte(head, DEFAULT_CAP).0, Ok(claim.clone()));
    claim
}

#[test]
fn the_name_is_where_the_request_says() {
    let heads: &[(&str, Option<&str>)] = &[
        ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", Some("a.test")),
        (
            "GET / HTTP/1.1\r\nhOsT:A.TEST.:8080\r\n\r\nbody\n\n",
            Some("a.test"),
        ),
        (
            "POST /x?y HTTP/1.1\r\nAccept: */*\r\nHost:\t a.test \t\r\n\r\n",
            Some("a.test"),
        ),
        ("PUT / HTTP/1.0\r\nHost: a.test\r\n\r\n", Some("a.test")),
        ("P / HTTP/1.1\r\nHost: a.test\r\n\r\n", Some("a.test")),
        (
            "VERSION-CONTROL / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            Some("a.test"),
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", Some("a.test")),
        (
            "GET http://a.test/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
            Some("a.test"),
        ),
        (
            "GET HTTP://A.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n",
            Some("a.test"),
        ),
        (
            "GET http://a.test?q=http://b.test/ HTTP/1.1\r\n\r\n",
            Some("a.test"),
        ),
        (
            "GET /http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
            Some("a.test"),
        ),
        (
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
            Some("a.test"),
        ),
        ("CONNECT a.test:443 HTTP/1.1\r\n\r\n", Some("a.test")),
        ("GET / HTTP/1.0\r\n\r\n", None),
        ("GET / HTTP/1.1\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", None),
        ("GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]\r\n\r\n", None),
        ("CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nX-Host: b.test\r\n\r\n", None),
    ];
    for (head, name) in heads {
        assert_eq!(claim(head.as_bytes()), http1(*name), "{head:?}");
    }
}

#[test]
fn two_names_are_refused() {
    for (head, reason) in [
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
            DenyReason::HostDuplicate,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\nHost:\r\n\r\n",
            DenyReason::HostDuplicate,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\nhost: A.test\r\n\r\n",
            DenyReason::HostDuplicate,
        ),
        (
            "GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n",
            DenyReason::AuthorityMismatch,
        ),
        (
            "GET http://192.0.2.1/ HTTP/1.1\r\nHost: b.test\r\n\r\n",
            DenyReason::AuthorityMismatch,
        ),
        (
            "GET http://a.test/ HTTP/1.1\r\nHost:\r\n\r\n",
            DenyReason::AuthorityMismatch,
        ),
        (
            "CONNECT a.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n",
            DenyReason::AuthorityMismatch,
        ),
    ] {
        assert_eq!(claim(head.as_bytes()), malformed(reason), "{head:?}");
    }
}

#[test]
fn a_name_that_is_not_a_host_name_is_refused() {
    for head in [
        "GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test:80:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \u{fc}.test\r\n\r\n",
        "GET http://b.test@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET http://a.test\\@b.test/ HTTP/1.1\r\n\r\n",
        "CONNECT a.test/x HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(
            claim(head.as_bytes()),
            malformed(DenyReason::HostMalformed),
            "{head:?}"
        );
    }
}

#[test]
fn lines_that_two_readers_could_divide_differently_are_refused() {
    for head in [
        // Bare line feeds, carriage returns and NULs.
        "GET / HTTP/1.1\nHost: a.test\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\nHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\rHost: b.test\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\rHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\0\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHo\0st: a.test\r\n\r\n",
        // Folded lines, and white space around names.
        "GET / HTTP/1.1\r\nHost: a.test\r\n b.test\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\t: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\n\tX: y\r\nHost: a.test\r\n\r\n",
    ] {
        assert_eq!(
            claim(head.as_bytes()),
            malformed(DenyReason::RequestSmuggling),
            "{head:?}"
        );
    }
}

#[test]
fn a_body_that_two_readers_could_end_differently_is_refused() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 05\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
        let smuggling = malformed(DenyReason::RequestSmuggling);
        assert_eq!(claim(head.as_bytes()), smuggling, "{head:?}");
    }
    let coded = "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        claim(coded.as_bytes()),
        malformed(DenyReason::RequestSmuggling)
    );
}

#[test]
fn a_head_says_how_its_request_goes_on() {
    let read = |head: &str| {
        let read = request(head.as_bytes(), DEFAULT_CAP).expect("a head");
        assert_eq!(read.length, head.len());
        (read.kind, read.framing)
    };
    let head = |line: &str, fields: &str| format!("{line}\r\nHost: a.test\r\n{fields}\r\n");
    let get = "GET / HTTP/1.1";
    for (head, kind, framing) in [
        (head(get, ""), RequestKind::Plain, Framing::Unsaid),
        (
            head(get, "Content-Length: 5\r\n"),
            RequestKind::Plain,
            Framing::Length(5),
        ),
        (
            head(get, "transfer-encoding: CHUNKED\r\n"),
            RequestKind::Plain,
            Framing::Chunked,
        ),
        (
            head("HEAD / HTTP/1.1", ""),
            RequestKind::Head,
            Framing::Unsaid,
        ),
        (
            head(get, "Upgrade: websocket\r\n"),
            RequestKind::Upgrade(Protocol::Nameless),
            Framing::Unsaid,
        ),
        (
            head(get, "Upgrade: websocket\r\nupgrade: x , H2C\r\n"),
            RequestKind::Upgrade(Protocol::CarriesNames),
            Framing::Unsaid,
        ),
        (
            head(get, "Upgrade: TLS/1.2, HTTP/1.1\r\n"),
            RequestKind::Upgrade(Protocol::CarriesNames),
            Framing::Unsaid,
        ),
    ] {
        assert_eq!(read(&head), (kind, framing), "{head:?}");
    }
    for (target, port) in [
        ("a.test:443", Some(443)),
        ("a.test", None),
        ("[::1]:80", Some(80)),
    ] {
        let (kind, _) = read(&format!("CONNECT {target} HTTP/1.1\r\n\r\n"));
        assert_eq!(kind, RequestKind::Connect(port), "{target}");
    }
}

#[test]
fn what_breaks_the_rules_is_refused() {
    for head in [
        // Control characters, and lines that are no fields.
        "GET / HTTP/1.1\r\nHost: a\u{1}.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\n: a.test\r\n\r\n",
        // Request lines.
        "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET a.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\u{e9}\r\nHost: a.test\r\n\r\n",
    ] {
        assert_eq!(
            claim(head.as_bytes()),
            malformed(DenyReason::MalformedHttp),
            "{head:?}"
        );
    }
}

#[test]
fn other_protocols_are_told_apart_at_once() {
    let others: &[&[u8]] = &[
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO a.test\r\n",
        b"PING\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"GET /\r\n",
        b"GET / http/1.1\r\n",
        b"\r\nGET / HTTP/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"AMQP\0\0\x09\x01",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"AMETHODLONGERTHANALLTHATAREKNOWN",
        b"GET \x01",
        b"PRI * HTTP/2\r\n",
    ];
    for bytes in others {
        assert_eq!(settle(bytes, DEFAULT_CAP), Ok(Claim::Opaque), "{bytes:?}");
    }
}

#[test]
fn the_head_is_bounded() {
    let head = |fill: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(fill));
    let cap = head(500).len();
    assert_eq!(settle(head(500).as_bytes(), cap), Ok(http1(None)));
    let too_large = Ok(malformed(DenyReason::SniffTooLarge));
    assert_eq!(settle(head(501).as_bytes(), cap), too_large);
    assert_eq!(
        settle(format!("GET /{}", "y".repeat(500)).as_bytes(), 400),
        too_large
    );
    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(settle(fields(100).as_bytes(), DEFAULT_CAP), Ok(http1(None)));
    assert_eq!(settle(fields(101).as_bytes(), DEFAULT_CAP), too_large);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_looked_at_once_a_line() {
    let head = format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "x".repeat(8000));
    let (answer, asked) = byte_by_byte(head.as_bytes(), DEFAULT_CAP);
    assert_eq!(answer, Ok(http1(Some("a.test"))));
    assert!(asked < 10, "asked {asked} times");
}
