//! What only user space needs: permission to put the types in maps, and parsing of what comes out.

use std::net::{IpAddr, Ipv6Addr};

use zerocopy::FromBytes;

use crate::{
    About, Address, Answerable, Asker, Destination, Early, Event, FlowKey, Namespace, Origin, Peer,
    Request, Scope, Settings, Veth,
};

macro_rules! pod {
    ($($name:ty),*) => {
        $(
            // SAFETY: `repr(C)` (or transparent) over integers and arrays of integers, without
            // implicit padding (their sizes are asserted): any bytes of the size are a value.
            unsafe impl aya::Pod for $name {}
        )*
    };
}

pod!(
    About,
    Address,
    Answerable,
    Asker,
    Destination,
    FlowKey,
    Namespace,
    Origin,
    Peer,
    Scope,
    Settings,
    Veth
);

impl Event {
    /// Reads a record of the ring buffer; `None`: it is not of this type's size.
    pub fn parse(record: &[u8]) -> Option<Self> {
        Self::read_from_bytes(record).ok()
    }
}

impl Request {
    /// Reads a record of the requests' ring; `None`: it is not of this type's size.
    pub fn parse(record: &[u8]) -> Option<Self> {
        Self::read_from_bytes(record).ok()
    }
}

impl Early {
    /// Reads a record of its ring; `None`: it is not of this type's size.
    pub fn parse(record: &[u8]) -> Option<Self> {
        Self::read_from_bytes(record).ok()
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let octets = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self::from_words(zerocopy::transmute!(octets))
    }
}

impl From<Address> for IpAddr {
    /// An IPv4-mapped address becomes an IPv4 address.
    fn from(address: Address) -> Self {
        let octets: [u8; 16] = zerocopy::transmute!(address.words());
        Self::V6(Ipv6Addr::from(octets)).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_another_size_is_not_read() {
        let bytes = [0_u8; size_of::<Event>() + 1];
        assert!(Event::parse(&bytes).is_none());
        assert!(Event::parse(bytes.get(1..).expect("one byte less")).is_some());
        assert!(Event::parse(&[]).is_none());
    }

    #[test]
    fn an_unknown_reason_is_told_apart() {
        let bytes = [0xff_u8; size_of::<Event>()];
        assert_eq!(Event::parse(&bytes).expect("the right size").denied(), None);
    }
}
