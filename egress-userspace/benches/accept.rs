//! What a connection costs to remember, from accept to its line in the access log: what each stage adds
//! to the record, and the whole of it.
//!
//! What the kernel is asked for on the way is not in it.

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use egress_userspace::account::{
    AccessLog, Account, Admission, Counted, LogDestination, LogWriter, Metrics, Outcome, Record,
    Traffic,
};
use egress_userspace::config::Config;
use egress_userspace::policy::{Facts, Options, Permit, Policy, Verdict};
use egress_userspace::types::{
    Caller, CgroupId, Claim, ClientAddr, ConnId, Generation, OriginalDst, ResponseFlag, Tls,
    UpstreamAddr,
};
use tokio::runtime::Builder;

/// Lines that wait for the writer: the configuration's default.
const QUEUE: usize = 8_192;

/// How long a stage took is of no weight: it is only written down.
const TOOK: Duration = Duration::from_micros(250);

const REGISTRY: &str = r#"
[[scope]]
cgroups = ["/bench"]

[[service]]
name = "team-7-service-70"
hosts = ["host-70.bench.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
"#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let connection = Connection::new();
    let (written, writer) = account();
    let (unwritten, ended) = account();
    // Its lines are encoded, and find the queue closed.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(ended.finish()).expect("nothing to write");

    criterion.bench_function("accept/caller", |bencher| {
        bencher.iter(|| black_box(Arc::new(caller())));
    });
    for (index, (name, _)) in STAGES.iter().enumerate() {
        stage(&mut criterion, name, |bencher| {
            let before = || connection.recorded(&unwritten, index);
            bencher.iter_batched(
                before,
                |mut record| {
                    connection.record(&mut record, index);
                    record
                },
                BatchSize::SmallInput,
            );
        });
    }
    for (name, account) in [("encoded", &unwritten), ("written", &written)] {
        stage(&mut criterion, &format!("finish/{name}"), |bencher| {
            let before = || connection.recorded(account, STAGES.len());
            bencher.iter_batched(before, finish, BatchSize::SmallInput);
        });
        stage(&mut criterion, &format!("whole/{name}"), |bencher| {
            bencher.iter(|| finish(connection.recorded(account, STAGES.len())));
        });
    }
    runtime.block_on(writer.finish()).expect("all is written");
    criterion.final_summary();
}

fn stage(criterion: &mut Criterion, name: &str, run: impl FnMut(&mut criterion::Bencher<'_>)) {
    criterion.bench_function(&format!("accept/record/{name}"), run);
}

/// What is known of a connection at each stage.
struct Connection {
    client: ClientAddr,
    dst: OriginalDst,
    upstream: UpstreamAddr,
    caller: Arc<Caller>,
    claim: Claim,
    permit: Permit,
}

/// What a stage adds to the record.
type Stage = fn(&Connection, &mut Record);

/// The stages between the record's beginning and its end, in their order.
const STAGES: &[(&str, Stage)] = &[
    ("origin", |connection, record| {
        record.origin(connection.dst, Arc::clone(&connection.caller));
    }),
    ("sniffed", |connection, record| {
        record.sniffed(&connection.claim, TOOK);
    }),
    ("permitted", |connection, record| {
        record.judged_by(Generation(1));
        record.permitted(Admission::from(&connection.permit));
    }),
    ("connected", |connection, record| {
        record.connected(connection.upstream, Some(TOOK), TOOK);
    }),
    ("counted", |_, record| {
        let traffic = Traffic {
            from_client: 1_024,
            from_upstream: 4_096,
        };
        record.counted_by(Arc::new(move || Counted {
            all: traffic,
            untold: traffic,
        }));
    }),
];

impl Connection {
    fn new() -> Self {
        let claim = Claim::Tls(Tls {
            sni: Some("host-70.bench.example.com".parse().expect("a host name")),
            ..Tls::default()
        });
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let (dst, caller) = (OriginalDst::new(address), Arc::new(caller()));
        let permit = permit(&Facts {
            dst,
            claim: &claim,
            caller: &caller,
            learned: &[],
            draw: 0,
        });
        Self {
            client: ClientAddr::new(([127, 0, 0, 1], 40_000).into()),
            dst,
            upstream: UpstreamAddr::new(address),
            caller,
            claim,
            permit,
        }
    }

    /// A record that has gone through the first so many stages.
    fn recorded(&self, account: &Account, stages: usize) -> Record {
        let mut record = account.open(ConnId(1), self.client);
        for index in 0..stages {
            self.record(&mut record, index);
        }
        record
    }

    fn record(&self, record: &mut Record, index: usize) {
        if let Some((_, stage)) = STAGES.get(index) {
            stage(self, record);
        }
    }
}

fn finish(record: Record) {
    record.finish(&Outcome::Closed {
        reason: "upstream_closed",
        flag: ResponseFlag::None,
    });
}

/// A caller as the kernel side describes one.
fn caller() -> Caller {
    Caller {
        pid: 4_711,
        uid: 1_000,
        exe: Some(Path::new("/usr/bin/curl").into()),
        cgroup_path: Some("/kubepods/burstable/pod7/container".into()),
        ..Caller::unknown(CgroupId(7_000))
    }
}

fn permit(facts: &Facts<'_>) -> Permit {
    let config = Config::from_toml("bench.toml", REGISTRY).expect("a registry");
    let policy = Policy::compile(
        &config.services,
        &config.routes,
        Options::default(),
        Generation(1),
    );
    match policy.decide(facts) {
        Verdict::Permit(permit) => permit,
        Verdict::Deny(denial) => panic!("{denial:?}"),
    }
}

/// Metrics of its own, and a log that goes nowhere.
fn account() -> (Account, LogWriter) {
    let metrics = Arc::new(Metrics::new());
    let nowhere = LogDestination::File("/dev/null".into());
    let (log, writer) = AccessLog::open(&nowhere, QUEUE, &metrics).expect("it can be written to");
    (Account::new(metrics, log), writer)
}
