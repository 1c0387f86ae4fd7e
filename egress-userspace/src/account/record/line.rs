//! A record's line in the access log.

use std::borrow::Cow;
use std::path::Path;
use std::time::SystemTime;

use super::{Outcome, Record, Traffic};
use crate::account::access_log::Line;
use crate::types::{Caller, ClientAddr, DenyReason, HostName, OriginalDst, ServiceName};

impl Record {
    pub(super) fn line<'a>(&'a self, outcome: &'a Outcome, traffic: Traffic) -> Line<'a> {
        let caller = self.caller.as_deref();
        let sniffed = self.sniffed.as_ref();
        let connected = self.connected.as_ref();
        let (verdict, reason, service) = match (outcome, &self.permitted) {
            (Outcome::Denied { reason, service }, _) => {
                (Some("deny"), Some(*reason), service.as_ref())
            }
            (_, Some(permitted)) => (
                Some(permitted.verdict()),
                permitted.would_deny,
                permitted.service.as_ref(),
            ),
            (_, None) => (None, None, None),
        };
        Line {
            time: SystemTime::now().into(),
            conn_id: self.conn.0,
            src_addr: self.client.map(ClientAddr::socket_addr),
            src_pid: caller.map(|caller| caller.pid),
            src_exe: caller
                .and_then(|caller| caller.exe.as_deref())
                .map(Path::to_string_lossy),
            src_uid: caller.map(|caller| caller.uid),
            src_cgroup: caller.map(cgroup),
            dst_addr: self.dst.map(OriginalDst::socket_addr),
            upstream_addr: connected.map(|connected| connected.upstream.socket_addr()),
            requested_server_name: sniffed.and_then(|s| s.name.as_ref()).map(HostName::as_str),
            protocol: sniffed.map(|sniffed| sniffed.protocol),
            service: service.map(ServiceName::as_str),
            verdict,
            reason: reason.map(DenyReason::label),
            policy_generation: self.generation.map(|generation| generation.0),
            bytes_sent: traffic.from_upstream,
            bytes_received: traffic.from_client,
            duration_ms: self.accepted.elapsed().into(),
            sniff_ms: sniffed.map(|sniffed| sniffed.took.into()),
            resolve_ms: connected
                .and_then(|connected| connected.resolve_time)
                .map(Into::into),
            connect_ms: connected.map(|connected| connected.connect_time.into()),
            close_reason: outcome.close_reason(),
            response_flags: outcome.flag().letters(),
        }
    }
}

/// The cgroup's path; its id if the directory is gone.
fn cgroup(caller: &Caller) -> Cow<'_, str> {
    match caller.cgroup_path.as_deref() {
        Some(path) => path.into(),
        None => caller.cgroup.to_string().into(),
    }
}
