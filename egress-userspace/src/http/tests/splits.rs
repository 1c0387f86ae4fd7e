//! However TCP cuts the bytes, messages end at the same places.

use std::path::PathBuf;

use super::super::response::{ResponseHead, follow_response};
use super::super::{follow_body, look};
use crate::http::Look;
use crate::http::response::Unframed;
use crate::sniff::{DEFAULT_CAP, Stop, request};

#[test]
fn a_head_is_known_when_its_last_byte_is_there_and_not_before() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n";
    for end in 0..head.len() {
        let prefix = head.as_bytes().get(..end).expect("a prefix");
        assert_eq!(ResponseHead::read(prefix), Ok(None), "{end}");
    }
    assert_eq!(follow_response(head.as_bytes()), Ok(Some(head.len())));
    let more = format!("{head}okHTTP/1.1 204\r\n");
    assert_eq!(follow_response(more.as_bytes()), Ok(Some(head.len())));

    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\n";
    for end in 0..head.len() {
        let prefix = head.as_bytes().get(..end).expect("a prefix");
        let read = request(prefix, DEFAULT_CAP);
        assert!(matches!(read, Err(Stop::More(_))), "{end}");
    }
    let read = request(format!("{head}okGET").as_bytes(), DEFAULT_CAP);
    assert_eq!(read.expect("a head").length, head.len());
}

#[test]
fn a_response_head_is_bounded() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(70_000));
    assert_eq!(follow_response(long.as_bytes()), Err(Unframed));
    let many = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(101));
    assert_eq!(follow_response(many.as_bytes()), Err(Unframed));
}

/// What a prefix has told, more bytes do not change.
#[test]
fn answers_to_the_corpus_never_change_with_more_bytes() {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "fuzz/corpus/http_framing"]
        .iter()
        .collect();
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus") {
        let bytes = std::fs::read(file.expect("an entry").path()).expect("a file");
        let (body, response, frame) = (follow_body(&bytes), follow_response(&bytes), look(&bytes));
        for end in 0..bytes.len() {
            let prefix = bytes.get(..end).expect("a prefix");
            match follow_body(prefix) {
                Some((_, false)) => {}
                ended_or_broken => assert_eq!(ended_or_broken, body, "{bytes:?}"),
            }
            match follow_response(prefix) {
                Ok(None) => {}
                told => assert_eq!(told, response, "{bytes:?}"),
            }
            match look(prefix) {
                Ok(Look::More) => {}
                told => assert_eq!(told, frame, "{bytes:?}"),
            }
        }
        count += 1;
    }
    assert!(count > 0);
}
