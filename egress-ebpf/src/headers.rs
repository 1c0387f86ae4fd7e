//! The headers of a packet on its way out, as far as a verdict needs them.

use aya_ebpf::programs::SkBuffContext;
use egress_common::{Address, protocol};

/// Where a fragment is in its packet (IPv4).
const FRAGMENT_OFFSET: u16 = 0x1fff;
/// Length of an IPv4 header without options, in words.
const PLAIN_IPV4: u8 = 5;
const IPV6_HEADER: usize = 40;
/// IPv6 extension headers, behind which a transport header may be hidden: hop-by-hop options, routing,
/// fragment, authentication, destination options.
const EXTENSIONS: [u8; 5] = [0, 43, 44, 51, 60];

/// `struct iphdr`, which is read with one call: each costs more than what it reads.
#[repr(C)]
struct Ipv4 {
    _before: [u8; 6],
    fragment: u16,
    _lifetime: u8,
    protocol: u8,
    _checksum: u16,
    _source: u32,
    destination: u32,
}

const _: () = assert!(size_of::<Ipv4>() == 4 * PLAIN_IPV4 as usize);

/// What matters of a packet's headers.
pub(crate) struct Headers {
    pub(crate) protocol: u16,
    pub(crate) address: Address,
    /// In network order; zero where there is none, or none at a known place.
    pub(crate) port: [u8; 2],
    /// Where the transport header begins, in bytes.
    pub(crate) transport: usize,
    /// Nothing is between the IP header and the transport header: no options, no extension headers. They
    /// can take the packet elsewhere than to its destination, or hide what it is.
    pub(crate) is_plain: bool,
}

/// Reads the headers; `None`: of no form that a rule can be for. A fragment has no port.
#[inline(always)]
pub(crate) fn parse(ctx: &SkBuffContext) -> Option<Headers> {
    let first: u8 = ctx.load(0).ok()?;
    let (number, address, transport, is_plain) = match first >> 4 {
        4 => {
            let header: Ipv4 = ctx.load(0).ok()?;
            if u16::from_be(header.fragment) & FRAGMENT_OFFSET != 0 {
                return None;
            }
            let words = first & 15;
            (
                header.protocol,
                Address::from_word(header.destination),
                usize::from(words) * 4,
                words == PLAIN_IPV4,
            )
        }
        6 => {
            let next: u8 = ctx.load(6).ok()?;
            let address = Address::from_words(ctx.load(24).ok()?);
            (next, address, IPV6_HEADER, !EXTENSIONS.contains(&next))
        }
        _ => return None,
    };
    let number = u16::from(number);
    let port = match number {
        protocol::TCP | protocol::UDP => ctx.load(transport + 2).ok()?,
        _ => [0; 2],
    };
    Some(Headers {
        protocol: number,
        address,
        port,
        transport,
        is_plain,
    })
}

/// The address that the packet comes from.
#[inline(always)]
pub(crate) fn source(ctx: &SkBuffContext, headers: &Headers) -> Option<Address> {
    if headers.address.is_v4() {
        ctx.load(12).map(Address::from_word).ok()
    } else {
        ctx.load(8).map(Address::from_words).ok()
    }
}
