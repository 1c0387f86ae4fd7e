//! One row of `cargo xtask bench policy`: compiles a made-up registry and asks it, in a process of its
//! own, so that what the process grows by is the policy. Prints one JSON object.
//!
//! Usage: `policy names|addresses SERVICES HOSTS_PER_SERVICE`

use std::hint::black_box;
use std::iter;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use egress_userspace::config::Config;
use egress_userspace::policy::{Facts, Options, Policy, Verdict};
use egress_userspace::types::{
    Caller, CgroupId, Claim, Generation, HostName, OriginalDst, Port, Protocol, Service, Tls,
};
use ipnet::IpNet;
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Decisions of one round.
const ASKED: usize = 200_000;
/// How many different destinations they are about: those that a busy node uses at a time, and so many
/// that nothing of what one finds is in the processor's caches when it is asked for again.
const IN_USE: usize = 4_096;
/// Of several rounds the median counts.
const ROUNDS: usize = 7;
/// One host of so many is a wildcard.
const WILDCARD_EVERY: usize = 100;
/// Services that are found by address are spread over so many ports.
const PORTS: usize = 1_000;
/// A prime that is no factor of any registry's size.
const STEP: usize = 7_368_787;
/// The page size of every machine that the gateway is for.
const PAGE: usize = 4_096;

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [kind, services, hosts] = &args[..] else {
        bail!("usage: policy names|addresses SERVICES HOSTS_PER_SERVICE");
    };
    let (count, hosts): (usize, usize) = (services.parse()?, hosts.parse()?);
    let by_name = kind == "names";
    let services: Vec<Service> = (0..count)
        .map(|n| service(n, hosts, by_name))
        .collect::<Result<_>>()?;
    let total = count * hosts;

    let (before, begun) = (resident()?, worked()?);
    let policy = Policy::compile(&services, &[], Options::default(), Generation(1));
    let (build, grown) = (
        worked()?.saturating_sub(begun),
        resident()?.saturating_sub(before),
    );
    drop(services);

    let in_use = total.min(IN_USE);
    let spread = |n: usize| n * (total / in_use);
    let is_wildcard = |n: usize| n.is_multiple_of(WILDCARD_EVERY);
    let lookups = if by_name {
        let exact = |n: usize| tls(&host(if is_wildcard(n) { n + 1 } else { n }));
        let wildcard = |n: usize| tls(&format!("any.{}", host(n - n % WILDCARD_EVERY)));
        json!({
            "index": look_up(&policy, in_use, |n| exact(spread(n)))?,
            "exact": ask(&policy, true, in_use, |n| exact(spread(n)))?,
            "cold": ask(&policy, true, total, exact)?,
            "wildcard": ask(&policy, true, in_use, |n| wildcard(spread(n)))?,
            "miss": ask(&policy, false, total, |n| tls(&format!("no-{}", host(n))))?,
        })
    } else {
        json!({
            "exact": ask(&policy, true, in_use, |n| Ok((at(spread(n)), Claim::Opaque)))?,
            "cold": ask(&policy, true, total, |n| Ok((at(n), Claim::Opaque)))?,
            "miss": ask(&policy, false, total, |n| Ok((at(n + total), Claim::Opaque)))?,
        })
    };
    drop(policy);

    let text = text(count, hosts, by_name);
    let begun = worked()?;
    let config = Config::from_toml("registry.toml", &text)?;
    let parse = worked()?.saturating_sub(begun);
    ensure!(config.services.len() == count, "services were lost");
    let row = json!({
        "kind": kind,
        "services": count,
        "hosts": total,
        "build_ms": build.as_secs_f64() * 1e3,
        "bytes_a_host": per(grown, total),
        "lookup_ns": lookups,
        "parse_ms": parse.as_secs_f64() * 1e3,
    });
    println!("{row}");
    Ok(())
}

/// A service with `hosts` hosts, or with an address.
fn service(n: usize, hosts: usize, by_name: bool) -> Result<Service> {
    let hosts = (n * hosts..(n + 1) * hosts).filter(|_| by_name);
    let hosts = hosts
        .map(|n| pattern(n).parse())
        .collect::<Result<_, _>>()?;
    let (addresses, number, protocol) = if by_name {
        (Vec::new(), 443, Protocol::Tls)
    } else {
        (vec![IpNet::from(at(n).ip())], at(n).port(), Protocol::Tcp)
    };
    Ok(Service {
        hosts,
        addresses,
        ports: vec![Port {
            number,
            protocol,
            target_port: None,
            name: None,
        }],
        ..Service::new(&name(n))
    })
}

