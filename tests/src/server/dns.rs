//! dnsmasq: the inet's only DNS server. It answers from its own list and asks nobody.

use std::path::Path;

use anyhow::Result;

use super::hosts::{DNS, DNS_OTHER, ELSEWHERE, MISSING, NAMES, Name};
use crate::place::Place;
use crate::process::Process;

pub(super) const LISTENS: &[&str] = &["203.0.113.53:53"];

/// Seconds that an answer may be kept: longer than any one test, so that what a test sees does not
/// depend on its speed.
const TTL: &str = "60";

pub(super) fn start(place: &Place, dir: &Path) -> Result<Process> {
    let mut dnsmasq = place.command("dnsmasq");
    dnsmasq
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root"])
        .args(["--no-resolv", "--no-hosts", "--no-poll", "--bind-interfaces"])
        .args(["--log-facility=-", "--log-queries", &format!("--local-ttl={TTL}")])
        .arg(format!("--listen-address={DNS}"))
        // Whatever is not listed does not exist, rather than being refused.
        .args(["--address=/#/", &format!("--address=/{MISSING}/")])
        .args(NAMES.iter().flat_map(records))
        .arg(format!("--server=/{ELSEWHERE}/{DNS_OTHER}"));
    Process::spawn(&mut dnsmasq, &dir.join("dnsmasq.log"))
}

fn records(name: &Name) -> impl Iterator<Item = String> {
    let Name { name, v4, v6 } = *name;
    [Some(v4), v6]
        .into_iter()
        .flatten()
        .map(move |address| format!("--address=/{name}/{address}"))
}
