//! The name under which a handshake's record waits.

use crate::Address;

/// One connection to the gateway's listener, seen the same from both of its ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    netns: u64,
    client: Address,
    listener: Address,
    client_port: [u8; 2],
    listener_port: [u8; 2],
    pad: [u8; 4],
}

impl FlowKey {
    /// Makes a key. Ports are in network order, `netns` is the cookie of both sockets' namespace.
    #[inline(always)]
    pub const fn new(
        netns: u64,
        (client, client_port): (Address, [u8; 2]),
        (listener, listener_port): (Address, [u8; 2]),
    ) -> Self {
        Self {
            netns,
            client,
            listener,
            client_port,
            listener_port,
            pad: [0; 4],
        }
    }
}

const _: () = assert!(size_of::<FlowKey>() == 48 && align_of::<FlowKey>() == 8);
