//! Why the kernel programs refused a connection.

macro_rules! denied {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        /// Why the kernel programs refused a connection. Lies in an [`Event`](crate::Event) as its number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Denied {
            $($(#[$doc])* $name = $value,)*
        }

        impl Denied {
            /// The reason of a number; `None`: no reason that this version knows.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number.
            #[inline(always)]
            pub const fn code(self) -> u32 {
                self as u32
            }
        }
    };
}

denied! {
    /// The settings are not there or not of this version: nothing can be judged.
    Unconfigured = 1;
    /// The destination is the gateway's own listener.
    OwnListener = 3;
    /// The destination is an IPv6 link-local address, whose scope the hook cannot see.
    LinkLocal = 4;
    /// No memory for the socket's record.
    NoMemory = 5;
    /// A rule of the destinations' table refuses the address.
    Address = 6;
    /// A datagram to a destination that no rule allows.
    Datagram = 7;
    /// A packet that no hook before this one has redirected or allowed.
    Packet = 8;
    /// A socket of a kind that governed tasks don't have.
    Socket = 9;
    /// A frame on the host side of a governed namespace's veth that nothing allows.
    Frame = 10;
}
