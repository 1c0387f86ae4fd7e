//! Whatever a namespace writes, it reaches no further than its ceiling, and nobody else is told a thing by it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::written::{a_file, is_below};
use super::{CLUSTER, Scene, file};
use crate::config::Config;
use crate::policy::{Facts, Options, Policy, Target, Verdict};
use crate::types::{
    Caller, CgroupId, Claim, Generation, HostName, OriginalDst, Pod, ServiceName, Tls,
};

/// Beside those of [`CLUSTER`], which has names alone.
const CEILINGS: &str = r#"
[[namespaces.ceiling]]
namespaces = ["team-a"]
addresses = ["203.0.113.0/24"]
ports = [{ number = 5432, protocol = "TCP" }, { number = 443, protocol = "TLS" }]

[[namespaces.ceiling]]
namespaces = ["team-a"]
hosts = ["ledger.corp.example"]
addresses = ["10.20.0.0/24"]
ports = [{ number = 5432, protocol = "TCP" }, { number = 80, protocol = "HTTP" }]
"#;

/// What the cluster has for everyone, denies, and has for others.
const REGISTRY: &str = r#"
[[service]]
name = "strict"
hosts = ["strict.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
resolution = "DNS"
ech = "deny"

[[service]]
name = "denied"
hosts = ["denied.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
deny = true

[[service]]
name = "denied-network"
addresses = ["203.0.113.128/25"]
ports = [{ number = 5432, protocol = "TCP" }]
deny = true

[[service]]
name = "others"
hosts = ["others.example.com"]
ports = [{ number = 443, protocol = "TLS" }]
from = [{ namespace = "team-b" }]
resolution = "DNS"
"#;

const NAMES: [&str; 8] = [
    "a.example.com",
    "strict.example.com",
    "denied.example.com",
    "others.example.com",
    "ledger.corp.example",
    "example.com",
    "evil.example",
    "evil.com",
];
const ADDRESSES: [&str; 5] = [
    "203.0.113.7",
    "203.0.113.200",
    "10.20.0.5",
    "169.254.169.254",
    "198.51.100.1",
];

#[derive(Clone, Debug)]
struct Connection {
    dst: OriginalDst,
    claim: Claim,
    learned: Vec<HostName>,
    caller: Caller,
}

fn a_pod() -> impl Strategy<Value = Option<Arc<Pod>>> {
    let pod = (
        select(vec!["team-a", "team-b", "other"]),
        select(vec!["clerk", "default"]),
        prop::option::of(Just("shop")),
    );
    let pod = pod.prop_map(|(namespace, account, app)| {
        Arc::new(Pod {
            namespace: namespace.into(),
            service_account: account.into(),
            labels: app
                .map(|app| ("app".into(), app.into()))
                .into_iter()
                .collect(),
            ..Pod::default()
        })
    });
    prop::option::weighted(0.9, pod)
}

fn a_connection() -> impl Strategy<Value = Connection> {
    let parts = (
        select(ADDRESSES.to_vec()),
        select(vec![443, 80, 5432, 22, 8443]),
        (0..4_u8, select(NAMES.to_vec())),
        prop::option::of(select(NAMES.to_vec())),
        a_pod(),
    );
    parts.prop_map(|(ip, port, (kind, name), learned, pod)| {
        let name: HostName = name.parse().expect("a name");
        let tls = |ech| {
            Claim::Tls(Tls {
                sni: Some(name.clone()),
                ech,
                ..Tls::default()
            })
        };
        Connection {
            dst: OriginalDst::new(SocketAddr::new(ip.parse().expect("an address"), port)),
            claim: match kind {
                0 => tls(false),
                1 => tls(true),
                2 => Claim::Http1 { host: Some(name) },
                _ => Claim::Opaque,
            },
            learned: learned
                .map(|name| name.parse().expect("a name"))
                .into_iter()
                .collect(),
            caller: Caller {
                pod,
                ..Caller::unknown(CgroupId(1))
            },
        }
    })
}

impl Connection {
    fn facts(&self) -> Facts<'_> {
        Facts {
            dst: self.dst,
            claim: &self.claim,
            caller: &self.caller,
            learned: &self.learned,
            draw: 0,
        }
    }

    fn is_of(&self, namespace: &str) -> bool {
        let pod = self.caller.pod.as_deref();
        pod.is_some_and(|pod| &*pod.namespace == namespace)
    }
}

fn compiled(config: &Config, options: Options) -> (Policy, Policy) {
    let compile = || Policy::compile(&config.services, &config.routes, options, Generation(1));
    (compile(), compile().with_own(config.namespaces.services()))
}

/// Whether one of the ceilings of `team-a` has this connection, as one reads them.
fn is_within(connection: &Connection, target: &Target) -> bool {
    let Connection {
        dst,
        claim,
        learned,
        ..
    } = connection;
    let ip = dst.ip();
    let named = match target {
        Target::Name { name, port, .. } => *port == dst.port() && claim.name() == Some(name),
        Target::Answer { name, addr } => *addr == dst.socket_addr() && learned.contains(name),
        Target::Address(_) | Target::Endpoints(_) => false,
    };
    // With DNS and TCP the name that was looked up is dialled.
    let looked_up = matches!(target, Target::Name { name, port, .. }
        if *port == dst.port() && learned.contains(name));
    let named = named || looked_up;
    let inside = |net: &str| {
        let net: ipnet::IpNet = net.parse().expect("a CIDR");
        net.contains(&ip)
    };
    let by_name =
        dst.port() == 443 && named && target.name().is_some_and(|name| is_below(name.as_str()));
    let by_address = matches!(dst.port(), 443 | 5432)
        && inside("203.0.113.0/24")
        && *target == Target::Address(dst.socket_addr());
    let by_both = matches!(dst.port(), 80 | 5432)
        && inside("10.20.0.0/24")
        && named
        && target
            .name()
            .is_some_and(|name| name.as_str() == "ledger.corp.example");
    by_name || by_address || by_both
}

fn is_private(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_private() || ip.is_link_local())
}

