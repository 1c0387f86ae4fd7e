//! The errno of what the programs refuse.

use crate::types::DenyErrno;

use super::KernelError;
use super::probe::Feature;

/// The programs' constant for it.
pub(super) const GLOBAL: &str = "DENY_ERRNO";

/// The kernel's own errno for a refusal, which takes no helper: EPERM.
const UNCHOSEN: i32 = 0;

/// What [`GLOBAL`] is to be, if this kernel can do it. Where that can't be told, the verifier tells.
pub(super) fn chosen(errno: DenyErrno) -> Result<i32, KernelError> {
    choose(errno, || Feature::ChosenErrno.is_there().unwrap_or(true))
}

fn choose(errno: DenyErrno, can: impl FnOnce() -> bool) -> Result<i32, KernelError> {
    match number(errno) {
        UNCHOSEN => Ok(UNCHOSEN),
        number if can() => Ok(number),
        _ => Err(KernelError::NoChosenErrno),
    }
}

const fn number(errno: DenyErrno) -> i32 {
    match errno {
        DenyErrno::Eperm => UNCHOSEN,
        DenyErrno::Econnrefused => libc::ECONNREFUSED,
        DenyErrno::Ehostunreach => libc::EHOSTUNREACH,
        DenyErrno::Enetunreach => libc::ENETUNREACH,
        DenyErrno::Eacces => libc::EACCES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_errno_asks_nothing_of_it() {
        let chosen = choose(DenyErrno::Eperm, || unreachable!("not asked"));
        assert_eq!(chosen.expect("no error"), UNCHOSEN);
    }

    #[test]
    fn another_errno_is_for_kernels_that_can() {
        let chosen = choose(DenyErrno::Eacces, || true);
        assert_eq!(chosen.expect("no error"), libc::EACCES);
        let refused = choose(DenyErrno::Eacces, || false);
        assert!(matches!(refused, Err(KernelError::NoChosenErrno)));
    }
}
