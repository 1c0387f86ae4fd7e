//! The headers of a frame, as far as a verdict needs them.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_skb_load_bytes_relative;
use aya_ebpf::programs::TcContext;
use egress_common::{Address, protocol};

/// `BPF_HDR_START_NET`: offsets count from the IP header, whatever is before it.
const FROM_IP_HEADER: u32 = 1;
/// The `ETH_P_*` that pass or are looked into, in network order as the context has them.
const ARP: u32 = 0x0806_u16.to_be() as u32;
const IPV4: u32 = 0x0800_u16.to_be() as u32;
const IPV6: u32 = 0x86dd_u16.to_be() as u32;

/// Length of an IPv4 header without options, and how its first byte says so.
const PLAIN_IPV4: usize = 20;
const PLAIN_IPV4_START: u8 = 0x45;
/// Where a fragment is in its packet (IPv4).
const FRAGMENT_OFFSET: u16 = 0x1fff;
const IPV6_HEADER: usize = 40;
/// IPv6 extension headers that are looked behind, as multicast listeners and fragments have them.
const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
/// As many of them as one packet may have.
const EXTENSIONS: usize = 2;
/// IPv6 extension headers that can take a packet elsewhere than its destination address, or that hide
/// one that can: routing, authentication, destination options.
const MISLEADING: [u8; 5] = [HOP_BY_HOP, 43, FRAGMENT, 51, 60];

/// A frame.
pub(crate) enum Frame {
    /// Asks for a neighbour's hardware address, or tells it. No router forwards it.
    Arp,
    /// An IP packet.
    Packet(Packet),
}

/// What matters of an IP packet's headers.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) protocol: u16,
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// In network order; an echo's identifier for ICMP; zero where there is none.
    pub(crate) source_port: [u8; 2],
    pub(crate) port: [u8; 2],
    /// TCP's flags, or ICMP's type.
    pub(crate) kind: u8,
    pub(crate) hop_limit: u8,
}

/// Reads the headers; `None`: of no form that can be judged. An IPv4 packet with options is one of
/// those, for they can take it elsewhere than to its destination.
#[inline(always)]
pub(crate) fn parse(ctx: &TcContext) -> Option<Frame> {
    // SAFETY: the kernel passes a valid context.
    let skb = unsafe { &*ctx.skb.skb };
    match skb.protocol {
        ARP => Some(Frame::Arp),
        IPV4 => ipv4(ctx).map(Frame::Packet),
        IPV6 => ipv6(ctx).map(Frame::Packet),
        _ => None,
    }
}

#[inline(always)]
fn ipv4(ctx: &TcContext) -> Option<Packet> {
    if load::<u8>(ctx, 0)? != PLAIN_IPV4_START {
        return None;
    }
    let packet = Packet {
        protocol: load::<u8>(ctx, 9)?.into(),
        source: Address::from_word(load(ctx, 12)?),
        destination: Address::from_word(load(ctx, 16)?),
        source_port: [0; 2],
        port: [0; 2],
        kind: 0,
        hop_limit: load(ctx, 8)?,
    };
    if u16::from_be(load(ctx, 6)?) & FRAGMENT_OFFSET != 0 {
        return Some(packet);
    }
    transport(ctx, packet, PLAIN_IPV4)
}

#[inline(always)]
fn ipv6(ctx: &TcContext) -> Option<Packet> {
    let mut next: u8 = load(ctx, 6)?;
    let mut offset = IPV6_HEADER;
    let mut is_whole = true;
    for _ in 0..EXTENSIONS {
        match next {
            HOP_BY_HOP => {
                next = load(ctx, offset)?;
                offset += (usize::from(load::<u8>(ctx, offset + 1)?) + 1) * 8;
            }
            FRAGMENT => {
                next = load(ctx, offset)?;
                is_whole &= u16::from_be(load(ctx, offset + 2)?) >> 3 == 0;
                offset += 8;
            }
            _ => break,
        }
    }
    if MISLEADING.contains(&next) {
        return None;
    }
    let packet = Packet {
        protocol: next.into(),
        source: Address::from_words(load(ctx, 8)?),
        destination: Address::from_words(load(ctx, 24)?),
        source_port: [0; 2],
        port: [0; 2],
        kind: 0,
        hop_limit: load(ctx, 7)?,
    };
    if is_whole {
        transport(ctx, packet, offset)
    } else {
        Some(packet)
    }
}

/// Adds what the transport header says. A fragment that is not the first has none: it passes only to
/// where everything may go.
#[inline(always)]
fn transport(ctx: &TcContext, packet: Packet, offset: usize) -> Option<Packet> {
    Some(match packet.protocol {
        protocol::TCP => Packet {
            source_port: load(ctx, offset)?,
            port: load(ctx, offset + 2)?,
            kind: load(ctx, offset + 13)?,
            ..packet
        },
        protocol::UDP => Packet {
            source_port: load(ctx, offset)?,
            port: load(ctx, offset + 2)?,
            ..packet
        },
        protocol::ICMP | protocol::ICMPV6 => {
            let identifier = load(ctx, offset + 4).unwrap_or([0; 2]);
            let kind = load(ctx, offset)?;
            Packet {
                source_port: identifier,
                port: identifier,
                kind,
                ..packet
            }
        }
        _ => packet,
    })
}

/// Bytes of the IP packet.
#[inline(always)]
fn load<T: Plain>(ctx: &TcContext, offset: usize) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    let length = u32::try_from(size_of::<T>()).ok()?;
    let offset = u32::try_from(offset).ok()?;
    let to = value.as_mut_ptr().cast();
    // SAFETY: the kernel passes a valid context, and writes `length` bytes, which the value has.
    let result = unsafe {
        bpf_skb_load_bytes_relative(ctx.skb.skb.cast(), offset, to, length, FROM_IP_HEADER)
    };
    // SAFETY: written, and any bytes are a value.
    (result == 0).then(|| unsafe { value.assume_init() })
}

/// Types of which any bytes are a value.
trait Plain {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for [u8; 2] {}
impl Plain for [u32; 4] {}
