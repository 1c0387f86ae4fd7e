//! Random pipelines against a plain model: the server gets the requests up to the first that may not
//! pass, the client gets their answers, and is told of the refusal if no answer ends with the connection.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

/// A message, and what it is to the model.
#[derive(Clone, Debug)]
struct Exchange {
    request: Vec<u8>,
    response: Vec<u8>,
    admitted: bool,
    /// The response ends with the connection.
    last: bool,
}

fn bodies() -> impl Strategy<Value = (bool, Vec<Vec<u8>>)> {
    let piece = prop::collection::vec(any::<u8>(), 1..200);
    (any::<bool>(), prop::collection::vec(piece, 0..4))
}

fn framed((chunked, pieces): &(bool, Vec<Vec<u8>>)) -> (String, Vec<u8>) {
    if !chunked {
        let body = pieces.concat();
        return (format!("Content-Length: {}\r\n", body.len()), body);
    }
    let chunk = |piece: &Vec<u8>| {
        [
            format!("{:X};x=y\r\n", piece.len()).as_bytes(),
            piece,
            b"\r\n",
        ]
        .concat()
    };
    let mut body: Vec<u8> = pieces.iter().flat_map(chunk).collect();
    body.extend_from_slice(b"0\r\nT: u\r\n\r\n");
    ("Transfer-Encoding: chunked\r\n".to_owned(), body)
}

prop_compose! {
    fn exchanges()(
        host in prop::sample::select(&["a.test", "a.test", "a.test", "evil.test"][..]),
        method in prop::sample::select(&["GET", "POST", "HEAD"][..]),
        ask in bodies(),
        answer in bodies(),
        status in prop::sample::select(&[200, 200, 404, 204, 304][..]),
        interim in 0..2_usize,
        to_end in prop::bool::weighted(0.1),
    ) -> Exchange {
        let (fields, body) = framed(&ask);
        let head = format!("{method} / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let request = [head.as_bytes(), &body].concat();
        let (fields, body) = framed(&answer);
        let bodiless = method == "HEAD" || status == 204 || status == 304;
        let last = to_end && !bodiless;
        let fields = if last { String::new() } else { fields };
        let head = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(interim)
            + &format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
        let body = if bodiless { Vec::new() } else { body };
        Exchange {
            request,
            response: [head.as_bytes(), &body].concat(),
            admitted: host == "a.test",
            last,
        }
    }
}

/// Writes in pieces of these sizes, over and over, so that they come in as many reads.
async fn write(stream: &mut TcpStream, mut bytes: &[u8], sizes: &[usize]) {
    for size in sizes.iter().cycle() {
        let (piece, later) = bytes.split_at(bytes.len().min(*size));
        if piece.is_empty() {
            return;
        }
        // An error is the gateway's refusal, which does not read on.
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
        bytes = later;
    }
}

async fn check(exchanges: Vec<Exchange>, sizes: Vec<usize>) {
    let passing = exchanges.iter().take_while(|e| e.admitted).count();
    let refused = passing < exchanges.len();
    let (passed, _) = exchanges.split_at(passing);
    let requests: Vec<u8> = exchanges.iter().flat_map(|e| e.request.clone()).collect();
    let expected: Vec<u8> = passed.iter().flat_map(|e| e.request.clone()).collect();
    let answered = passed
        .iter()
        .position(|e| e.last)
        .map_or(passing, |last| last + 1);
    let (answers, _) = passed.split_at(answered);
    let responses: Vec<u8> = answers.iter().flat_map(|e| e.response.clone()).collect();
    let cut_short = answers.last().is_some_and(|e| e.last);

    let Rig {
        mut client,
        mut server,
        ended,
        ..
    } = Rig::new(Version::One, b"").await;
    let serving = async {
        let mut read = vec![0; expected.len()];
        server.read_exact(&mut read).await.expect("what may pass");
        assert_same(&read, &expected);
        write(&mut server, &responses, &sizes).await;
        if cut_short || !refused {
            server.shutdown().await.expect("an end");
        }
        rest(&mut server).await.0
    };
    let asking = async {
        let (mut from, mut to) = client.split();
        let mut read = vec![0; responses.len()];
        let ask = async {
            for piece in requests.chunks(*sizes.first().unwrap_or(&1)) {
                if to.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let (got, ()) = tokio::join!(from.read_exact(&mut read), ask);
        got.expect("the answers");
        assert_same(&read, &responses);
        if !refused {
            to.shutdown().await.expect("an end");
        }
    };
    let (beyond, ()) = tokio::join!(serving, asking);
    assert!(beyond.is_empty(), "nothing else passes");
    match ended.await.expect("no panic") {
        Ended::Refused(Refused { reason, told, .. }) => {
            assert!(refused);
            assert_eq!(reason, DenyReason::HostNotInRegistry);
            let telling = told.map(|(_, telling)| telling);
            assert_eq!(telling, (!cut_short).then_some(Telling::Response));
        }
        ended => assert!(!refused && matches!(ended, Ended::Closed(_)), "{ended:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_pipeline_is_what_the_model_says(
        exchanges in prop::collection::vec(exchanges(), 1..8),
        sizes in prop::collection::vec(1..300_usize, 1..5),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            timeout(DEADLINE, check(exchanges, sizes)).await.expect("it does not hang");
        });
    }
}
