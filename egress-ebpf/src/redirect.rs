//! To the gateway: where the client was going is written down on its socket, and the call goes to the
//! listener instead.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use aya_ebpf::programs::SockAddrContext;
use egress_common::{Address, Denied, Origin, Settings};

use crate::maps::{ORIG, namespace};
use crate::sock_addr::{self, Family};
use crate::{begun, namespace as listeners, source, task};

/// Turns a connection, or a socket that only sends to one peer.
#[inline(always)]
pub(crate) fn connection<F: Family>(
    ctx: &SockAddrContext,
    settings: &Settings,
    address: Address,
    port: [u8; 2],
) -> Result<(), Denied> {
    // First: on a socket that has no storage at all there is nothing to look for.
    begun::forget(ctx);
    let origin = remember(ctx, address, port)?;
    let namespace = namespace(origin.netns());
    // What is asked on loopback comes from there anyway.
    if let Some(namespace) = namespace.filter(|_| !address.is_local()) {
        source::keep::<F>(ctx, namespace.source(address));
    }
    if namespace.is_none() {
        listeners::ask(&origin);
    }
    source::unbind_device(ctx);
    let port = namespace.map_or(settings.listener_port(), |namespace| namespace.port());
    turn::<F>(ctx, address, port);
    Ok(())
}

/// Turns one datagram. What a socket is bound to stays as it is, for its other datagrams: one that is
/// bound to a device sends no questions.
#[inline(always)]
pub(crate) fn datagram<F: Family>(
    ctx: &SockAddrContext,
    settings: &Settings,
    address: Address,
    port: [u8; 2],
) -> Result<(), Denied> {
    let netns = if sock_addr::is_connected_to(ctx, |port| settings.keeps(port)) {
        // Its other datagrams go to the server that it is connected to: the record stays that one's.
        netns(ctx)
    } else {
        remember(ctx, address, port)?.netns()
    };
    let port = namespace(netns).map_or(settings.listener_port(), |namespace| namespace.port());
    turn::<F>(ctx, address, port);
    Ok(())
}

/// Drops what is left of an earlier redirection of the same socket, or `getpeername()` would lie.
#[inline(always)]
pub(crate) fn forget(ctx: &SockAddrContext) {
    // SAFETY: the hook's socket is a full socket. There being nothing to delete is the usual case.
    let _ = unsafe { ORIG.delete(sock_addr::socket(ctx)) };
}

/// Cookie of the network namespace that the socket is in.
#[inline(always)]
pub(crate) fn netns(ctx: &SockAddrContext) -> u64 {
    // SAFETY: the helper takes this hook's context.
    unsafe { bpf_get_netns_cookie(ctx.as_ptr()) }
}

/// Writes down where the client is going.
#[inline(always)]
fn remember(ctx: &SockAddrContext, address: Address, port: [u8; 2]) -> Result<Origin, Denied> {
    let mut origin = Origin::new(address, port, netns(ctx), task::recorded());
    // SAFETY: the hook's socket is a full socket; the value outlives the call.
    let record = unsafe { ORIG.get_or_insert_ptr_mut(ctx, Some(&mut origin)) };
    if record.is_null() {
        return Err(Denied::NoMemory);
    }
    // A socket that connects or sends again has a record already, which the helper leaves as it was.
    // SAFETY: not null, and the storage lives as long as the socket, which the hook holds.
    unsafe { *record = origin };
    Ok(origin)
}

#[inline(always)]
fn turn<F: Family>(ctx: &SockAddrContext, address: Address, port: [u8; 2]) {
    F::set_address(ctx, address.listener());
    sock_addr::set_port(ctx, port);
}
