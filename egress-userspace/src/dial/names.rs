//! Asking for names, and whether an address is one of a name's.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::resolve::{Answer, Resolve};
use super::seen::Seen;
use crate::types::HostName;

/// The resolver, and what it answered before.
#[derive(Clone)]
pub(super) struct Names {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) seen: Arc<Seen>,
    /// How long after an answer has run out its addresses are still the name's.
    pub(super) grace: Duration,
}

impl Names {
    /// The addresses of `name`.
    pub(super) async fn ask(&self, name: &HostName) -> Answer {
        self.learn(name, self.resolver.resolve(name).await)
    }

    /// Whether `ip` is one of the addresses of `name`, or was a moment ago. If `answer`, which may come
    /// from the cache, does not show it, servers are asked once more, and `answer` is what they say.
    pub(super) async fn verify(
        &self,
        name: &HostName,
        ip: IpAddr,
        answer: &mut Vec<IpAddr>,
    ) -> bool {
        if has(answer, ip) || self.seen.had(name, ip, self.grace) {
            return true;
        }
        if !self.seen.may_ask_again(name) {
            return false;
        }
        // Without an answer it stays at the one that there was.
        if let Ok(fresh) = self.learn(name, self.resolver.resolve_anew(name).await) {
            *answer = fresh;
        }
        has(answer, ip)
    }

    fn learn(&self, name: &HostName, answer: Answer) -> Answer {
        // The answer is in use now; how much longer it may be is the cache's to know.
        answer.inspect(|ips| self.seen.learn(name, ips, Duration::ZERO))
    }
}

/// Whether an answer has this address.
pub(super) fn has(answer: &[IpAddr], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    answer.iter().any(|answer| answer.to_canonical() == ip)
}
