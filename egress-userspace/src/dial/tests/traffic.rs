//! What a service's traffic policy says, on real sockets.

use socket2::SockRef;
use tokio::io::AsyncReadExt;

use super::*;
use crate::policy::Spread;
use crate::types::{
    ClientTls, ClientTlsMode, ConnectionPool, Keepalive, LoadBalancer, Locality, OutlierDetection,
    ServiceName, TrafficPolicy,
};

fn service() -> ServiceName {
    ServiceName::new("a")
}

/// To these endpoints, as the policy says.
fn under(traffic: TrafficPolicy, endpoints: Vec<EndpointTarget>) -> Permit {
    let terms = Terms {
        traffic: Arc::new(traffic),
        ..Terms::default()
    };
    Permit::for_test(Target::Endpoints(endpoints.into()), terms).by(service())
}

fn local(ports: &[u16]) -> Vec<EndpointTarget> {
    let endpoint = |port: &u16| {
        EndpointTarget::new(EndpointHost::Address((Ipv4Addr::LOCALHOST, *port).into()))
    };
    ports.iter().map(endpoint).collect()
}

fn stats(dialer: &Dialer) -> Option<ServiceStats> {
    dialer.memory().stats().first().map(|(_, stats)| *stats)
}

#[tokio::test]
async fn a_service_has_as_many_connections_as_it_may() {
    let (_listener, port) = listen("127.0.0.1").await;
    let dialer = dialer(&[]);
    let policy = TrafficPolicy {
        pool: ConnectionPool {
            max_connections: Some(2),
            ..ConnectionPool::default()
        },
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[port]));
    let first = dialer.dial(&permit, &ends()).await.expect("connects");
    let _second = dialer.dial(&permit, &ends()).await.expect("connects");
    let error = dialer
        .dial(&permit, &ends())
        .await
        .expect_err("is one too many");
    assert_eq!(error.denial(), Some(DenyReason::LimitService));
    assert_eq!(error.flag(), ResponseFlag::UpstreamOverflow);
    drop(first);
    let _third = dialer.dial(&permit, &ends()).await.expect("connects");
    let stats = stats(&dialer).expect("stats");
    assert_eq!((stats.live, stats.overflows), (2, 1));
}

#[tokio::test]
async fn a_connection_that_fails_gives_its_room_back() {
    let dialer = dialer(&[]);
    let policy = TrafficPolicy {
        pool: ConnectionPool {
            max_connections: Some(1),
            ..ConnectionPool::default()
        },
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[closed_port().await]));
    for _ in 0..3 {
        let error = dialer.dial(&permit, &ends()).await.expect_err("fails");
        assert_eq!(error.label(), "connect_refused");
    }
    assert_eq!(stats(&dialer).map(|stats| stats.live), Some(0));
}

#[tokio::test]
async fn what_is_counted_outlives_the_dialer_and_goes_with_the_service() {
    let (_listener, port) = listen("127.0.0.1").await;
    let old = dialer(&[]);
    let policy = TrafficPolicy {
        balancer: LoadBalancer::LeastRequest,
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[port]));
    let upstream = old.dial(&permit, &ends()).await.expect("connects");
    let new = Dialer::new(settings(), table(&[]), Arc::clone(old.memory()));
    new.memory().keep([service()].iter());
    assert_eq!(stats(&new).map(|stats| stats.live), Some(1));
    // Its last connection still counts.
    new.memory().keep(std::iter::empty());
    assert_eq!(stats(&new).map(|stats| stats.live), Some(1));
    drop(upstream);
    new.memory().keep(std::iter::empty());
    assert_eq!(stats(&new), None);
}

#[tokio::test]
async fn a_service_that_says_nothing_costs_no_memory() {
    let (_listener, port) = listen("127.0.0.1").await;
    let dialer = dialer(&[]);
    let permit = under(TrafficPolicy::default(), local(&[port]));
    dialer.dial(&permit, &ends()).await.expect("connects");
    assert_eq!(stats(&dialer), None);
}

