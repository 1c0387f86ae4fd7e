//! The host side of a governed namespace's veth: what comes out of the namespace, whatever made it.
//!
//! `AF_PACKET`, a guest's or a nested namespace's traffic: none of it has a socket that another hook
//! sees. In this design nothing has to come out but what a rule lets go straight, and answers: what the
//! gateway takes, it dials itself, from the other side. Who may be answered is learned from what goes
//! in, where no process of the namespace can forge anything.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::programs::TcContext;
use egress_common::{
    Address, Answerable, Counter, Denied, Origin, Peer, Rule, Step, Task, protocol,
};

use crate::frame::{self, Frame, Packet};
use crate::maps::{OPENED, PEERS, VETHS, count, rule, settings, tolerates};
use crate::{names, report, scope};

/// `TCX_NEXT` and `TCX_DROP` of `linux/bpf.h`: to the next program on the device, or nowhere.
const NEXT: i32 = -1;
const DROP: i32 = 2;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const V6_ECHO_REQUEST: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;
/// Router and neighbour solicitation and advertisement (RFC 4861).
const DISCOVERY: core::ops::RangeInclusive<u8> = 133..=136;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// What multicast listeners report (RFC 2710, RFC 3810).
const LISTENING: [u8; 3] = [131, 132, 143];
/// Neighbour discovery's: a packet that was forwarded has less (RFC 4861 section 6.1).
const NOT_FORWARDED: u8 = 255;

macro_rules! read {
    ($ctx:expr, $field:ident) => {
        // SAFETY: the kernel passes a valid context.
        unsafe { read_volatile(addr_of!((*$ctx.skb.skb).$field)) }
    };
}

/// Judges what comes out.
#[inline(always)]
pub(crate) fn judge(ctx: &TcContext) -> i32 {
    let device = read!(ctx, ifindex);
    let frame = frame::parse(ctx);
    let passes = match &frame {
        _ if settings().is_none() => false,
        Some(Frame::Arp) => true,
        Some(Frame::Packet(packet)) => may_leave(device, packet) || is_let(device, Some(packet)),
        None => is_let(device, None),
    };
    if passes {
        return NEXT;
    }
    count(Counter::FrameDropped);
    report_drop(device, frame);
    DROP
}

/// Learns from what goes in. It never stops anything: that is not this gateway's business.
#[inline(always)]
pub(crate) fn learn(ctx: &TcContext) -> i32 {
    if let Some(Frame::Packet(packet)) = frame::parse(ctx) {
        try_learn(ctx, &packet);
    }
    NEXT
}

#[inline(always)]
fn try_learn(ctx: &TcContext, packet: &Packet) -> Option<()> {
    let step = step(packet)?;
    // What goes to such a peer passes anyway.
    if is_allowed(packet.protocol, packet.source, packet.source_port) {
        return None;
    }
    let device = read!(ctx, ifindex);
    let sender = (packet.source, packet.source_port);
    let key = Peer::new(device, packet.protocol, sender, packet.port);
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(entry) = PEERS.get_ptr_mut(key) {
        // SAFETY: a map's value stays valid memory while the program runs; of two packets of a flow
        // that meet here either's time will do.
        let entry = unsafe { &mut *entry };
        *entry = entry.after(step, packet.protocol, now);
        return None;
    }
    // Another governed namespace can write any source address: it opens nothing here.
    if step != Step::Begin || VETHS.get_ptr(read!(ctx, ingress_ifindex)).is_some() {
        return None;
    }
    open(device, key, Answerable::begin(packet.protocol, now))
}

/// Makes an entry, if the veth's peers have not as many as they may.
#[inline(always)]
fn open(device: u32, key: Peer, flow: Answerable) -> Option<()> {
    // SAFETY: only user space writes it; of a change meanwhile either value will do.
    let quota = unsafe { *VETHS.get_ptr(device)? }.quota();
    let opened = OPENED.get_ptr_mut(device)?;
    // SAFETY: as above.
    if unsafe { *opened } >= quota || PEERS.insert(key, flow, BPF_NOEXIST.into()).is_err() {
        count(Counter::PeerLost);
        return None;
    }
    // SAFETY: as above. Additions that meet here may lose one: user space counts for itself before it
    // renews the quota.
    unsafe { *opened += 1 };
    Some(())
}

