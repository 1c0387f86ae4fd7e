//! A record's line in the access log.

use std::borrow::Cow;
use std::path::Path;
use std::time::SystemTime;

use super::{Admission, Outcome, Record, Traffic};
use crate::account::access_log::{DNS, Line};
use crate::types::{Caller, ClientAddr, DenyReason, HostName, OriginalDst, Place, ServiceName};

impl Record {
    pub(super) fn line<'a>(&'a self, outcome: &'a Outcome, traffic: Traffic) -> Line<'a> {
        let caller = self.caller.as_deref();
        let sniffed = self.sniffed.as_ref();
        let connected = self.connected.as_ref();
        let said = Said::of(outcome, self.admission.as_ref());
        let shadow = self.shadow.as_ref();
        Line {
            time: SystemTime::now().into(),
            conn_id: Some(self.conn.0),
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
            protocol: match outcome {
                Outcome::Answered => Some(DNS),
                _ => sniffed.map(|sniffed| sniffed.protocol),
            },
            dns_name: said.learned.or(self.learned.as_ref()).map(HostName::as_str),
            service: said.service.map(ServiceName::as_str),
            rule: said.rule.map(Place::to_string),
            route: said.route,
            verdict: said.verdict,
            reason: said.reason.map(DenyReason::label),
            shadow_verdict: shadow.map(|shadow| shadow.verdict),
            shadow_reason: shadow
                .and_then(|shadow| shadow.reason)
                .map(DenyReason::label),
            shadow_service: shadow
                .and_then(|shadow| shadow.service.as_ref())
                .map(ServiceName::as_str),
            policy_generation: self.generation.map(|generation| generation.0),
            revoked_by_generation: match outcome {
                Outcome::Revoked { by } => Some(by.0),
                _ => None,
            },
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

/// What was said of the connection last.
#[derive(Default)]
struct Said<'a> {
    verdict: Option<&'static str>,
    reason: Option<DenyReason>,
    service: Option<&'a ServiceName>,
    rule: Option<&'a Place>,
    route: Option<&'a str>,
    learned: Option<&'a HostName>,
}

impl<'a> Said<'a> {
    fn of(outcome: &'a Outcome, admission: Option<&'a Admission>) -> Self {
        match (outcome, admission) {
            (Outcome::Denied(denial), _) => Self {
                verdict: Some("deny"),
                reason: Some(denial.reason),
                service: denial.service.as_ref(),
                rule: denial.rule.as_ref(),
                route: None,
                learned: None,
            },
            (_, Some(admission)) => Self {
                verdict: Some(admission.verdict()),
                reason: admission.would_deny,
                service: admission.service.as_ref(),
                rule: admission.rule.as_ref(),
                route: admission.route.as_deref(),
                learned: admission.learned.as_ref(),
            },
            (_, None) => Self::default(),
        }
    }
}

/// The cgroup's path; its id if the directory is gone.
pub(in crate::account) fn cgroup(caller: &Caller) -> Cow<'_, str> {
    match caller.cgroup_path.as_deref() {
        Some(path) => path.into(),
        None => caller.cgroup.to_string().into(),
    }
}
