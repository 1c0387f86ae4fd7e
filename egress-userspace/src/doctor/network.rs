//! The node's network.

use std::fs;

use super::check::{Check, Subject};

const IPV6: Subject = Subject {
    name: "IPv6",
    needed: false,
    with: "IPv6 connections are governed, and dialled",
    without: "IPv6 destinations can't be dialled; those that resolve to IPv4 too are dialled there",
    fix: "sysctl net.ipv6.conf.all.disable_ipv6=0, if this node has IPv6",
};

/// Whether any interface of this namespace has an IPv6 address.
pub(super) fn ipv6() -> Check {
    let addresses = fs::read_to_string("/proc/self/net/if_inet6").unwrap_or_default();
    match addresses.lines().count() {
        0 => IPV6.lacking("no interface has an address"),
        1 => IPV6.there("1 address"),
        count => IPV6.there(format!("{count} addresses")),
    }
}