proptest! {
    #[test]
    fn a_namespace_reaches_no_further_than_its_ceiling_and_changes_nothing_else(
        text in a_file(),
        connections in prop::collection::vec(a_connection(), 32),
        allow_any: bool,
    ) {
        let outbound = if allow_any { "ALLOW_ANY" } else { "REGISTRY_ONLY" };
        let gateway = format!("[gateway]\noutbound_traffic_policy = '{outbound}'\n");
        let cluster = format!("{CLUSTER}{CEILINGS}{REGISTRY}{gateway}");
        let scene = Scene::new(&cluster, &[("team-a", &text)]);
        let config = scene.read();
        prop_assert!(file(&config, "team-a").services.iter().all(|service| !service.deny));
        let options = crate::settings::policy(&config);
        let (without, with) = compiled(&config, options);
        for connection in &connections {
            let facts = connection.facts();
            let (before, after) = (without.decide(&facts), with.decide(&facts));
            let plans = (without.sniff_plan(&facts), with.sniff_plan(&facts));
            if !connection.is_of("team-a") {
                prop_assert_eq!(format!("{:?}", before), format!("{:?}", after));
                prop_assert_eq!(plans.0, plans.1);
            }
            let own = match &after {
                Verdict::Permit(permit) => permit.service().filter(|name| name.is_namespaces()).map(|_| permit),
                Verdict::Deny(_) => None,
            };
            match (before, own) {
                // What the cluster admits, denies or lets through, it still does in the same words.
                (Verdict::Permit(before), _) => {
                    prop_assert_eq!(format!("{:?}", Verdict::Permit(before)), format!("{:?}", after));
                }
                (Verdict::Deny(denial), Some(permit)) => {
                    let for_others = "the cluster has it for others, or not at all";
                    prop_assert!(
                        !matches!(denial.reason.label(), "service_denied" | "ech_denied"),
                        "{}", for_others
                    );
                    prop_assert!(is_within(connection, permit.target()), "{:?} {:?}", connection, permit);
                    let listed = permit.terms().listed.iter();
                    prop_assert!(listed.clone().all(|net| !is_private(net.addr()) || net.to_string().starts_with("10.20.0.")));
                    prop_assert!(permit.service().is_some_and(|s| s.as_str().starts_with("team-a/")));
                }
                (Verdict::Deny(_), None) => prop_assert!(matches!(after, Verdict::Deny(_))),
            }
            for name in NAMES {
                let name = name.parse().expect("a name");
                let caller = &connection.caller;
                let [before, after] = [&without, &with].map(|policy| policy.resolves(&name, caller));
                match (before, after) {
                    (Err(_), Ok(after)) => {
                        prop_assert!(connection.is_of("team-a"));
                        prop_assert!(is_below(name.as_str()) || name.as_str() == "ledger.corp.example");
                        prop_assert!(name.as_str() != "denied.example.com" && !after.is_internal());
                        prop_assert!(!after.lists("10.0.0.1".parse().expect("an address")));
                    }
                    (before, after) => prop_assert_eq!(format!("{:?}", before), format!("{:?}", after)),
                }
            }
        }
    }
}

/// The files that are made up are of all kinds: some are right and admit what the cluster does not.
#[test]
fn files_are_made_that_admit_something() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut admitted = 0;
    for _ in 0..64 {
        let text = a_file().new_tree(&mut runner).expect("a file").current();
        let connections = prop::collection::vec(a_connection(), 32);
        let connections = connections.new_tree(&mut runner).expect("some").current();
        let cluster = format!("{CLUSTER}{CEILINGS}{REGISTRY}");
        let scene = Scene::new(&cluster, &[("team-a", &text)]);
        let config = scene.read();
        let (_, with) = compiled(&config, crate::settings::policy(&config));
        let by_own = |connection: &Connection| match with.decide(&connection.facts()) {
            Verdict::Permit(permit) => permit.service().is_some_and(ServiceName::is_namespaces),
            Verdict::Deny(_) => false,
        };
        admitted += usize::from(connections.iter().any(by_own));
    }
    // Of the 256 files of the test above, some dozens.
    assert!(admitted >= 4, "{admitted}");
}
