//! What a hundred thousand strangers send makes no series.

use std::io::Cursor;
use std::net::SocketAddr;

use tokio::io::{join, sink};

use super::*;
use crate::account::{Lookup, LookupOutcome};
use crate::config::Config;
use crate::policy::{Facts, Options, Policy, Verdict};
use crate::sniff::{DEFAULT_CAP, Limits, sniff};
use crate::types::{OutboundTrafficPolicy, Pod, ResponseFlag, Workload};

/// In every name, path and id that is made up here, and in nothing that the gateway says.
const MARK: &str = "zq";
/// What a client sends asks for this name; others are put in its place.
const NAME: &[u8] = b"curl.example.com";
const TLS: &[u8] = include_bytes!("../../../sniff/testdata/curl-7.88.bin");
const HTTP: &[u8] = include_bytes!("../../../sniff/testdata/curl-7.88-http1.bin");

const SERVICES: [&str; 3] = ["cdn", "web", "db"];
const REGISTRY: &str = r#"
[[scope]]
cgroups = ["/apps"]

[[service]]
name = "cdn"
hosts = ["*.cdn.com"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "web"
hosts = ["*.cdn.com"]
ports = [{ number = 80, protocol = "HTTP" }]

[[service]]
name = "db"
addresses = ["10.0.0.0/9"]
ports = [{ number = 5432, protocol = "TCP" }]
"#;

const STRANGERS: u32 = 100_000;
/// After so many each word has been used with each other that it can be used with.
const FIRST: u32 = 10_000;

/// How a dialled connection may end; the reasons are words of the dialler's and the relay's.
const ENDS: [(&str, ResponseFlag); 4] = [
    ("client_closed", ResponseFlag::None),
    (
        "client_reset",
        ResponseFlag::DownstreamConnectionTermination,
    ),
    (
        "upstream_reset",
        ResponseFlag::UpstreamConnectionTermination,
    ),
    ("idle_timeout", ResponseFlag::UpstreamRequestTimeout),
];
const FAILURES: [(&str, ResponseFlag); 2] = [
    ("resolve_nxdomain", ResponseFlag::DnsResolutionFailed),
    ("connect_refused", ResponseFlag::UpstreamConnectionFailure),
];

/// The policy, another in its shadow, and where it is all written down.
struct Site {
    books: Books,
    policy: Policy,
    shadow: Policy,
}

/// Somebody that was never here before; everything about it follows from its number.
#[derive(Clone, Copy)]
struct Stranger(u32);

#[tokio::test]
async fn a_hundred_thousand_names_make_no_series() {
    let site = Site::new();
    for number in 0..FIRST {
        site.serve(Stranger(number)).await;
    }
    let early = series(&site.books.metrics());
    for number in FIRST..STRANGERS {
        site.serve(Stranger(number)).await;
    }
    let page = site.books.metrics();
    assert_eq!(series(&page), early);
    assert!(!page.contains(MARK), "{page}");
    assert!(early.len() < most(), "{} series", early.len());
    // They were served, and not all in the same way.
    let decided = site.books.istio("egress_decisions_total", "");
    let asked = site.books.istio("egress_dns_queries_total", "");
    assert_eq!(decided + asked, u64::from(STRANGERS));
    for word in ["allow", "deny", "malformed", "BlackHoleCluster"] {
        assert!(page.contains(&format!("\"{word}\"")), "{word}: {page}");
    }
    for service in SERVICES {
        assert!(
            site.books
                .istio("istio_tcp_connections_opened_total", service)
                > 0
        );
    }
}

/// More series than services and the words of the page can make.
fn most() -> usize {
    // tls, http, http2, tcp; those of `ResponseFlag`; allow, deny, audit, unknown.
    const PROTOCOLS: usize = 4;
    const FLAGS: usize = 12;
    const VERDICTS: usize = 4;
    // Of Istio's five metrics, with a service's name or one of the three that stand for none.
    let istio = 5 * (SERVICES.len() + 3) * PROTOCOLS * FLAGS;
    // Of connections and of queries, and of whether the shadow policy agrees.
    let decisions = 2 * VERDICTS * (DenyReason::ALL.len() + 1) + VERDICTS * 2;
    // Four outcomes of reading; all other metrics, with a histogram's buckets.
    istio + decisions + PROTOCOLS * 4 + 200
}

/// The names and labels on a page, without the values.
fn series(page: &str) -> Vec<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

impl Site {
    fn new() -> Self {
        let config = Config::from_toml("test.toml", REGISTRY).expect("a registry");
        let policy =
            |options| Policy::compile(&config.services, &config.routes, options, Generation(1));
        Self {
            books: Books::new(),
            policy: policy(Options::default()),
            shadow: policy(Options {
                outbound: OutboundTrafficPolicy::AllowAny,
                ..Options::default()
            }),
        }
    }

    /// As a connection, or a query, is served; nothing is dialled.
    async fn serve(&self, who: Stranger) {
        match who.0 % 8 {
            0 => self.lookup(who),
            1 => self.decided_by_kernel(who),
            _ => self.connect(who).await,
        }
    }

    async fn connect(&self, who: Stranger) {
        let account = &self.books.account;
        let mut record = account.open(ConnId(who.0.into()), who.client());
        let caller = Arc::new(who.caller());
        record.origin(who.dst(), Arc::clone(&caller));
        let claim = read(who.message()).await;
        record.sniffed(&claim, Duration::from_micros(who.0.into()));
        let facts = Facts {
            dst: who.dst(),
            claim: &claim,
            caller: &caller,
            learned: &[],
            draw: who.0,
        };
        record.judged_by(self.policy.generation());
        let verdict = self.policy.decide(&facts);
        let shadow = Opinion::of(&self.shadow.decide(&facts));
        record.shadowed(shadow, &Opinion::of(&verdict));
        match verdict {
            Verdict::Deny(denial) => record.finish(&Outcome::Denied(denial)),
            Verdict::Permit(permit) => {
                record.permitted((&permit).into());
                who.dial(record);
            }
        }
    }

    fn decided_by_kernel(&self, who: Stranger) {
        let caller = Arc::new(who.caller());
        let account = &self.books.account;
        let record = account.of_kernel(ConnId(who.0.into()), who.dst(), caller);
        record.finish(&Outcome::Denied(DenyReason::PacketNotInRegistry.into()));
    }

    fn lookup(&self, who: Stranger) {
        let caller = who.caller();
        let peer = "192.0.2.1:40000".parse().expect("an address");
        let mut lookup: Lookup<'_> = self.books.account.lookup(peer, who.dst(), &caller);
        lookup.judged_by(self.policy.generation());
        lookup.asked(&who.name());
        lookup.finish(match who.0 % 3 {
            0 => LookupOutcome::Answered,
            1 => LookupOutcome::Unanswered,
            _ => LookupOutcome::Denied(DenyReason::HostNotInRegistry.into()),
        });
    }
}

impl Stranger {
    /// As long as [`NAME`]; half of them are registered.
    fn name(self) -> String {
        let domain = if self.bit(0) { "cdn.com" } else { "not.org" };
        format!("{MARK}{:06x}.{domain}", self.0)
    }

    fn client(self) -> ClientAddr {
        let [_, high, middle, low] = self.0.to_be_bytes();
        ClientAddr::new(SocketAddr::from(([10, high, middle, low], 40_000)))
    }

    fn dst(self) -> OriginalDst {
        let [_, high, middle, low] = self.mixed().to_be_bytes();
        let port = match self.mixed() % 4 {
            0 => 443,
            1 => 80,
            2 => 5432,
            _ => 9,
        };
        OriginalDst::new(SocketAddr::from(([10, high, middle, low], port)))
    }

    fn caller(self) -> Caller {
        let text = |what: &str| format!("/{MARK}/{what}-{}", self.0);
        Caller {
            pid: self.0,
            uid: self.mixed(),
            exe: Some(Path::new(&text("exe")).into()),
            cgroup: CgroupId(self.0.into()),
            cgroup_path: Some(text("cgroup").into()),
            // One of a workload's many: that is what a label has of a pod.
            pod: Some(Arc::new(Pod {
                namespace: "shop".into(),
                workload: Some(Workload {
                    kind: "Deployment".into(),
                    name: "checkout".into(),
                }),
                name: text("pod").into(),
                service_account: text("account").into(),
                labels: [(text("key").into(), text("value").into())].into(),
                ..Pod::default()
            })),
            held: None,
            remote: None,
        }
    }

    /// A real client's first message with this stranger's name; of some, one byte is wrong.
    fn message(self) -> Vec<u8> {
        let message = if self.bit(1) { TLS } else { HTTP };
        let mut windows = message.windows(NAME.len());
        let place = windows.position(|bytes| bytes == NAME).expect("the name");
        let (before, rest) = message.split_at(place);
        let (_, after) = rest.split_at(NAME.len());
        let mut message = [before, self.name().as_bytes(), after].concat();
        if self.bit(2) && self.bit(3) {
            let wrong = usize::try_from(self.mixed()).expect("small") % message.len();
            *message.get_mut(wrong).expect("a byte") ^= 0x55;
        }
        message
    }

    /// What would come of dialling.
    fn dial(self, mut record: Record) {
        let which = usize::try_from(self.mixed() >> 8).expect("small");
        if self.bit(4) && self.bit(5) {
            let (reason, flag) = *FAILURES.iter().cycle().nth(which % 7).expect("one");
            return record.finish(&Outcome::Unreachable { reason, flag });
        }
        let upstream = UpstreamAddr::new(self.dst().socket_addr());
        record.connected(upstream, None, Duration::from_micros(self.0.into()));
        let (reason, flag) = *ENDS.iter().cycle().nth(which % 7).expect("one");
        record.finish(&Outcome::Closed { reason, flag });
    }

    fn bit(self, number: u32) -> bool {
        self.mixed() >> (16 + number) & 1 == 1
    }

    /// Its number, with the bits in no order (Knuth's multiplicative hash).
    fn mixed(self) -> u32 {
        self.0.wrapping_mul(2_654_435_761)
    }
}

/// What the gateway reads in a first message.
async fn read(message: Vec<u8>) -> Claim {
    let limits = Limits {
        cap: DEFAULT_CAP,
        deadline: Duration::from_secs(5),
    };
    let mut stream = join(Cursor::new(message), sink());
    let sniffed = sniff(&mut stream, &limits).await;
    sniffed.expect("no error").claim
}
