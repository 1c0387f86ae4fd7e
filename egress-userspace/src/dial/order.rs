//! The order in which addresses are tried: near ones first, balanced among those that are as near.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::balance::Balance;
use super::guard::Cleared;
use super::service::is_ejected;
use crate::types::Locality;

/// Most addresses tried for one connection. At one every 250 ms no more than 40 begin within the
/// connect timeout; fewer keep a name with a thousand addresses from becoming a scan of them.
pub(super) const MAX_ADDRESSES: usize = 16;
/// Region, zone and subzone.
const LOCALITY_PARTS: usize = 3;

/// An address that a connection may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) addr: Cleared,
    /// Its share, relative to the others'.
    pub(super) weight: u32,
    /// How far away it is.
    pub(super) distance: usize,
    /// An IPv4 address of a name that has IPv6 addresses too: it comes beside one of those (RFC 8305
    /// section 4), and has no share of its own.
    pub(super) second: bool,
}

/// How many parts of its locality an endpoint does not share with the node. Where the node's is not
/// known, all are as near.
pub(super) fn distance(node: Option<&Locality>, endpoint: Option<&Locality>) -> usize {
    let Some(node) = node else { return 0 };
    let shared = endpoint.map_or(0, |endpoint| {
        let parts = node.parts().zip(endpoint.parts());
        parts.take_while(|(ours, its)| ours == its).count()
    });
    LOCALITY_PARTS.saturating_sub(shared)
}

/// Nearest first. Ejected ones are passed over, unless all are: then they are tried anyway, for the
/// gateway may be what is wrong.
pub(super) fn order(mut candidates: Vec<Candidate>, balance: &mut Balance<'_>) -> Vec<Cleared> {
    if let [only] = candidates.as_slice() {
        return vec![only.addr];
    }
    pass_over_ejected(&mut candidates, balance);
    let mut tiers = BTreeMap::<_, Vec<_>>::new();
    for candidate in candidates {
        tiers.entry(candidate.distance).or_default().push(candidate);
    }
    let mut ordered = Vec::new();
    for tier in tiers.into_values() {
        for candidate in balanced(tier, balance) {
            if !ordered.contains(&candidate.addr) {
                ordered.push(candidate.addr);
            }
            if ordered.len() == MAX_ADDRESSES {
                return ordered;
            }
        }
    }
    ordered
}

fn pass_over_ejected(candidates: &mut Vec<Candidate>, balance: &Balance<'_>) {
    let Some(state) = balance.state else { return };
    let now = Instant::now();
    state.with(|addresses| {
        let ejected = |candidate: &Candidate| is_ejected(addresses, &candidate.addr.addr(), now);
        if !candidates.iter().all(ejected) {
            candidates.retain(|candidate| !ejected(candidate));
        }
    });
}

/// Each family in the balancer's order, one of the second after each of the first.
fn balanced(tier: Vec<Candidate>, balance: &mut Balance<'_>) -> impl Iterator<Item = Candidate> {
    let (second, first): (Vec<_>, Vec<_>) =
        tier.into_iter().partition(|candidate| candidate.second);
    let mut first = balance.order(first).into_iter();
    let mut second = balance.order(second).into_iter();
    let pairs = std::iter::from_fn(move || match (first.next(), second.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    pairs.flat_map(|(first, second)| first.into_iter().chain(second))
}

#[cfg(test)]
mod tests;
