//! What a decision costs, in a registry of a thousand names.
//!
//! `cargo xtask bench policy` has what it costs in large ones, and what they cost themselves.

use std::hint::black_box;

use criterion::Criterion;
use egress_userspace::config::Config;
use egress_userspace::policy::{Facts, Options, Policy, Verdict};
use egress_userspace::types::{Caller, CgroupId, Claim, Generation, OriginalDst, Tls};

/// As the comparison with other relays has.
const SERVICES: usize = 1_000;
/// A prime that is no factor of [`SERVICES`]: steps of it visit all of them in no order.
const STEP: usize = 367;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let config = Config::from_toml("bench.toml", &registry()).expect("a registry");
    let policy = Policy::compile(
        &config.services,
        &config.routes,
        Options::default(),
        Generation(1),
    );
    for (name, admitted, host) in [
        ("exact", true, exact as fn(usize) -> String),
        ("wildcard", true, |n| format!("any.{}", wildcard(n))),
        ("miss", false, |n| format!("no-{}", exact(n))),
    ] {
        decided(&mut criterion, &policy, name, admitted, host);
    }
    criterion.final_summary();
}

fn decided(
    criterion: &mut Criterion,
    policy: &Policy,
    name: &str,
    admitted: bool,
    host: fn(usize) -> String,
) {
    let claims: Vec<_> = (0..SERVICES).map(|n| tls(&host(n))).collect();
    let caller = Caller::unknown(CgroupId(1));
    let mut order = (0..).step_by(STEP).map(|n: usize| n % SERVICES);
    criterion.bench_function(&format!("policy/decide/{name}"), |bencher| {
        bencher.iter(|| {
            let claim = order.next().and_then(|n| claims.get(n));
            let facts = Facts {
                dst: OriginalDst::new(([192, 0, 2, 1], 443).into()),
                claim: claim.expect("one of them"),
                caller: &caller,
                learned: &[],
                draw: 0,
            };
            let verdict = policy.decide(black_box(&facts));
            assert_eq!(matches!(verdict, Verdict::Permit(_)), admitted);
            verdict
        });
    });
}

/// Services with one exact name and one wildcard each, as a configuration has them.
fn registry() -> String {
    let scope = "[[scope]]\ncgroups = [\"/bench\"]\n".to_owned();
    let service = |n| {
        let hosts = [exact(n), format!("*.{}", wildcard(n))];
        format!(
            "[[service]]\nname = \"service-{n}\"\nhosts = {hosts:?}\n\
             ports = [{{ number = 443, protocol = \"TLS\" }}]\n"
        )
    };
    [scope]
        .into_iter()
        .chain((0..SERVICES).map(service))
        .collect()
}

fn exact(n: usize) -> String {
    format!("host-{n}.bench.example.com")
}

fn wildcard(n: usize) -> String {
    format!("team-{n}.bench.example.net")
}

fn tls(name: &str) -> Claim {
    Claim::Tls(Tls {
        sni: Some(name.parse().expect("a host name")),
        ..Tls::default()
    })
}
