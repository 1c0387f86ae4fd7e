//! A record's line in the access log.

use std::borrow::Cow;
use std::num::NonZero;
use std::time::SystemTime;

use super::admission::verdict;
use super::{Outcome, Record, Traffic};
use crate::account::access_log::{DNS, Line};
use crate::account::sampling::Draw;
use crate::pods;
use crate::types::{
    Caller, ClientAddr, DenyReason, HostName, OriginalDst, Place, Pod, ServiceName,
};

impl Record {
    pub(super) fn line<'a>(
        &'a self,
        outcome: &'a Outcome,
        traffic: Traffic,
        draw: Draw,
    ) -> Line<'a> {
        let caller = self.caller.as_deref();
        let process = caller.and_then(Caller::process);
        let pod = caller.and_then(|caller| caller.pod.as_deref());
        let sniffed = self.sniffed.as_ref();
        let connected = self.connected.as_ref();
        let said = self.said(outcome);
        let rare = self.rare.as_deref();
        let shadow = rare.and_then(|rare| rare.shadow.as_ref());
        Line {
            time: SystemTime::now().into(),
            conn_id: Some(self.conn.0),
            src_addr: self.client.map(ClientAddr::socket_addr),
            src_pid: process.map(|process| process.pid),
            src_exe: process.and_then(exe),
            src_uid: process.map(|process| process.uid),
            src_cgroup: process.map(cgroup),
            src_container: process.and_then(container),
            src_namespace: pod.map(|pod| &*pod.namespace),
            src_pod: pod.and_then(Pod::known_name),
            src_workload: pod.and_then(Pod::workload_name),
            listener: caller
                .and_then(|caller| caller.remote.as_ref())
                .map(|remote| &*remote.listener),
            dst_addr: self.dst.map(OriginalDst::socket_addr),
            upstream_addr: connected.map(|connected| connected.upstream.socket_addr()),
            requested_server_name: sniffed.and_then(|s| s.name.as_ref()).map(HostName::as_str),
            protocol: match outcome {
                Outcome::Answered => Some(DNS),
                _ => sniffed.map(|sniffed| sniffed.language.label()),
            },
            dns_name: said.learned.map(HostName::as_str),
            service: said.service.map(ServiceName::as_str),
            rule: said.rule,
            route: said.route,
            verdict: said.verdict,
            reason: said.reason,
            shadow_verdict: shadow.map(|shadow| shadow.verdict),
            shadow_reason: shadow
                .and_then(|shadow| shadow.reason)
                .map(DenyReason::label),
            shadow_service: shadow
                .and_then(|shadow| shadow.service.as_ref())
                .map(ServiceName::as_str),
            policy_generation: self.generation.map(NonZero::get),
            revoked_by_generation: match outcome {
                Outcome::Revoked { by } => Some(by.0),
                _ => None,
            },
            bytes_sent: traffic.from_upstream,
            bytes_received: traffic.from_client,
            duration: self.accepted.elapsed(),
            sniff: sniffed.map(|sniffed| sniffed.took.into()),
            resolve: connected
                .and_then(|connected| connected.resolve_time)
                .map(Into::into),
            connect: connected.map(|connected| connected.connect_time.into()),
            close_reason: outcome.close_reason(),
            response_flags: outcome.flag().letters(),
            sample_rate: draw.share(),
        }
    }

    fn said<'a>(&'a self, outcome: &'a Outcome) -> Said<'a> {
        let rare = self.rare.as_deref();
        let told = rare.and_then(|rare| rare.told.as_ref());
        match (outcome, &self.admitted) {
            (Outcome::Denied(denial), _) => Said {
                verdict: Some("deny"),
                reason: Some(denial.reason),
                service: denial.service.as_ref(),
                rule: denial.rule.as_ref(),
                route: None,
                learned: told,
            },
            (_, Some(admitted)) => Said {
                verdict: Some(verdict(admitted.would_deny)),
                reason: admitted.would_deny,
                service: admitted.service.as_ref(),
                rule: admitted.rule.as_ref(),
                route: rare.and_then(|rare| rare.route.as_deref()),
                learned: rare.and_then(|rare| rare.learned.as_ref()).or(told),
            },
            (_, None) => Said {
                learned: told,
                ..Said::default()
            },
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

/// The path of the caller's program. Nearly every one is text, which is found out faster than what else it may be.
pub(in crate::account) fn exe(caller: &Caller) -> Option<Cow<'_, str>> {
    let exe = caller.exe.as_deref()?;
    Some(match exe.to_str() {
        Some(text) => text.into(),
        None => exe.to_string_lossy(),
    })
}

/// The id of the container that the caller runs in.
pub(in crate::account) fn container(caller: &Caller) -> Option<&str> {
    pods::container(caller.cgroup_path.as_deref()?)
}

/// The cgroup's path; its id if the directory is gone.
pub(in crate::account) fn cgroup(caller: &Caller) -> Cow<'_, str> {
    match caller.cgroup_path.as_deref() {
        Some(path) => path.into(),
        None => caller.cgroup.to_string().into(),
    }
}
