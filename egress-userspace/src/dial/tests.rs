//! Dialling, with a resolver that knows only its table and listeners on loopback.

mod traffic;
mod trust;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use tokio::net::TcpListener;

use super::*;
use crate::policy::{EndpointHost, EndpointTarget, Required, Target, Terms};
use crate::types::{Claim, DenyReason, HostName, ResponseFlag};

/// Knows its table, and panics on any other name.
struct Table(HashMap<HostName, Answer>);

impl Resolve for Table {
    fn resolve<'a>(&'a self, name: &'a HostName) -> Resolving<'a> {
        let answer = self.0.get(name).cloned();
        Box::pin(async move { answer.unwrap_or_else(|| panic!("{name} was not to be resolved")) })
    }

    fn resolve_anew<'a>(&'a self, name: &'a HostName) -> Resolving<'a> {
        self.resolve(name)
    }
}

fn host(name: &str) -> HostName {
    name.parse().expect("a name")
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|ip| ip.parse().expect("an address"))
        .collect()
}

fn table(entries: &[(&str, Answer)]) -> Arc<dyn Resolve> {
    Arc::new(Table(
        entries
            .iter()
            .map(|(name, answer)| (host(name), answer.clone()))
            .collect(),
    ))
}

fn settings() -> DialSettings {
    DialSettings {
        connect_timeout: Duration::from_secs(10),
        attempt_delay: Duration::from_millis(250),
        grace: Duration::from_mins(10),
        locality: None,
    }
}

/// One client for all.
fn ends() -> Ends<'static> {
    Ends {
        client: ClientAddr::new("127.0.0.1:40000".parse().expect("an address")),
        dst: OriginalDst::new("192.0.2.7:443".parse().expect("an address")),
        claim: &Claim::Opaque,
        speaks: false,
    }
}

fn dialer(entries: &[(&str, Answer)]) -> Dialer {
    with(settings(), table(entries))
}

fn with(settings: DialSettings, resolver: Arc<dyn Resolve>) -> Dialer {
    Dialer::new(settings, resolver, Arc::default())
}

async fn planned(
    permit: &Permit,
    resolver: Arc<dyn Resolve>,
) -> Result<Vec<SocketAddr>, DialError> {
    let dialer = with(settings(), resolver);
    let plan = plan::plan(permit, &dialer.names, None, true).await?;
    Ok(plan.candidates.iter().map(|c| c.addr.addr()).collect())
}

fn permit(target: Target, listed: &[&str]) -> Permit {
    let nets = listed.iter().map(|net| net.parse().expect("a network"));
    let terms = Terms {
        listed: nets.collect(),
        ..Terms::default()
    };
    Permit::for_test(target, terms)
}

fn to_name(name: &str, port: u16, prefer: Option<&str>) -> Target {
    let prefer = prefer.map(|ip| ip.parse().expect("an address"));
    Target::Name {
        name: host(name),
        port,
        prefer,
    }
}

/// A listener, and its port.
async fn listen(ip: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind((ip, 0)).await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

/// A loopback port that nobody listens on.
async fn closed_port() -> u16 {
    listen("127.0.0.1").await.1
}

#[tokio::test]
async fn an_address_is_dialled_as_it_is_and_nothing_is_resolved() {
    let (_listener, port) = listen("127.0.0.1").await;
    let addr = (Ipv4Addr::LOCALHOST, port).into();
    let upstream = dialer(&[])
        .dial(&permit(Target::Address(addr), &[]), &ends())
        .await
        .expect("connects");
    assert_eq!(upstream.addr.socket_addr(), addr);
    assert_eq!((upstream.resolve_time, upstream.redialled), (None, false));
}

#[tokio::test]
async fn a_name_is_resolved_and_dialled() {
    let (_listener, port) = listen("127.0.0.1").await;
    let dialer = dialer(&[("a.example", Ok(ips(&["127.0.0.1"])))]);
    let permit = permit(to_name("a.example", port, None), &["127.0.0.0/8"]);
    let upstream = dialer.dial(&permit, &ends()).await.expect("connects");
    assert_eq!(upstream.addr.port(), port);
    assert!(upstream.resolve_time.is_some());
}

#[tokio::test]
async fn an_answer_that_is_not_public_is_refused_unless_listed() {
    let (listener, port) = listen("127.0.0.1").await;
    let dialer = dialer(&[("a.example", Ok(ips(&["127.0.0.1", "10.0.0.1"])))]);
    let error = dialer
        .dial(&permit(to_name("a.example", port, None), &[]), &ends())
        .await
        .expect_err("fails");
    assert_eq!(error.denial(), Some(DenyReason::ResolvedAddressRefused));
    assert_eq!(error.flag(), ResponseFlag::UnauthorizedExternalService);
    assert_eq!(
        error.to_string(),
        "a.example resolves only to addresses that are not public: \
         127.0.0.1 (loopback), 10.0.0.1 (private)"
    );
    let accepted = timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "a refused address was dialled");
}

