//! Who may be answered from behind a veth: peers outside that spoke first.

use crate::Address;
use crate::protocol;

const SECOND: u64 = 1_000_000_000;
/// An established TCP connection may be silent this long: the least that RFC 5382 section 5 asks of a
/// translator, two hours and four minutes.
const ESTABLISHED: u64 = 7_440 * SECOND;
/// A handshake that is not finished, or a connection of which one side has ended: Linux gives a
/// SYN-ACK's retries, and `TIME_WAIT`, one minute.
const PASSING: u64 = 60 * SECOND;
/// Datagrams: what RFC 4787 section 4.3 recommends.
const DATAGRAM: u64 = 300 * SECOND;

/// A peer outside, as a governed namespace may answer it.
///
/// The namespace's own address is not part of it: a raw socket can write any.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    device: u32,
    protocol: [u8; 2],
    port: [u8; 2],
    own_port: [u8; 2],
    pad: [u8; 2],
    address: Address,
}

impl Peer {
    /// Makes a key. `device` is the index of the veth's host side; ports are in network order, and for
    /// ICMP both are the echo's identifier.
    #[inline(always)]
    pub const fn new(
        device: u32,
        protocol: u16,
        (address, port): (Address, [u8; 2]),
        own_port: [u8; 2],
    ) -> Self {
        let protocol = protocol.to_be_bytes();
        Self {
            device,
            protocol,
            port,
            own_port,
            pad: [0; 2],
            address,
        }
    }

    /// Index of the veth's host side.
    pub const fn device(&self) -> u32 {
        self.device
    }
}

/// What a packet from a peer says of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opens it.
    Begin,
    /// Goes on.
    Continue,
    /// Ends one side of it, or both.
    End,
}

/// How long a peer may be answered.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answerable {
    until: u64,
    ending: u32,
    pad: u32,
}

impl Answerable {
    /// A flow of `protocol` that begins at `now`, in nanoseconds of the monotonic clock.
    #[inline(always)]
    #[must_use]
    pub const fn begin(protocol: u16, now: u64) -> Self {
        let time = if protocol == protocol::TCP {
            PASSING
        } else {
            DATAGRAM
        };
        Self {
            until: now.saturating_add(time),
            ending: 0,
            pad: 0,
        }
    }

    /// The flow after one more packet of its peer.
    #[inline(always)]
    #[must_use]
    pub const fn after(self, step: Step, protocol: u16, now: u64) -> Self {
        let ending = match step {
            Step::Begin => 0,
            Step::Continue => self.ending,
            Step::End => 1,
        };
        let time = match (protocol, step) {
            (protocol::TCP, Step::Continue) if ending == 0 => ESTABLISHED,
            (protocol::TCP, _) => PASSING,
            _ => DATAGRAM,
        };
        Self {
            until: now.saturating_add(time),
            ending,
            pad: 0,
        }
    }

    /// Whether the peer may not be answered any more.
    #[inline(always)]
    pub const fn is_over(self, now: u64) -> bool {
        self.until <= now
    }
}

/// A governed namespace's veth, by the index of its host side. Only user space writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veth {
    netns: u64,
    cgroup: u64,
    pod: u64,
    quota: u64,
}

impl Veth {
    /// The veth of the namespace with this cookie, in which the tasks of `cgroup` are. That is `pod`'s, or below it:
    /// its entry, if it has one, says what holds; 0: it is no pod's. Peers may open `quota` flows to it, counted
    /// from when it was first seen: user space renews it as flows end.
    pub const fn new(netns: u64, cgroup: u64, pod: u64, quota: u64) -> Self {
        Self {
            netns,
            cgroup,
            pod,
            quota,
        }
    }

    /// The same, with another quota.
    #[must_use]
    pub const fn with_quota(self, quota: u64) -> Self {
        Self { quota, ..self }
    }

    /// Id of the pod's cgroup; 0: it is no pod's.
    #[inline(always)]
    pub const fn pod(&self) -> u64 {
        self.pod
    }

    /// The namespace's cookie.
    #[inline(always)]
    pub const fn netns(&self) -> u64 {
        self.netns
    }

    /// Id of the cgroup whose tasks are in it.
    #[inline(always)]
    pub const fn cgroup(&self) -> u64 {
        self.cgroup
    }

    /// How many flows peers may have opened since it was first seen.
    #[inline(always)]
    pub const fn quota(&self) -> u64 {
        self.quota
    }
}

const _: () = assert!(size_of::<Peer>() == 28 && align_of::<Peer>() == 4);
const _: () = assert!(size_of::<Answerable>() == 16 && align_of::<Answerable>() == 8);
const _: () = assert!(size_of::<Veth>() == 32 && align_of::<Veth>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_open_connection_is_forgotten_in_a_minute_and_an_established_one_kept_for_hours() {
        let open = Answerable::begin(protocol::TCP, 0);
        assert!(!open.is_over(PASSING - 1));
        assert!(open.is_over(PASSING));
        let established = open.after(Step::Continue, protocol::TCP, SECOND);
        assert!(!established.is_over(ESTABLISHED));
        assert!(established.is_over(ESTABLISHED + SECOND));
    }

    #[test]
    fn what_has_ended_stays_short_lived_however_much_follows() {
        let ended = Answerable::begin(protocol::TCP, 0)
            .after(Step::Continue, protocol::TCP, 0)
            .after(Step::End, protocol::TCP, 0)
            .after(Step::Continue, protocol::TCP, SECOND);
        assert!(!ended.is_over(PASSING));
        assert!(ended.is_over(PASSING + SECOND));
    }

    #[test]
    fn the_same_ports_can_be_used_again() {
        let again = Answerable::begin(protocol::TCP, 0)
            .after(Step::End, protocol::TCP, 0)
            .after(Step::Begin, protocol::TCP, 0)
            .after(Step::Continue, protocol::TCP, 0);
        assert!(!again.is_over(PASSING));
    }

    #[test]
    fn each_datagram_of_the_peer_renews_its_flow() {
        let renewed = Answerable::begin(protocol::UDP, 0).after(Step::Begin, protocol::UDP, SECOND);
        assert!(!renewed.is_over(DATAGRAM));
        assert!(renewed.is_over(DATAGRAM + SECOND));
    }
}
