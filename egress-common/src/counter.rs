//! What the kernel programs count, for each CPU on its own.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $label:literal;)*) => {
        /// Index into the counters' map.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Counter {
            $($(#[$doc])* $name = $value,)*
        }

        impl Counter {
            /// Every counter; its index is its place.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The index.
            #[inline(always)]
            pub const fn index(self) -> u32 {
                self as u32
            }

            /// The stable label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

counters! {
    /// Connections turned to the gateway.
    Redirected = 0, "redirected";
    /// Connections of governed tasks left alone: loopback.
    PassedLocal = 1, "passed_local";
    /// Connections of governed tasks left alone: inside the mesh.
    PassedInternal = 2, "passed_internal";
    /// Connections and datagrams left alone: a rule allows the address.
    PassedAddress = 3, "passed_address";
    /// Connections, datagrams and sockets refused, and packets dropped.
    Denied = 4, "denied";
    /// SYNs that waited for their namespace's listener.
    Held = 5, "held";
    /// Handshakes whose record found no room; the gateway closes those connections.
    FlowLost = 6, "flow_lost";
    /// Connections to a listener that have no record; the gateway closes them.
    FlowMissing = 7, "flow_missing";
    /// Events that found no room in the ring buffer.
    EventLost = 8, "event_lost";
    /// Frames that came out of a governed namespace past every other hook, and were dropped.
    FrameDropped = 9, "frame_dropped";
    /// Flows that peers opened into a governed namespace and that found no room: they are not answered.
    PeerLost = 10, "peer_lost";
    /// Datagrams to DNS servers turned to the gateway.
    Asked = 11, "asked";
    /// Those of them that found no listener and no room to wait for one.
    EarlyLost = 12, "early_lost";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_numbered_without_gaps() {
        for (index, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counter.index() as usize, index, "{}", counter.label());
        }
    }
}