#[tokio::test]
async fn of_a_mixed_answer_only_what_passes_is_dialled() {
    let answer = Ok(ips(&["10.0.0.1", "127.0.0.2", "192.0.2.1"]));
    let resolver = table(&[("a.example", answer)]);
    let permit = permit(to_name("a.example", 443, None), &[]);
    let expected = "192.0.2.1:443".parse().expect("an address");
    assert_eq!(
        planned(&permit, resolver).await.expect("a plan"),
        [expected]
    );
}

#[tokio::test]
async fn the_clients_own_address_is_dialled_if_the_name_has_it() {
    let (_listener, port) = listen("127.0.0.3").await;
    let dialer = dialer(&[("a.example", Ok(ips(&["127.0.0.2", "127.0.0.3"])))]);
    let target = to_name("a.example", port, Some("127.0.0.3"));
    let upstream = dialer
        .dial(&permit(target, &["127.0.0.0/8"]), &ends())
        .await
        .expect("connects");
    assert_eq!(upstream.addr.to_string(), format!("127.0.0.3:{port}"));
    assert!(!upstream.redialled);
}

#[tokio::test]
async fn a_false_name_reaches_only_what_it_names() {
    let (_listener, port) = listen("127.0.0.2").await;
    let (claimed, _) = listen("127.0.0.3").await;
    let dialer = dialer(&[("a.example", Ok(ips(&["127.0.0.2"])))]);
    let target = to_name("a.example", port, Some("127.0.0.3"));
    let upstream = dialer
        .dial(&permit(target, &["127.0.0.0/8"]), &ends())
        .await
        .expect("connects");
    assert_eq!(upstream.addr.to_string(), format!("127.0.0.2:{port}"));
    assert!(upstream.redialled);
    assert!(
        timeout(Duration::ZERO, claimed.accept()).await.is_err(),
        "the claim was dialled"
    );
}

#[tokio::test]
async fn endpoints_take_turns_and_a_dead_one_is_passed_over() {
    let (_one, first) = listen("127.0.0.1").await;
    let (_two, second) = listen("127.0.0.1").await;
    let endpoints = [first, closed_port().await, second]
        .map(|port| EndpointHost::Address((Ipv4Addr::LOCALHOST, port).into()))
        .map(EndpointTarget::new);
    let permit = permit(Target::Endpoints(endpoints.into()), &[]);
    let dialer = dialer(&[]);
    let mut ports = Vec::new();
    for _ in 0..4 {
        ports.push(
            dialer
                .dial(&permit, &ends())
                .await
                .expect("connects")
                .addr
                .port(),
        );
    }
    assert_eq!(ports, [first, second, second, first]);
}

