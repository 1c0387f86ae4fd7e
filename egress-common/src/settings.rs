//! What the programs are told before they are attached.

use crate::ABI_VERSION;

/// Ten jiffies are 10 ms to 100 ms, by the kernel's HZ: a listener is there in less than one
/// millisecond, so that the first retransmission arrives.
const HELD_RTO: u32 = 10;

/// Ports that are kept for listeners, from the one that is set: a namespace uses the first that is free,
/// and a gateway that takes over from another the next. Governed tasks can't bind them, or one could take
/// what is meant for a gateway that is not there.
pub const LISTEN_PORTS: u16 = 8;

/// Kinds of sockets that governed tasks have only if a setting says so: their packets are judged by
/// address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SocketKind {
    /// `SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`.
    Ping = 1,
    /// `SOCK_RAW`.
    Raw = 2,
}

/// What becomes of TCP connections from before the programs that no rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Established {
    /// Their packets are dropped.
    Stop = 0,
    /// They go on, each with one report.
    Log = 1,
}

/// The one entry of the settings' map.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    abi: u32,
    listener_port: [u8; 2],
    established: u16,
    gateway_cgroup: u64,
    earlier_cgroup: u64,
    held_rto: u32,
    sockets: u32,
    level: u32,
    pad: u32,
}

impl Settings {
    /// Makes the settings. `listener_port` is in network order, `sockets` a sum of [`SocketKind`] bits. The
    /// tasks of `gateway_cgroup` are the gateway itself, those of `earlier_cgroup` one that it has taken over
    /// from and that still serves what it has; 0: there is none. At `level` of the tree, counted from its root,
    /// most governed tasks have the cgroup whose entry decides: there it is looked first. That it is right is not
    /// relied on.
    pub const fn new(
        listener_port: [u8; 2],
        gateway_cgroup: u64,
        earlier_cgroup: u64,
        sockets: u32,
        established: Established,
        level: u32,
    ) -> Self {
        Self {
            abi: ABI_VERSION,
            listener_port,
            established: established as u16,
            gateway_cgroup,
            earlier_cgroup,
            held_rto: HELD_RTO,
            sockets,
            level,
            pad: 0,
        }
    }

    /// Where in the tree an entry is looked for first; 0: at the task's own cgroup.
    #[inline(always)]
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// Whether these were written by a gateway of this version. A map begins as zeros, which are not.
    #[inline(always)]
    pub const fn is_current(&self) -> bool {
        self.abi == ABI_VERSION
    }

    /// The listener's port, in network order.
    #[inline(always)]
    pub const fn listener_port(&self) -> [u8; 2] {
        self.listener_port
    }

    /// Whether `port`, in network order, is kept for listeners.
    #[inline(always)]
    pub const fn keeps(&self, port: [u8; 2]) -> bool {
        let first = u16::from_be_bytes(self.listener_port);
        u16::from_be_bytes(port).wrapping_sub(first) < LISTEN_PORTS
    }

    /// Whether the tasks of the cgroup with this id are a gateway: what they do is not turned to one, or it
    /// would go round for ever. Ids begin at 1; 0 is nobody's.
    #[inline(always)]
    pub const fn is_gateways(&self, cgroup: u64) -> bool {
        cgroup != 0 && (cgroup == self.gateway_cgroup || cgroup == self.earlier_cgroup)
    }

    /// Retransmission timeout of a SYN that waits for its namespace's listener, in jiffies.
    #[inline(always)]
    pub const fn held_rto(&self) -> u32 {
        self.held_rto
    }

    /// Whether TCP connections from before the programs go on.
    #[inline(always)]
    pub const fn lets_established(&self) -> bool {
        self.established == Established::Log as u16
    }

    /// The same, but for TCP connections from before the programs, which are stopped.
    #[must_use]
    pub const fn stopping(self) -> Self {
        Self {
            established: Established::Stop as u16,
            ..self
        }
    }

    /// Whether governed tasks may make sockets of this kind.
    #[inline(always)]
    pub const fn admits(&self, kind: SocketKind) -> bool {
        self.sockets & kind as u32 != 0
    }
}

const _: () = assert!(size_of::<Settings>() == 40 && align_of::<Settings>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    const fn settings(earlier: u64) -> Settings {
        Settings::new([0; 2], 7, earlier, 0, Established::Stop, 0)
    }

    #[test]
    fn the_gateway_and_the_one_before_it_are_told_from_all_others() {
        assert!(settings(5).is_gateways(7));
        assert!(settings(5).is_gateways(5));
        assert!(!settings(5).is_gateways(6));
    }

    #[test]
    fn no_cgroup_is_nobodys() {
        assert!(!settings(0).is_gateways(0));
        assert!(settings(0).is_gateways(7));
    }
}
