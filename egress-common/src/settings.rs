//! What the programs are told before they are attached.

use crate::ABI_VERSION;

/// The one entry of the settings' map.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    abi: u32,
    listener_port: [u8; 2],
    pad: [u8; 2],
    gateway_cgroup: u64,
    netns: u64,
}

impl Settings {
    /// Makes the settings. `listener_port` is in network order; a `gateway_cgroup` of 0 exempts none;
    /// `netns` is the cookie of the network namespace that has the listener.
    pub const fn new(listener_port: [u8; 2], gateway_cgroup: u64, netns: u64) -> Self {
        Self {
            abi: ABI_VERSION,
            listener_port,
            pad: [0; 2],
            gateway_cgroup,
            netns,
        }
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

    /// Id of the cgroup whose tasks are the gateway itself.
    #[inline(always)]
    pub const fn gateway_cgroup(&self) -> u64 {
        self.gateway_cgroup
    }

    /// Cookie of the network namespace that has the listener.
    #[inline(always)]
    pub const fn netns(&self) -> u64 {
        self.netns
    }
}

const _: () = assert!(size_of::<Settings>() == 24 && align_of::<Settings>() == 8);
