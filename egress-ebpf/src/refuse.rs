//! How a call that is refused fails.

use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_set_retval;

use crate::REFUSE;

/// The errno that was chosen; 0: the kernel's own, EPERM. User space writes it before it loads the
/// object, so that the verifier knows it: while it is 0 there is no call of a helper that kernels have
/// from 5.18 only.
#[unsafe(no_mangle)]
static DENY_ERRNO: i32 = 0;

/// Refuses a `connect()` or `sendmsg()`.
#[inline(always)]
pub(crate) fn call() -> i32 {
    // SAFETY: a static is valid; what the compiler knows of it is not what the kernel has.
    let errno = unsafe { read_volatile(&raw const DENY_ERRNO) };
    if errno != 0 {
        // SAFETY: a helper that takes a number.
        unsafe { bpf_set_retval(-errno) };
    }
    REFUSE
}
