//! Servers that answer late, wrongly, or not at all.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn asked() -> Message {
    query("db.example.com.", RecordType::A)
}

/// An address of the loopback network that nobody answers at.
async fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let addr = socket.local_addr().expect("an address");
    (socket, addr)
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_ignored() {
    let server = Server::new(|query| {
        let mut forged = answer(query, &[a("203.0.113.66")]);
        forged.metadata.id ^= 1;
        let mut other = answer(query, &[a("203.0.113.66")]);
        other.queries[0].name = Name::from_ascii("DB.example.com.").expect("a name");
        let right = answer(query, &[a("203.0.113.1")]);
        vec![
            b"junk".to_vec(),
            encode(&forged),
            encode(&other),
            encode(&right),
        ]
    })
    .await;
    let scene = Scene::new(settings(&[server.addr]));
    let reply = scene.ask(&asked()).await.expect("a reply");
    assert_eq!(addresses(&reply), ["203.0.113.1"]);
    assert!(scene.learned("203.0.113.66").is_empty());
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_silent() {
    let (_socket, dead) = silent().await;
    let server = Server::giving(vec![a("203.0.113.1")]).await;
    let scene = Scene::new(settings(&[dead, server.addr]));
    let reply = scene.ask(&asked()).await.expect("a reply");
    assert_eq!(addresses(&reply), ["203.0.113.1"]);
}

#[tokio::test]
async fn the_next_server_is_asked_at_once_when_one_fails() {
    let failing = Server::new(|query| {
        let mut message = answer(query, &[]);
        message.metadata.response_code = ResponseCode::ServFail;
        vec![encode(&message)]
    })
    .await;
    let server = Server::giving(vec![a("203.0.113.1")]).await;
    let scene = Scene::new(ForwardSettings {
        timeout: Duration::from_mins(1),
        ..settings(&[failing.addr, server.addr])
    });
    let reply = scene.ask(&asked()).await.expect("a reply");
    assert_eq!(addresses(&reply), ["203.0.113.1"]);
    scene.forwarder.set(rules(settings(&[failing.addr])));
    let reply = scene.ask(&asked()).await;
    assert_eq!(code(reply.as_ref()), Some(ResponseCode::ServFail));
}

#[tokio::test]
async fn without_an_answer_the_client_is_told_so_in_time() {
    let (_socket, dead) = silent().await;
    let scene = Scene::new(ForwardSettings {
        timeout: Duration::from_millis(50),
        ..settings(&[dead])
    });
    let reply = scene.ask(&asked()).await;
    assert_eq!(code(reply.as_ref()), Some(ResponseCode::ServFail));
    scene.has("egress_dns_unanswered_total 1");
}

#[tokio::test]
async fn queries_over_a_connection_are_asked_over_one_and_answered_in_their_order() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = upstream.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = upstream.accept().await {
            let query = Message::from_vec(&receive(&mut stream).await).expect("a query");
            send(&mut stream, &encode(&answer(&query, &[a("203.0.113.1")]))).await;
        }
    });
    let scene = Scene::new(settings(&[addr]));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address"))
        .await
        .expect("connected");
    let (accepted, peer) = listener.accept().await.expect("accepted");
    let mut accepted = accepted.try_into().expect("with the runtime");
    let server = OriginalDst::new(STUB.parse().expect("an address"));
    let caller = Caller::unknown(CALLER);
    let peer = crate::types::ClientAddr::new(peer);
    let serving = scene.forwarder.serve(&mut accepted, peer, server, &caller);
    let asking = async {
        let queries = ["db.example.com.", "evil.example.net."].map(|n| query(n, RecordType::A));
        for query in &queries {
            send(&mut client, &encode(query)).await;
        }
        for (query, code) in queries
            .iter()
            .zip([ResponseCode::NoError, ResponseCode::NXDomain])
        {
            let reply = Message::from_vec(&receive(&mut client).await).expect("a reply");
            assert_eq!(reply.metadata.id, query.metadata.id);
            assert_eq!(reply.metadata.response_code, code);
        }
        drop(client);
    };
    tokio::join!(serving, asking);
    assert_eq!(scene.learned("203.0.113.1"), ["db.example.com"]);
}

async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let length = stream.read_u16().await.expect("a length");
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await.expect("a message");
    message
}

async fn send(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).expect("a length");
    stream.write_u16(length).await.expect("sent");
    stream.write_all(message).await.expect("sent");
}

#[tokio::test]
async fn an_answer_from_elsewhere_is_none() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let addr = socket.local_addr().expect("an address");
    let other = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let forged = encode(&answer(&query, &[a("203.0.113.66")]));
            // Where nobody hears of it, the kernel says so.
            let _ = other.send_to(&forged, peer).await;
        }
    });
    let scene = Scene::new(ForwardSettings {
        timeout: Duration::from_millis(200),
        ..settings(&[addr])
    });
    let reply = scene.ask(&query("db.example.com.", RecordType::A)).await;
    assert_eq!(code(reply.as_ref()), Some(ResponseCode::ServFail));
    assert!(scene.learned("203.0.113.66").is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_has_no_room_left_does_not_wait_for_its_pod_either() {
    let identifier = Identifier::new(Arc::default(), Arc::default(), "/", Duration::from_mins(1));
    let mut scene = Scene::new(settings(&[]));
    scene.forwarder = scene.forwarder.knowing(Some(Arc::new(identifier)));
    let room = scene.forwarder.room.clone();
    let mut slots: Vec<_> = std::iter::from_fn(|| room.take(CALLER)).collect();
    let ask = async || {
        let mut asker = asker(STUB);
        let pod = "/kubepods/pod2c48913c-b29f-11e7-9350-020968147796";
        asker.caller.cgroup_path = Some(pod.into());
        let begun = tokio::time::Instant::now();
        let query = encode(&query("other.example.com.", RecordType::A));
        let answering = scene.forwarder.answer(&query, &mut asker, Transport::Udp);
        answering.await.expect("a refusal");
        begun.elapsed()
    };
    assert_eq!(ask().await, Duration::ZERO);
    slots.pop();
    assert_eq!(ask().await, Duration::from_mins(1));
}
