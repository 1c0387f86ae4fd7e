//! What a client is not led to, whatever its permit says.

use std::net::SocketAddr;

use super::DialError;
use super::order::Candidate;
use crate::types::DenyReason;

/// What a client is not led to, whatever its permit says.
pub struct Confines<'a> {
    /// Whether an address may be dialled for it. It is asked before anything is sent there.
    pub allows: &'a (dyn Fn(SocketAddr) -> Result<(), DenyReason> + Sync),
    /// Its destination is one that it chose itself: where a permit prefers that, no other is dialled.
    pub pinned: bool,
}

impl Confines<'_> {
    /// Those of a client of this node: all that the permit says.
    pub(super) const NONE: Confines<'static> = Confines {
        allows: &|_| Ok(()),
        pinned: true,
    };

    /// Leaves out what may not be dialled; if nothing remains it is an error.
    pub(super) fn hold(&self, candidates: &mut Vec<Candidate>) -> Result<(), DialError> {
        let mut first = None;
        candidates.retain(|candidate| {
            let addr = candidate.addr.addr();
            let allowed = (self.allows)(addr);
            if let Err(reason) = allowed {
                first.get_or_insert((addr, reason));
            }
            allowed.is_ok()
        });
        match first {
            Some((addr, reason)) if candidates.is_empty() => {
                Err(DialError::Confined { addr, reason })
            }
            _ => Ok(()),
        }
    }
}