/// Nanoseconds for one decision, about `total` destinations in no order.
fn ask(
    policy: &Policy,
    admitted: bool,
    total: usize,
    connection: impl Fn(usize) -> Result<(OriginalDst, Claim)>,
) -> Result<f64> {
    let caller = Caller::unknown(CgroupId(1));
    time(admitted, total, connection, |dst, claim| {
        let facts = Facts {
            dst,
            claim,
            caller: &caller,
            learned: &[],
            draw: 0,
        };
        matches!(black_box(policy.decide(&facts)), Verdict::Permit(_))
    })
}

/// Nanoseconds for finding the services that list a name, about `total` names in no order.
fn look_up(
    policy: &Policy,
    total: usize,
    connection: impl Fn(usize) -> Result<(OriginalDst, Claim)>,
) -> Result<f64> {
    time(true, total, connection, |dst, claim| {
        let name = claim.name();
        name.is_some_and(|name| black_box(policy.lists(dst.port(), name)) == 1)
    })
}

/// Nanoseconds for one `answer`, which is `expected`, about `total` destinations in no order.
fn time(
    expected: bool,
    total: usize,
    connection: impl Fn(usize) -> Result<(OriginalDst, Claim)>,
    answer: impl Fn(OriginalDst, &Claim) -> bool,
) -> Result<f64> {
    // Steps of a large prime visit the registry in no order, and seldom the same place twice.
    let places = (0..ASKED).map(|n| n.wrapping_mul(STEP) % total);
    let asked = places.map(connection).collect::<Result<Vec<_>>>()?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = worked()?;
        let positive = asked.iter().filter(|(dst, claim)| answer(*dst, claim));
        let positive = positive.count();
        rounds.push(per(
            usize::try_from((worked()?.saturating_sub(begun)).as_nanos())?,
            ASKED,
        ));
        ensure!(
            positive == if expected { ASKED } else { 0 },
            "{positive} of {ASKED} were admitted"
        );
    }
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().context("no rounds")
}

/// Names like those of the services of a cloud: of one domain, and 30 bytes or so.
fn host(n: usize) -> String {
    format!("service-{n}.region-{}.example.com", n % 16)
}

fn tls(name: &str) -> Result<(OriginalDst, Claim)> {
    let sni: HostName = name.parse()?;
    let claim = Claim::Tls(Tls {
        sni: Some(sni),
        ..Tls::default()
    });
    Ok((OriginalDst::new(([192, 0, 2, 1], 443).into()), claim))
}

/// The address of a service, and its port.
fn at(n: usize) -> OriginalDst {
    let [_, a, b, c] = u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let port = u16::try_from(1_024 + n % PORTS).unwrap_or(u16::MAX);
    OriginalDst::new(SocketAddr::from((Ipv4Addr::new(100, a, b, c), port)))
}

/// The registry as a file has it.
fn text(services: usize, hosts: usize, by_name: bool) -> String {
    let scope = iter::once("[[scope]]\ncgroups = [\"/bench\"]\n".into());
    let entry = |n: usize| {
        let found = if by_name {
            let hosts: Vec<_> = (n * hosts..(n + 1) * hosts).map(pattern).collect();
            format!("hosts = {hosts:?}\nports = [{{ number = 443, protocol = \"TLS\" }}]")
        } else {
            let (ip, port) = (at(n).ip(), at(n).port());
            let ports = format!("ports = [{{ number = {port}, protocol = \"TCP\" }}]");
            format!("addresses = [\"{ip}/32\"]\n{ports}")
        };
        format!("[[service]]\nname = \"{}\"\n{found}\n", name(n))
    };
    scope.chain((0..services).map(entry)).collect()
}

fn name(n: usize) -> String {
    format!("team-{}-service-{n}", n % 64)
}

fn pattern(n: usize) -> String {
    let wildcard = if n.is_multiple_of(WILDCARD_EVERY) {
        "*."
    } else {
        ""
    };
    format!("{wildcard}{}", host(n))
}

/// How long this thread has run: what others do meanwhile is not in it.
fn worked() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// What the process holds in memory, in bytes.
fn resident() -> Result<usize> {
    let statm =
        std::fs::read_to_string("/proc/self/statm").context("cannot read /proc/self/statm")?;
    let pages = statm
        .split(' ')
        .nth(1)
        .context("/proc/self/statm has no second field")?;
    Ok(pages.parse::<usize>()? * PAGE)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per(sum: usize, count: usize) -> f64 {
    sum as f64 / count as f64
}