/// What a packet that goes in does to its flow; `None`: it is of a kind that is not answered.
#[inline(always)]
fn step(packet: &Packet) -> Option<Step> {
    match (packet.protocol, packet.kind) {
        (protocol::TCP, flags) if flags & (FIN | RST) != 0 => Some(Step::End),
        (protocol::TCP, flags) if flags & (SYN | ACK) == SYN => Some(Step::Begin),
        (protocol::TCP, _) => Some(Step::Continue),
        (protocol::UDP, _)
        | (protocol::ICMP, ECHO_REQUEST)
        | (protocol::ICMPV6, V6_ECHO_REQUEST | NEIGHBOUR_SOLICITATION) => Some(Step::Begin),
        _ => None,
    }
}

/// Whether the packet answers a peer that spoke first. A bare SYN never does.
#[inline(always)]
fn is_answer(device: u32, packet: &Packet) -> bool {
    let can_be = match (packet.protocol, packet.kind) {
        (protocol::TCP, flags) => flags & (SYN | ACK) != SYN,
        (protocol::UDP, _)
        | (protocol::ICMP, ECHO_REPLY)
        | (protocol::ICMPV6, V6_ECHO_REPLY | NEIGHBOUR_ADVERTISEMENT) => true,
        _ => false,
    };
    if !can_be {
        return false;
    }
    let receiver = (packet.destination, packet.port);
    let key = Peer::new(device, packet.protocol, receiver, packet.source_port);
    let Some(entry) = PEERS.get_ptr_mut(key) else {
        return false;
    };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    // SAFETY: as in `try_learn`.
    let flow = unsafe { *entry };
    if flow.is_over(now) {
        return false;
    }
    if packet.protocol == protocol::TCP && packet.kind & (FIN | RST) != 0 {
        // SAFETY: as above.
        unsafe { *entry = flow.after(Step::End, protocol::TCP, now) };
    }
    true
}

/// Questions to DNS servers never leave: the gateway asks, from the other side.
#[inline(always)]
fn may_leave(device: u32, packet: &Packet) -> bool {
    let passes = is_allowed(packet.protocol, packet.destination, packet.port)
        || stays_on_link(packet)
        || is_answer(device, packet);
    passes && !names::is_question(packet.protocol, packet.port)
}

/// Whether what may not leave is let go all the same: the pod behind the veth is not governed, or denials take
/// no effect there.
#[inline(always)]
fn is_let(device: u32, packet: Option<&Packet>) -> bool {
    // SAFETY: as in `open`.
    let pod = VETHS
        .get_ptr(device)
        .map_or(0, |veth| unsafe { *veth }.pod());
    let Some(governance) = scope::of_pod(pod) else {
        return true;
    };
    let rule = packet.and_then(|packet| rule(packet.protocol, packet.port, packet.destination));
    tolerates(rule, governance)
}

/// Whether a rule lets everything, or this protocol and port, go straight to an address.
#[inline(always)]
fn is_allowed(number: u16, address: Address, port: [u8; 2]) -> bool {
    matches!(
        rule(number, port, address),
        Some(Rule::Internal | Rule::Allow)
    )
}

/// Whether it is what an IPv6 node needs to speak to its neighbours, and cannot leave the link.
#[inline(always)]
fn stays_on_link(packet: &Packet) -> bool {
    if packet.protocol != protocol::ICMPV6 {
        return false;
    }
    let address = packet.destination;
    if address.is_v6_link_multicast() {
        return LISTENING.contains(&packet.kind)
            || (DISCOVERY.contains(&packet.kind) && packet.hop_limit == NOT_FORWARDED);
    }
    address.is_v6_link_local()
        && DISCOVERY.contains(&packet.kind)
        && packet.hop_limit == NOT_FORWARDED
}

/// Tells what was dropped. No task is known here: the veth says whose namespace it came from.
#[inline(always)]
fn report_drop(device: u32, frame: Option<Frame>) {
    // SAFETY: as in `open`.
    let veth = VETHS.get_ptr(device).map(|veth| unsafe { *veth });
    let (netns, cgroup) = veth.map_or((0, 0), |veth| (veth.netns(), veth.cgroup()));
    let (number, port, address) = match frame {
        Some(Frame::Packet(packet)) => (packet.protocol, packet.port, packet.destination),
        Some(Frame::Arp) | None => (0, [0; 2], Address::NONE),
    };
    let task = Task::new(cgroup, 0, 0, 0);
    report::denied(
        Denied::Frame,
        number,
        Origin::new(address, port, netns, task),
    );
}
