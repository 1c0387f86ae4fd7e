//! The chunked coding, byte for byte.

use super::super::body::{Body, Followed, Next};
use super::super::chunked::Chunked;
use crate::sniff::Ambiguous;

/// How many bytes belong to the body at the beginning of `bytes`, which come in two parts.
fn end(bytes: &[u8], cut: usize) -> Result<Option<usize>, Ambiguous> {
    let mut body = Body::Chunked(Chunked::new());
    let mut taken = 0;
    for window in [bytes.get(..cut).unwrap_or(bytes), bytes] {
        let followed = body.follow(window.get(taken..).unwrap_or_default())?;
        taken += followed.taken;
        match followed.next {
            Next::Done => return Ok(Some(taken)),
            Next::More => {}
            Next::Data(left) => assert!(left > 0 && taken == window.len()),
        }
    }
    Ok(None)
}

#[track_caller]
fn assert_end(bytes: &str, expected: Result<Option<usize>, Ambiguous>) {
    for cut in 0..=bytes.len() {
        assert_eq!(end(bytes.as_bytes(), cut), expected, "{bytes:?} at {cut}");
    }
}

#[test]
fn a_body_ends_after_its_trailers() {
    for body in [
        "0\r\n\r\n",
        "000\r\n\r\n",
        "5\r\nabcde\r\n0\r\n\r\n",
        "009\r\n0\r\n\r\nab\r\n\r\n0\r\n\r\n",
        "A;x=y;z=\"q\"\r\n0123456789\r\n0;last\r\nX: y\r\nZ:\r\n\r\n",
    ] {
        let followed = format!("{body}GET / HTTP/1.1\r\n");
        assert_end(&followed, Ok(Some(body.len())));
        for end in 0..body.len() {
            assert_end(body.get(..end).expect("a prefix"), Ok(None));
        }
    }
}

#[test]
fn what_readers_end_at_different_places_is_ambiguous() {
    for body in [
        // Sizes.
        "\r\n",
        "g\r\n",
        "0x5\r\n",
        "+5\r\n",
        "-5\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\t\r\n",
        "5 ;x\r\n",
        "5,5\r\n",
        "1000000000000000\r\n",
        "fffffffffffffffff\r\n",
        // Ends of lines.
        "5\nabcde\r\n",
        "5\rabcde\r\n",
        "5;x\ny\r\n",
        "5;x\ry\r\n",
        "5;x\0\r\n",
        "5\r\nabcde\n",
        "5\r\nabcdef\r\n",
        "5\r\nabcde0\r\n",
        "5\r\nabcde\r0\r\n",
        "5\r\nabcde\r\r\n",
        "0\r\n\n",
        // Trailers.
        "0\r\nX\r\n",
        "0\r\n: y\r\n",
        "0\r\nX : y\r\n",
        "0\r\n X: y\r\n",
        "0\r\nX: y\r\n z\r\n",
        "0\r\nX: y\nZ: z\r\n",
        "0\r\nContent-Length: 5\r\n",
        "0\r\ntransfer-encoding: chunked\r\n",
        "0\r\nHOST: b.test\r\n",
        "0\r\nGET / HTTP/1.1\r\n",
    ] {
        assert_end(body, Err(Ambiguous));
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    assert_end(&format!("5;{}", "x".repeat(254)), Ok(None));
    assert_eq!(
        end(format!("5;{}", "x".repeat(300)).as_bytes(), 0),
        Err(Ambiguous)
    );
    let trailers = |count| format!("0\r\n{}", "X: y\r\n".repeat(count));
    assert_eq!(end(trailers(100).as_bytes(), 0), Ok(None));
    assert_eq!(end(trailers(101).as_bytes(), 0), Err(Ambiguous));
    let long = format!("0\r\nX: {}", "y".repeat(9000));
    assert_eq!(end(long.as_bytes(), 0), Err(Ambiguous));
}

#[test]
fn data_that_was_moved_without_a_look_counts() {
    let mut body = Body::Chunked(Chunked::new());
    assert_eq!(body.follow(b"a\r\n01"), Ok(Followed::new(5, Next::Data(8))));
    body.skip(7);
    assert_eq!(
        body.follow(b"9\r\n0\r\n\r\n"),
        Ok(Followed::new(8, Next::Done))
    );
    let mut body = Body::Length(10);
    assert_eq!(body.follow(b"01"), Ok(Followed::new(2, Next::Data(8))));
    body.skip(8);
    assert_eq!(body.follow(b"next"), Ok(Followed::new(0, Next::Done)));
}
