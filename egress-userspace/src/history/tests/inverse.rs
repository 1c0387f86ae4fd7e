//! What is read of a line decides as what was written did.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::account::{AccessLog, Account, LogDestination, Metrics, Outcome};
use crate::policy::{Facts, Options, Policy, SniffPlan, Verdict};
use crate::settings;
use crate::types::{
    Caller, CgroupId, Claim, ClientAddr, ConnId, DenyReason, Generation, HostName, Mode,
    OriginalDst, ResponseFlag, Tls,
};

/// Each way in which a service is found, a caller meant, and a connection denied.
const SERVICES: &str = r#"
[[service]]
name = "exact"
hosts = ["a.example.com"]
ports = [{ number = 443, protocol = "TLS" }, { number = 80, protocol = "HTTP" }]

[[service]]
name = "wildcard"
hosts = ["*.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
ech = "deny"

[[service]]
name = "grpc"
hosts = ["b.example.com"]
ports = [{ number = 80, protocol = "GRPC" }]

[[service]]
name = "address"
addresses = ["203.0.113.1"]
ports = [{ number = 5432, protocol = "TCP" }]

[[service]]
name = "learned"
hosts = ["b.example.com"]
ports = [{ number = 5432, protocol = "TCP" }]

[[service]]
name = "any-name"
addresses = ["203.0.113.2"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "of-some"
hosts = ["c.example.com"]
from = [{ cgroup = "/apps/web" }, { exe = "/usr/bin/curl", uid = 7 }]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "denied"
deny = true
hosts = ["bad.example.com"]
ports = [{ number = 443, protocol = "TLS" }, { number = 5432, protocol = "TCP" }]

[[service]]
name = "elsewhere"
ports = [{ number = 444, protocol = "TLS" }]
hosts = ["elsewhere.example.net"]
resolution = "DNS"

[[route]]
name = "led"
match = [{ sni_hosts = ["led.example.com"] }]
destinations = [{ service = "elsewhere" }]
"#;

/// A connection, with all that is known of it.
#[derive(Clone, Debug)]
struct Made {
    dst: OriginalDst,
    claim: Claim,
    caller: Caller,
    told: Vec<HostName>,
}

impl Made {
    fn facts(&self) -> Facts<'_> {
        Facts {
            dst: self.dst,
            claim: &self.claim,
            caller: &self.caller,
            learned: &self.told,
            draw: 0,
        }
    }
}

fn name() -> impl Strategy<Value = HostName> {
    let names = ["a", "b", "c", "d", "led", "bad"].map(|label| format!("{label}.example.com"));
    let names = names
        .into_iter()
        .chain(["example.com".into(), "other.test".into()]);
    select(names.collect::<Vec<_>>()).prop_map(|name| name.parse().expect("a name"))
}

fn claim() -> impl Strategy<Value = Claim> {
    let name = || proptest::option::of(name());
    let malformed = [
        DenyReason::SniffTimeout,
        DenyReason::SniffTooLarge,
        DenyReason::MalformedTls,
        DenyReason::MalformedHttp,
        DenyReason::SniMalformed,
        DenyReason::HostDuplicate,
        DenyReason::RequestSmuggling,
    ];
    prop_oneof![
        4 => (name(), any::<bool>()).prop_map(|(sni, ech)| Claim::Tls(Tls { sni, alpn: vec![], ech })),
        2 => name().prop_map(|host| Claim::Http1 { host }),
        1 => name().prop_map(|authority| Claim::Http2 { authority }),
        2 => Just(Claim::Opaque),
        1 => select(malformed.to_vec()).prop_map(Claim::Malformed),
    ]
}

fn caller() -> impl Strategy<Value = Caller> {
    let cgroup = select(vec![None, Some("/apps/web/1"), Some("/apps/job")]);
    let exe = select(vec![
        None,
        Some("/usr/bin/curl"),
        Some("/usr/bin/curl (deleted)"),
        Some("/a \"b\"\n"),
    ]);
    (cgroup, exe, 6_u32..8).prop_map(|(cgroup, exe, uid)| Caller {
        pid: 1,
        uid,
        exe: exe.map(|exe| Path::new(exe).into()),
        cgroup: CgroupId(9),
        cgroup_path: cgroup.map(Into::into),
        pod: None,
        held: None,
        remote: None,
    })
}

fn made() -> impl Strategy<Value = Made> {
    let ip = select(vec![
        "203.0.113.1",
        "203.0.113.2",
        "203.0.113.3",
        "2001:db8::1",
    ]);
    let port = select(vec![80, 443, 5432, 9999]);
    let told = proptest::collection::vec(name(), 0..2);
    (ip, port, claim(), caller(), told).prop_map(|(ip, port, claim, caller, told)| Made {
        dst: OriginalDst::new(SocketAddr::new(ip.parse().expect("an address"), port)),
        // Of who sends a name the line does not have what it had been told.
        told: if claim.name().is_some() { vec![] } else { told },
        claim,
        caller,
    })
}

/// Writes what the gateway writes of a connection that ends.
fn write(account: &Account, policy: &Policy, made: &mut Made) {
    let silent = Facts {
        claim: &Claim::Opaque,
        ..made.facts()
    };
    let plan = policy.sniff_plan(&silent);
    let client = ClientAddr::new(SocketAddr::from(([192, 0, 2, 1], 4_000)));
    let mut record = account.open(ConnId(1), client);
    record.origin(made.dst, Arc::new(made.caller.clone()));
    if plan == SniffPlan::Skip {
        made.claim = Claim::Opaque;
    } else {
        record.sniffed(&made.claim, Duration::ZERO);
    }
    record.judged_by(policy.generation());
    let verdict = policy.decide(&made.facts());
    let unregistered = !matches!(&verdict, Verdict::Permit(permit) if permit.service().is_some());
    if unregistered && made.claim.name().is_none() {
        record.learned(&made.told);
    }
    match verdict {
        Verdict::Permit(permit) => {
            record.permitted((&permit).into());
            record.finish(&Outcome::Closed {
                reason: "client_closed",
                flag: ResponseFlag::None,
            });
        }
        Verdict::Deny(denial) => record.finish(&Outcome::Denied(denial)),
    }
}

/// A verdict in words. That a first message broke a rule is in its line only where it was denied for it: where it
/// was denied for something else, which service came nearest may be told differently.
fn said(verdict: &Verdict, claim: &Claim) -> String {
    match (verdict, claim) {
        (Verdict::Permit(permit), _) => {
            format!(
                "{:?} {:?} {:?}",
                permit.service(),
                permit.route(),
                permit.learned()
            )
        }
        (Verdict::Deny(_), Claim::Malformed(_)) => "denied".into(),
        (Verdict::Deny(denial), _) => format!("{denial:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_line_decides_as_its_connection_did(
        mut all in proptest::collection::vec(made(), 20),
        gateway in select(vec!["mode = \"enforce\"", "mode = \"audit\"", "outbound_traffic_policy = \"ALLOW_ANY\""]),
    ) {
        let text = format!("[gateway]\n{gateway}\n[[scope]]\ncgroups = [\"/apps\"]\n{SERVICES}");
        let config = Config::from_toml("egress.toml", &text).expect("it is right");
        let compiled = |options| Policy::compile(&config.services, &config.routes, options, Generation(1));
        let options = settings::policy(&config);
        let policy = compiled(options);
        let enforcing = compiled(Options { mode: Mode::Enforce, ..options });
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        let metrics = Arc::new(Metrics::new());
        let (log, writer) = AccessLog::open(&LogDestination::File(path.clone()), 100, &metrics).expect("it opens");
        let account = Account::new(metrics, log);
        for made in &mut all {
            write(&account, &policy, made);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(writer.finish()).expect("all is written");

        let judge = Judge::new(&config);
        let mut lines = Vec::new();
        let mut tally = Tally::default();
        let text = std::fs::read(&path).expect("it is there");
        read("log", &text[..], &mut tally, |seen| lines.push(seen.clone())).expect("it is read");
        prop_assert_eq!((tally.malformed, lines.len()), (0, all.len()));
        for (seen, made) in lines.iter().zip(&all) {
            let Ok(Question::Connection(connection)) = seen.question() else {
                return Err(TestCaseError::fail(format!("{seen:?}")));
            };
            // By the policy that decided, what was not read is no loss.
            let again = enforcing.decide(&connection.facts());
            prop_assert_eq!(said(&again, &made.claim), said(&enforcing.decide(&made.facts()), &made.claim), "{:?}", made);
            let expected = match (connection.was_read, &again) {
                (false, _) => continue,
                (true, Verdict::Permit(_)) => matches!(judge.answer(&Question::Connection(connection)), Answer::Permit(_)),
                (true, Verdict::Deny(_)) => matches!(judge.answer(&Question::Connection(connection)), Answer::Deny(_)),
            };
            prop_assert!(expected, "{:?}", made);
        }
    }
}