#[tokio::test]
async fn an_address_that_refuses_is_passed_over_for_a_while() {
    let (_listener, alive) = listen("127.0.0.1").await;
    let dead = closed_port().await;
    let dialer = dialer(&[]);
    let policy = TrafficPolicy {
        outlier: Some(OutlierDetection {
            consecutive_failures: 2,
            base_ejection_time: Duration::from_mins(1),
            max_ejection_time: Duration::from_mins(5),
            max_ejection_percent: 50,
        }),
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[dead, alive]));
    for _ in 0..8 {
        let upstream = dialer.dial(&permit, &ends()).await.expect("connects");
        assert_eq!(upstream.addr.port(), alive);
    }
    // Two of the four turns that began at it, and none after.
    let stats = stats(&dialer).expect("stats");
    assert_eq!((stats.ejected, stats.ejections), (1, 1));
}

#[tokio::test]
async fn near_endpoints_are_dialled_and_far_ones_when_those_fail() {
    let (near, near_port) = listen("127.0.0.1").await;
    let (_far, far_port) = listen("127.0.0.1").await;
    let endpoints: Vec<_> = local(&[far_port, near_port])
        .into_iter()
        .zip(["eu/b", "eu/a"])
        .map(|(endpoint, locality)| EndpointTarget {
            locality: Some(Locality::new(locality)),
            ..endpoint
        })
        .collect();
    let settings = DialSettings {
        locality: Some(Locality::new("eu/a/1")),
        ..settings()
    };
    let dialer = with(settings, table(&[]));
    let permit = under(TrafficPolicy::default(), endpoints);
    for _ in 0..4 {
        let upstream = dialer.dial(&permit, &ends()).await.expect("connects");
        assert_eq!(upstream.addr.port(), near_port);
    }
    drop(near);
    let upstream = dialer.dial(&permit, &ends()).await.expect("connects");
    assert_eq!(upstream.addr.port(), far_port);
}

#[tokio::test]
async fn one_client_stays_where_it_is() {
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(listen("127.0.0.1").await);
    }
    let ports: Vec<_> = listeners.iter().map(|(_, port)| *port).collect();
    let dialer = dialer(&[]);
    let policy = TrafficPolicy {
        balancer: LoadBalancer::SourceIp,
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&ports));
    let mut taken = std::collections::HashSet::new();
    for client in 0..32 {
        let ends = Ends {
            client: ClientAddr::new((Ipv4Addr::new(192, 0, 2, client), 40_000).into()),
            ..ends()
        };
        let port = async || {
            let upstream = dialer.dial(&permit, &ends).await.expect("connects");
            upstream.addr.port()
        };
        let first = port().await;
        assert_eq!(port().await, first);
        taken.insert(first);
    }
    assert!(taken.len() > 3, "{taken:?}");
}

#[tokio::test]
async fn a_service_has_its_own_timeout() {
    // The one place in the queue is taken, so the kernel drops every further SYN.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("binds");
    let full = socket.listen(0).expect("listens");
    let addr = full.local_addr().expect("its address");
    let _first = TcpStream::connect(addr).await.expect("the one place");
    let policy = TrafficPolicy {
        pool: ConnectionPool {
            connect_timeout: Some(Duration::from_millis(50)),
            ..ConnectionPool::default()
        },
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[addr.port()]));
    let error = dialer(&[]).dial(&permit, &ends()).await.expect_err("fails");
    assert_eq!(error.to_string(), "no connection within 50ms");
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_has_no_longer_than_the_services_timeout() {
    let (_listener, port) = listen("127.0.0.1").await;
    let tls = ClientTls {
        mode: ClientTlsMode::Simple,
        sni: None,
        ca_certificates: None,
        subject_alt_names: vec![],
    };
    let policy = TrafficPolicy {
        pool: ConnectionPool {
            connect_timeout: Some(Duration::from_millis(50)),
            ..ConnectionPool::default()
        },
        tls: Some(tls.clone()),
        ..TrafficPolicy::default()
    };
    let contexts = Contexts::load([&tls]).expect("the system's authorities");
    let permit = under(policy, local(&[port]));
    let dialer = dialer(&[]).speaking(contexts, Bridges::default());
    let error = dialer.dial(&permit, &ends()).await.expect_err("fails");
    assert_eq!(error.to_string(), "no connection within 50ms");
}

