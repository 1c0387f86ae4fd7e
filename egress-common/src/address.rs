//! An address in one form for both families.

/// An IPv6 address in network order; an IPv4 address is its IPv4-mapped form, `::ffff:a.b.c.d`.
///
/// In memory these are the sixteen bytes of a `struct in6_addr`. They are held as the four words that a
/// `bpf_sock_addr` shows: from single bytes the compiler would make twenty instructions for each word.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Address([u32; 4]);

impl Address {
    /// `127.0.0.1`, where the gateway listens for IPv4 clients.
    pub const LOOPBACK_V4: Self = Self::from_word(0x7f00_0001_u32.to_be());
    /// `::1`, where it listens for IPv6 clients.
    pub const LOOPBACK_V6: Self = Self([0, 0, 0, 1_u32.to_be()]);
    /// No address: the unspecified IPv6 address.
    pub const NONE: Self = Self([0; 4]);
    /// Length of an address as a prefix.
    pub const BITS: u32 = 128;

    /// Takes the four words of an IPv6 address as they lie in a `bpf_sock_addr`.
    #[inline(always)]
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self(words)
    }

    /// Takes the word of an IPv4 address as it lies in a `bpf_sock_addr`.
    #[inline(always)]
    pub const fn from_word(word: u32) -> Self {
        Self([0, 0, 0xffff_u32.to_be(), word])
    }

    /// The four words.
    #[inline(always)]
    pub const fn words(self) -> [u32; 4] {
        self.0
    }

    /// Whether this is an IPv4 address.
    #[inline(always)]
    pub const fn is_v4(self) -> bool {
        let [a, b, c, _] = self.0;
        a == 0 && b == 0 && c == 0xffff_u32.to_be()
    }

    /// Whether a connection to this address stays in its network namespace: loopback, or the
    /// unspecified address, which `connect()` takes for loopback.
    #[inline(always)]
    pub const fn is_local(self) -> bool {
        let [a, b, c, d] = self.0;
        if self.is_v4() {
            return d & 0xff00_0000_u32.to_be() == 0x7f00_0000_u32.to_be() || d == 0;
        }
        a == 0 && b == 0 && c == 0 && (d == 0 || d == 1_u32.to_be())
    }

    /// Whether this is no address.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        let [a, b, c, d] = self.0;
        a == 0 && b == 0 && c == 0 && d == 0
    }

    /// Whether this is an IPv6 link-local unicast address, `fe80::/10` (RFC 4291 section 2.5.6).
    ///
    /// Such an address means nothing without its scope id, which the connect hook does not show.
    #[inline(always)]
    pub const fn is_v6_link_local(self) -> bool {
        let [first, ..] = self.0;
        first & 0xffc0_0000_u32.to_be() == 0xfe80_0000_u32.to_be()
    }

    /// Whether this is an IPv6 multicast address of link-local scope, `ff02::/16` (RFC 4291 section 2.7).
    #[inline(always)]
    pub const fn is_v6_link_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 0xffff_0000_u32.to_be() == 0xff02_0000_u32.to_be()
    }

    /// The gateway's listener for clients of this address's family.
    #[inline(always)]
    #[must_use]
    pub const fn listener(self) -> Self {
        if self.is_v4() {
            Self::LOOPBACK_V4
        } else {
            Self::LOOPBACK_V6
        }
    }
}

#[cfg(all(test, feature = "user"))]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<IpAddr>().expect("an address"))
    }

    #[test]
    fn local_is_loopback_and_unspecified_in_both_families() {
        for text in [
            "127.0.0.1",
            "127.255.255.255",
            "0.0.0.0",
            "::1",
            "::",
            "::ffff:127.0.0.9",
        ] {
            assert!(address(text).is_local(), "{text}");
        }
        for text in [
            "128.0.0.1",
            "126.255.255.255",
            "1.0.0.127",
            "::2",
            "1::1",
            "::127.0.0.1",
        ] {
            assert!(!address(text).is_local(), "{text}");
        }
    }

    #[test]
    fn link_local_is_the_whole_of_fe80_slash_10() {
        assert!(address("fe80::1").is_v6_link_local());
        assert!(address("febf:ffff::1").is_v6_link_local());
        assert!(!address("fec0::1").is_v6_link_local());
        assert!(!address("fe7f::1").is_v6_link_local());
        assert!(!address("169.254.0.1").is_v6_link_local());
    }

    #[test]
    fn link_multicast_is_ff02_slash_16_only() {
        assert!(address("ff02::1:ff00:2").is_v6_link_multicast());
        assert!(!address("ff05::2").is_v6_link_multicast());
        assert!(!address("fe80::2").is_v6_link_multicast());
    }

    #[test]
    fn one_word_is_an_ipv4_address_in_network_order() {
        assert_eq!(
            Address::from_word(u32::from_ne_bytes([192, 0, 2, 1])),
            address("192.0.2.1")
        );
    }

    #[test]
    fn the_listener_is_of_the_clients_family() {
        assert_eq!(address("192.0.2.1").listener(), address("127.0.0.1"));
        assert_eq!(address("2001:db8::1").listener(), address("::1"));
    }

    #[test]
    fn every_address_comes_back_as_it_went_in() {
        for text in ["192.0.2.1", "2001:db8:1:2:3:4:5:6", "::1", "0.0.0.0"] {
            assert_eq!(IpAddr::from(address(text)).to_string(), text);
        }
    }
}
