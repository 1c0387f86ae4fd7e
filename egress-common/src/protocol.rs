//! Protocol numbers, as `socket()` takes them and IP headers have them.

/// `IPPROTO_ICMP`.
pub const ICMP: u16 = 1;
/// `IPPROTO_TCP`.
pub const TCP: u16 = 6;
/// `IPPROTO_UDP`.
pub const UDP: u16 = 17;
/// `IPPROTO_ICMPV6`.
pub const ICMPV6: u16 = 58;
/// `IPPROTO_MPTCP`: of sockets only; its packets are TCP.
pub const MPTCP: u16 = 262;