#[tokio::test]
async fn without_its_context_a_service_has_no_connection_in_the_clear() {
    let (listener, port) = listen("127.0.0.1").await;
    let tls = ClientTls {
        mode: ClientTlsMode::Simple,
        sni: None,
        ca_certificates: None,
        subject_alt_names: vec![],
    };
    let policy = TrafficPolicy {
        tls: Some(tls),
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[port]));
    let error = dialer(&[]).dial(&permit, &ends()).await.expect_err("fails");
    assert!(matches!(error, DialError::Tls { .. }), "{error}");
    let (mut accepted, _) = listener.accept().await.expect("a connection");
    let mut read = Vec::new();
    accepted.read_to_end(&mut read).await.expect("its end");
    assert!(read.is_empty());
}

#[tokio::test]
async fn a_routes_destination_is_counted_and_not_the_service_that_admits() {
    let (_listener, port) = listen("127.0.0.1").await;
    let policy = TrafficPolicy {
        pool: ConnectionPool {
            max_connections: Some(1),
            ..ConnectionPool::default()
        },
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[port])).routed(ServiceName::new("b"));
    let dialer = dialer(&[]);
    let _upstream = dialer.dial(&permit, &ends()).await.expect("connects");
    let counted: Vec<_> = dialer
        .memory()
        .stats()
        .into_iter()
        .map(|(n, _)| n)
        .collect();
    assert_eq!(counted, [ServiceName::new("b")]);
}

#[tokio::test]
async fn what_holds_while_bytes_move_is_passed_on() {
    let (_listener, port) = listen("127.0.0.1").await;
    let pool = ConnectionPool {
        idle_timeout: Some(Duration::from_secs(3)),
        max_connection_duration: Some(Duration::from_secs(4)),
        keepalive: Some(Keepalive {
            time: Duration::from_secs(7),
            interval: Duration::from_secs(2),
            probes: 5,
        }),
        ..ConnectionPool::default()
    };
    let policy = TrafficPolicy {
        pool,
        ..TrafficPolicy::default()
    };
    let permit = under(policy, local(&[port]));
    let upstream = dialer(&[]).dial(&permit, &ends()).await.expect("connects");
    assert_eq!(upstream.pool, pool);
}

#[tokio::test]
async fn an_upstream_is_told_of_the_client_first() {
    let expected = [
        (
            ProxyProtocol::V1,
            b"PROXY TCP4 127.0.0.1 192.0.2.7 40000 443\r\n".to_vec(),
        ),
        (
            ProxyProtocol::V2,
            [
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(),
                &[127, 0, 0, 1, 192, 0, 2, 7, 0x9c, 0x40, 1, 0xbb],
            ]
            .concat(),
        ),
    ];
    for (version, header) in expected {
        let (listener, port) = listen("127.0.0.1").await;
        let policy = TrafficPolicy {
            proxy_protocol: Some(version),
            ..TrafficPolicy::default()
        };
        let permit = under(policy, local(&[port]));
        let upstream = dialer(&[]).dial(&permit, &ends()).await.expect("connects");
        // What the client says after it does not wait until it is acknowledged.
        let socket = SockRef::from(&upstream.stream);
        assert!(socket.tcp_nodelay().expect("the option"));
        drop(upstream);
        let (mut accepted, _) = listener.accept().await.expect("a connection");
        let mut read = Vec::new();
        accepted.read_to_end(&mut read).await.expect("the header");
        assert_eq!(read, header);
    }
}

/// The addresses that a connection may go to, of a name with two of each family.
async fn spread(spread: Spread) -> Vec<String> {
    let answer = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"];
    let dialer = dialer(&[("a.example", Ok(ips(&answer)))]);
    let terms = Terms {
        spread,
        ..Terms::default()
    };
    let permit = Permit::for_test(to_name("a.example", 443, None), terms);
    let plan = plan::plan(&permit, &dialer.names, None, true)
        .await
        .expect("a plan");
    let ip = |candidate: &order::Candidate| candidate.addr.addr().ip().to_string();
    plan.candidates.iter().map(ip).collect()
}

#[tokio::test]
async fn round_robin_by_dns_takes_the_first_answer_of_each_family() {
    assert_eq!(spread(Spread::First).await, ["2001:db8::1", "192.0.2.1"]);
    assert_eq!(spread(Spread::All).await.len(), 4);
}
