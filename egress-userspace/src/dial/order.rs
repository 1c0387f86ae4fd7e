//! The order in which addresses are tried.

use super::guard::Cleared;

/// Most addresses tried for one connection. At one every 250 ms no more than 40 begin within the
/// connect timeout; fewer keep a name with a thousand addresses from becoming a scan of them.
pub(super) const MAX_ADDRESSES: usize = 16;

/// Alternates between the families, IPv6 first (RFC 8305 section 4), and starts `turn` further on in
/// each, so that connections spread over all addresses.
pub(super) fn interleave(addresses: Vec<Cleared>, turn: usize) -> Vec<Cleared> {
    let (mut v6, mut v4): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|cleared| cleared.addr().is_ipv6());
    rotate(&mut v6, turn);
    rotate(&mut v4, turn);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let pairs = std::iter::from_fn(|| match (v6.next(), v4.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    pairs
        .flat_map(|(v6, v4)| v6.into_iter().chain(v4))
        .take(MAX_ADDRESSES)
        .collect()
}

/// Starts `turn` further on.
pub(super) fn rotate<T>(items: &mut [T], turn: usize) {
    if let Some(start) = turn.checked_rem(items.len()) {
        items.rotate_left(start);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use super::*;

    fn cleared(addrs: &[&str]) -> Vec<Cleared> {
        addrs
            .iter()
            .map(|a| Cleared::permitted(a.parse().expect("an address")))
            .collect()
    }

    #[test]
    fn families_alternate_and_ipv6_goes_first() {
        let given = cleared(&[
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
            "[2001:db8::1]:1",
        ]);
        let expected = cleared(&[
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
        ]);
        assert_eq!(interleave(given, 0), expected);
    }

    #[test]
    fn each_turn_starts_at_another_address_of_each_family() {
        let given = [
            "192.0.2.1:1",
            "192.0.2.2:1",
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
        ];
        let expected = cleared(&[
            "[2001:db8::2]:1",
            "192.0.2.2:1",
            "[2001:db8::1]:1",
            "192.0.2.1:1",
        ]);
        assert_eq!(interleave(cleared(&given), 1), expected);
        assert_eq!(
            interleave(cleared(&given), 2),
            interleave(cleared(&given), 0)
        );
    }

    #[test]
    fn a_name_with_many_addresses_does_not_become_a_scan() {
        let many: Vec<_> = (0..1_000u16)
            .map(|port| Cleared::permitted(SocketAddr::new(IpAddr::from([192, 0, 2, 1]), port)))
            .collect();
        assert_eq!(interleave(many, 0).len(), MAX_ADDRESSES);
    }
}
