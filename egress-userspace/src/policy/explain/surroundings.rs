//! What is not judged at all.

use std::net::IpAddr;

use ipnet::IpNet;

use super::LetThrough;
use super::asked::Asked;

/// What decides beside the policy whether a connection is judged at all.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Destinations that pass untouched, beside loopback.
    pub internal: Vec<IpNet>,
    /// The governed cgroups, as paths below the mount.
    pub governed: Vec<String>,
}

impl Surroundings {
    /// Why a connection is not judged.
    pub(super) fn let_through(&self, asked: &Asked) -> Option<LetThrough> {
        let path = asked.caller.cgroup_path.as_deref();
        if path.is_some_and(|path| !self.governs(path)) {
            return Some(LetThrough::NotGoverned);
        }
        let is_internal = |ip: IpAddr| {
            // `connect()` takes no address for loopback.
            let is_own = ip.is_loopback() || ip.is_unspecified();
            is_own || self.internal.iter().any(|net| net.contains(&ip))
        };
        (asked.assumed.ip.is_none() && is_internal(asked.dst.ip())).then_some(LetThrough::Internal)
    }

    fn governs(&self, path: &str) -> bool {
        let is_below = |governed: &String| {
            let rest = path.strip_prefix(governed.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.governed.is_empty() || self.governed.iter().any(is_below)
    }
}
