//! Why the kernel programs refused a connection.

use crate::codes::codes;

codes! {
    /// Why the kernel programs refused a connection. Lies in an [`Event`](crate::Event) as its number.
    pub enum Denied {
        /// The settings are not there or not of this version: nothing can be judged.
        Unconfigured = 1,
        /// The destination is the gateway's own listener.
        OwnListener = 2,
        /// The destination is an IPv6 link-local address, whose scope the hook cannot see.
        LinkLocal = 3,
        /// No memory for the socket's record.
        NoMemory = 4,
        /// A rule of the destinations' table refuses the address.
        Address = 5,
        /// A datagram to a destination that no rule allows.
        Datagram = 6,
        /// A packet that no hook before this one has redirected or allowed.
        Packet = 7,
        /// A socket of a kind that governed tasks don't have.
        Socket = 8,
        /// A frame on the host side of a governed namespace's veth that nothing allows.
        Frame = 9,
    }
}