#[tokio::test]
async fn an_endpoint_whose_name_is_gone_is_passed_over() {
    let (_listener, port) = listen("127.0.0.1").await;
    let dialer = dialer(&[
        ("gone.example", Err(ResolveError::NxDomain)),
        ("here.example", Ok(ips(&["127.0.0.1"]))),
    ]);
    let endpoints = ["gone.example", "here.example"]
        .map(|n| EndpointTarget::new(EndpointHost::Name(host(n), port)));
    let here = permit(Target::Endpoints(endpoints.into()), &["127.0.0.1/32"]);
    assert_eq!(
        dialer
            .dial(&here, &ends())
            .await
            .expect("connects")
            .addr
            .port(),
        port
    );

    let gone = [EndpointTarget::new(EndpointHost::Name(
        host("gone.example"),
        port,
    ))];
    let error = dialer
        .dial(&permit(Target::Endpoints(gone.into()), &[]), &ends())
        .await
        .expect_err("fails");
    assert_eq!(error.label(), "resolve_nxdomain");
}

#[tokio::test]
async fn failures_have_their_labels_and_flags() {
    let addr = (Ipv4Addr::LOCALHOST, closed_port().await).into();
    let refused = dialer(&[])
        .dial(&permit(Target::Address(addr), &[]), &ends())
        .await
        .expect_err("fails");
    assert_eq!(refused.label(), "connect_refused");
    assert_eq!(refused.flag(), ResponseFlag::UpstreamConnectionFailure);

    let nowhere = permit(Target::Endpoints([].into()), &[]);
    let nowhere = dialer(&[])
        .dial(&nowhere, &ends())
        .await
        .expect_err("fails");
    assert_eq!(
        (nowhere.label(), nowhere.flag()),
        ("no_endpoint", ResponseFlag::NoHealthyUpstream)
    );

    for (source, label) in [
        (ResolveError::NxDomain, "resolve_nxdomain"),
        (ResolveError::NoAddress, "resolve_no_address"),
        (ResolveError::Timeout, "resolve_timeout"),
        (ResolveError::Server("refused".into()), "resolve_server"),
    ] {
        let dialer = dialer(&[("a.example", Err(source))]);
        let error = dialer
            .dial(&permit(to_name("a.example", 1, None), &[]), &ends())
            .await
            .expect_err("fails");
        assert_eq!(
            (error.label(), error.flag()),
            (label, ResponseFlag::DnsResolutionFailed)
        );
    }
}

#[tokio::test]
async fn an_upstream_that_never_accepts_is_given_up_in_time() {
    // The one place in the queue is taken, so the kernel drops every further SYN.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("binds");
    let full = socket.listen(0).expect("listens");
    let addr = full.local_addr().expect("its address");
    let _first = TcpStream::connect(addr).await.expect("the one place");
    let settings = DialSettings {
        connect_timeout: Duration::from_millis(50),
        ..settings()
    };
    let dialer = with(settings, table(&[]));
    let permit = permit(Target::Address(addr), &[]);
    let dialled = timeout(Duration::from_secs(5), dialer.dial(&permit, &ends())).await;
    let error = dialled.expect("in time").expect_err("fails");
    assert!(matches!(error, DialError::Timeout { .. }), "{error}");
    assert_eq!(error.label(), "connect_timeout");
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        // Ranges that the guard refuses are met often enough to matter.
        any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
        any::<[u8; 2]>().prop_map(|[c, d]| IpAddr::from([169, 254, c, d])),
    ]
}

proptest! {
    /// Invariant 2: whatever a name resolves to, what is dialled was listed or passed the guard.
    #[test]
    fn no_answer_is_dialled_unguarded(
        answer in prop::collection::vec(any_ip(), 0..8),
        prefer in prop::option::of(any_ip()),
        require in prop::option::of(any_ip()),
    ) {
        let permit = permit(
            Target::Name { name: host("a.example"), port: 443, prefer },
            &["10.1.0.0/16"],
        );
        let permit = match require {
            Some(ip) => permit.requiring(Required { name: host("a.example"), ip }),
            None => permit,
        };
        let resolver = table(&[("a.example", Ok(answer.clone()))]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for address in runtime.block_on(planned(&permit, resolver)).unwrap_or_default() {
            let ip = address.ip();
            prop_assert!(answer.iter().any(|a| a.to_canonical() == ip));
            let passes = Cleared::answer(&Permit::for_test(Target::Endpoints([].into()), Terms::default()), ip, 443);
            prop_assert!(permit.lists(ip) || passes.is_ok(), "{ip}");
        }
    }
}
