//! One name that a governed process asked for.
//!
//! Of what is answered only the metrics know: lines for it would be more than all others together. What
//! is denied, or would be, has one.

use std::net::SocketAddr;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Account;
use super::access_log::{DNS, Line};
use super::record::{cgroup, container, denial_flag, exe};
use crate::policy::Denial;
use crate::types::{Caller, DenyReason, Generation, OriginalDst, Pod, ResponseFlag, ServiceName};

/// What is known of one query so far. [`finish`](Self::finish) consumes it.
#[derive(Debug)]
pub struct Lookup<'a> {
    account: &'a Account,
    peer: SocketAddr,
    server: OriginalDst,
    caller: &'a Caller,
    begun: Instant,
    generation: Option<Generation>,
    name: Option<String>,
    would_deny: Option<Denial>,
}

/// How a query ended.
#[derive(Clone, Debug)]
pub enum LookupOutcome {
    /// It has a server's answer.
    Answered,
    /// It was refused.
    Denied(Denial),
    /// It was refused for the same reason as those before it: counted, but not logged.
    Flood(DenyReason),
    /// No server answered.
    Unanswered,
}

impl Account {
    /// Begins the record of a query to `server`.
    pub fn lookup<'a>(
        &'a self,
        peer: SocketAddr,
        server: OriginalDst,
        caller: &'a Caller,
    ) -> Lookup<'a> {
        Lookup {
            account: self,
            peer,
            server,
            caller,
            begun: Instant::now(),
            generation: None,
            name: None,
            would_deny: None,
        }
    }

    /// Counts a query that nobody is known to have sent.
    pub fn lookup_dropped(&self) {
        self.metrics().lookup_dropped();
    }
}

impl Lookup<'_> {
    /// The policy that judges it.
    pub fn judged_by(&mut self, generation: Generation) {
        self.generation = Some(generation);
    }

    /// The name asked for, as text; it may hold anything.
    pub fn asked(&mut self, name: &str) {
        self.name = Some(name.to_owned());
    }

    /// What enforcement would have said, in audit mode; the first counts.
    pub fn would_deny(&mut self, denial: Option<&Denial>) {
        self.would_deny = self.would_deny.take().or_else(|| denial.cloned());
    }

    /// A server answered, with this code; what its answer leads to is not known yet.
    pub fn answered_with(&self, code: &'static str) {
        self.account.metrics().lookup_answered(code);
    }

    /// Ends the record.
    pub fn finish(self, outcome: LookupOutcome) {
        let took = self.begun.elapsed();
        let metrics = self.account.metrics();
        match outcome {
            LookupOutcome::Denied(denial) => {
                metrics.looked_up("deny", Some(denial.reason), took);
                self.write("deny", &denial, denial_flag(denial.reason));
            }
            LookupOutcome::Flood(reason) => metrics.looked_up("deny", Some(reason), took),
            LookupOutcome::Answered | LookupOutcome::Unanswered => {
                let failed = matches!(outcome, LookupOutcome::Unanswered);
                if failed {
                    metrics.lookup_unanswered();
                }
                let verdict = if self.would_deny.is_some() {
                    "audit"
                } else {
                    "allow"
                };
                let reason = self.would_deny.as_ref().map(|denial| denial.reason);
                metrics.looked_up(verdict, reason, took);
                if let Some(denial) = &self.would_deny {
                    self.write(verdict, denial, ResponseFlag::None);
                }
            }
        }
    }

    fn write(&self, verdict: &'static str, denial: &Denial, flag: ResponseFlag) {
        let close_reason = if verdict == "deny" {
            "denied"
        } else {
            "answered"
        };
        let pod = self.caller.pod.as_deref();
        self.account.write(&Line {
            time: SystemTime::now().into(),
            conn_id: None,
            src_addr: Some(self.peer),
            src_pid: Some(self.caller.pid),
            src_exe: exe(self.caller),
            src_uid: Some(self.caller.uid),
            src_cgroup: Some(cgroup(self.caller)),
            src_container: container(self.caller),
            src_namespace: pod.map(|pod| &*pod.namespace),
            src_pod: pod.and_then(Pod::known_name),
            src_workload: pod.and_then(Pod::workload_name),
            listener: None,
            dst_addr: Some(self.server.socket_addr()),
            upstream_addr: None,
            requested_server_name: self.name.as_deref(),
            protocol: Some(DNS),
            dns_name: None,
            service: denial.service.as_ref().map(ServiceName::as_str),
            rule: denial.rule.as_ref(),
            route: None,
            verdict: Some(verdict),
            reason: Some(denial.reason),
            shadow_verdict: None,
            shadow_reason: None,
            shadow_service: None,
            policy_generation: self.generation.map(|generation| generation.0),
            revoked_by_generation: None,
            bytes_sent: 0,
            bytes_received: 0,
            duration: self.begun.elapsed(),
            sniff: None,
            resolve: None,
            connect: None,
            close_reason,
            response_flags: flag.letters(),
            sample_rate: None,
        });
    }
}
