//! Questions in a namespace that has no listener yet: user space gets them, and answers when it has made
//! one. A resolver would else ask again only after seconds.

use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::SkBuffContext;
use egress_common::{Asker, Counter, EARLY_LEN, Early, EarlyHead, Origin};

use crate::headers::Headers;
use crate::maps::{EARLY, count};

/// Wakes the reader at once: a resolver waits.
const BPF_RB_FORCE_WAKEUP: u64 = 2;
const UDP_HEADER: u32 = 8;

/// Hands a datagram to user space. One that is too long, or finds no room, is lost.
#[inline(always)]
pub(crate) fn keep(ctx: &SkBuffContext, origin: &Origin, asker: &Asker, headers: &Headers) {
    if try_keep(ctx, origin, asker, headers).is_none() {
        count(Counter::EarlyLost);
    }
}

#[inline(always)]
fn try_keep(ctx: &SkBuffContext, origin: &Origin, asker: &Asker, headers: &Headers) -> Option<()> {
    let offset = u32::try_from(headers.transport).ok()? + UDP_HEADER;
    let length = ctx.len().checked_sub(offset)?;
    let length = bounded(length)?;
    let head = Early::head(*origin, asker, u16::try_from(length).ok()?);
    let mut record = EARLY.reserve(0)?;
    let start = record.as_mut_ptr();
    // SAFETY: the head is the beginning of the record, by its layout.
    unsafe { start.cast::<EarlyHead>().write(head) };
    // SAFETY: the text follows it, in the same record.
    let text = unsafe { start.byte_add(size_of::<EarlyHead>()) };
    // SAFETY: the hook's packet; the text has room for as much as was looked for above.
    let result = unsafe { bpf_skb_load_bytes(ctx.skb.skb.cast(), offset, text.cast(), length) };
    if result == 0 {
        record.submit(BPF_RB_FORCE_WAKEUP);
        Some(())
    } else {
        record.discard(0);
        None
    }
}

/// The length, if there is room for it, in a form whose bounds the verifier sees too: the compiler, which
/// knows them, must not be let take the mask out.
#[inline(always)]
fn bounded(length: u32) -> Option<u32> {
    const MASK: u32 = EARLY_LEN - 1;
    let last = length.checked_sub(1).filter(|last| *last <= MASK)?;
    // SAFETY: a variable of this function.
    let last = unsafe { read_volatile(&raw const last) };
    Some((last & MASK) + 1)
}
