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
    /// Connections refused.
    Denied = 3, "denied";
    /// Handshakes whose record found no room; the gateway closes those connections.
    FlowLost = 4, "flow_lost";
    /// Connections to the listener that have no record; the gateway closes them.
    FlowMissing = 5, "flow_missing";
    /// Events that found no room in the ring buffer.
    EventLost = 6, "event_lost";
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
