//! Requests that may not pass, and when their clients are told.

use std::io::ErrorKind;

use super::*;

const ONE: Version = Version::One;

#[tokio::test]
async fn a_later_request_for_another_host_is_refused() {
    for (host, reason) in [
        ("b.test", DenyReason::Misdirected),
        ("evil.test", DenyReason::HostNotInRegistry),
    ] {
        let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
        rig.asked(get("a.test")).await;
        rig.answer(OK).await;
        rig.answered(OK).await;
        rig.ask(get("a.test")).await;
        rig.asked(get("a.test")).await;
        rig.answer(OK).await;
        rig.answered(OK).await;
        rig.ask(get(host)).await;
        let sent = 2 * get("a.test").len() as u64;
        assert_eq!(rest(&mut rig.server).await, (Vec::new(), None), "{host}");
        assert_eq!(rig.counted(), (sent, 2 * OK.len() as u64));
        let told = Some(Telling::Response);
        assert_eq!(rig.refused().await, (reason, Some(host.to_owned()), told));
    }
}

#[tokio::test]
async fn a_refusal_waits_for_the_answers_before_it() {
    let first = [get("a.test"), get("a.test"), get("evil.test")].concat();
    let mut rig = Rig::new(ONE, first.as_bytes()).await;
    rig.asked(get("a.test")).await;
    rig.asked(get("a.test")).await;
    rig.answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        .await;
    rig.answered("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        .await;
    rig.answer("lf").await;
    rig.answered("lf").await;
    assert!(!rig.ended.is_finished());
    rig.answer("HTTP/1.1 100 Continue\r\n\r\n").await;
    rig.answer(OK).await;
    rig.answered("HTTP/1.1 100 Continue\r\n\r\n").await;
    rig.answered(OK).await;
    let (reason, _, told) = rig.refused().await;
    assert_eq!(reason, DenyReason::HostNotInRegistry);
    assert_eq!(told, Some(Telling::Response));
}

#[tokio::test]
async fn after_an_answer_that_ends_with_the_connection_nothing_is_told() {
    let first = [get("a.test"), get("evil.test")].concat();
    let mut rig = Rig::new(ONE, first.as_bytes()).await;
    rig.asked(get("a.test")).await;
    rig.answer("HTTP/1.0 200 OK\r\n\r\nto the end").await;
    rig.server.shutdown().await.expect("an end");
    rig.answered("HTTP/1.0 200 OK\r\n\r\nto the end").await;
    let (reason, _, told) = rig.refused().await;
    assert_eq!((reason, told), (DenyReason::HostNotInRegistry, None));
}

#[tokio::test]
async fn a_request_that_could_be_read_in_two_ways_is_not_passed_on() {
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\n";
    for bytes in [
        format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"),
        format!("{post}Transfer-Encoding: xchunked\r\n\r\n"),
        format!("{post}Transfer-Encoding : chunked\r\n\r\n"),
        format!("{post}X: y\r\n z\r\n\r\n"),
        format!("{post}X: y\nZ: z\r\n\r\n"),
        format!("{post}X: y\rZ: z\r\n\r\n"),
        format!("{post}X: y\0\r\n\r\n"),
        "CONNECT a.test:8443 HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde".to_owned(),
    ] {
        let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
        rig.asked(get("a.test")).await;
        rig.answer(OK).await;
        rig.answered(OK).await;
        rig.ask(&bytes).await;
        assert_eq!(rest(&mut rig.server).await, (Vec::new(), None), "{bytes:?}");
        let told = Some(Telling::Response);
        let smuggling = (DenyReason::RequestSmuggling, None, told);
        assert_eq!(rig.refused().await, smuggling, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_body_that_could_be_read_in_two_ways_resets_the_server() {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunk in [
        "5 \r\nabcde\r\n",
        "5\nabcde\r\n",
        "2\r\nabcd\r\n",
        "0x5\r\n",
        "-1\r\n",
    ] {
        let mut rig = Rig::new(ONE, head.as_bytes()).await;
        rig.asked(head).await;
        rig.ask("3\r\nabc\r\n").await;
        rig.asked("3\r\nabc\r\n").await;
        rig.ask(chunk).await;
        let (_, error) = rest(&mut rig.server).await;
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{chunk:?}");
        let told = Some(Telling::Response);
        let smuggling = (DenyReason::RequestSmuggling, None, told);
        assert_eq!(rig.refused().await, smuggling, "{chunk:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_after_its_answer_gets_no_second_one() {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut rig = Rig::new(ONE, head.as_bytes()).await;
    rig.asked(head).await;
    rig.answer(OK).await;
    rig.answered(OK).await;
    rig.ask("junk\r\n").await;
    assert_eq!(
        rest(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    let (reason, _, told) = rig.refused().await;
    assert_eq!((reason, told), (DenyReason::RequestSmuggling, None));
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(sniff::DEFAULT_CAP));
    for (bytes, reason) in [
        (
            "head / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            DenyReason::MalformedHttp,
        ),
        ("\r\nGET / HTTP/1.1\r\n", DenyReason::MalformedHttp),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            DenyReason::MalformedHttp,
        ),
        ("\u{16}\u{3}\u{1}", DenyReason::MalformedHttp),
        ("GET / HTTP/1.1\r\nHost: a.te", DenyReason::SniffTimeout),
        (&long, DenyReason::SniffTooLarge),
        ("GET / HTTP/1.1\r\n\r\n", DenyReason::NoName),
    ] {
        let mut rig = Rig::new(ONE, b"").await;
        rig.ask(bytes).await;
        assert_eq!(rig.refused().await.0, reason, "{bytes:.30}");
    }
}

#[tokio::test]
async fn a_client_that_ends_within_a_head_is_refused() {
    let mut rig = Rig::new(ONE, b"GET / HTTP/1.1\r\nHost: a.test\r\n").await;
    rig.client.shutdown().await.expect("an end");
    assert_eq!(rig.refused().await.0, DenyReason::MalformedHttp);
}

#[tokio::test]
async fn where_the_judge_lets_it_pass_the_rest_is_not_read() {
    let lenient = |claim: &Claim| match claim {
        Claim::Malformed(_) => Ok(()),
        claim => judge(claim),
    };
    let mut rig = Rig::judged_by(ONE, get("a.test").as_bytes(), lenient).await;
    rig.asked(get("a.test")).await;
    rig.answer(OK).await;
    rig.answered(OK).await;
    rig.ask("anything\n").await;
    rig.asked("anything\n").await;
    rig.answer("something\n").await;
    rig.answered("something\n").await;
    rig.ask(get("evil.test")).await;
    rig.asked(get("evil.test")).await;
}

#[tokio::test]
async fn a_response_without_a_certain_end_resets_both() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 099 Odd\r\n\r\n",
        "SSH-2.0-server\r\n",
    ] {
        let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
        rig.asked(get("a.test")).await;
        rig.answer(bytes).await;
        let reset = (Vec::new(), Some(ErrorKind::ConnectionReset));
        assert_eq!(rest(&mut rig.client).await, reset, "{bytes:?}");
        let ended = rig.ended().await;
        assert!(matches!(ended, Ended::Unframed), "{bytes:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_response_that_nobody_asked_for_resets_both() {
    let mut rig = Rig::new(ONE, get("a.test").as_bytes()).await;
    rig.asked(get("a.test")).await;
    rig.answer([OK, OK].concat()).await;
    rig.answered(OK).await;
    assert_eq!(
        rest(&mut rig.client).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    assert!(matches!(rig.ended().await, Ended::Unframed));
}
