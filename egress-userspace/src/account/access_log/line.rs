//! The fields of a line. A value that is not known is left out.

use std::borrow::Cow;
#[cfg(feature = "otel")]
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::fields::{Fields, key};
use super::time::Timestamp;
use crate::types::{DenyReason, Place};

/// The protocol of questions to DNS servers.
pub(crate) const DNS: &str = "dns";

/// One line. Values that a process or a peer chose are text in JSON strings, so that none can begin
/// a line or a field of its own.
#[derive(Debug)]
pub(in crate::account) struct Line<'a> {
    /// When the line was written.
    pub(in crate::account) time: Timestamp,
    /// A DNS query has none.
    pub(in crate::account) conn_id: Option<u64>,
    /// Not known of what the kernel refused: such a client has no port yet.
    pub(in crate::account) src_addr: Option<SocketAddr>,
    pub(in crate::account) src_pid: Option<u32>,
    pub(in crate::account) src_exe: Option<Cow<'a, str>>,
    pub(in crate::account) src_uid: Option<u32>,
    pub(in crate::account) src_cgroup: Option<Cow<'a, str>>,
    /// The container's id, by the cgroup.
    pub(in crate::account) src_container: Option<&'a str>,
    /// The pod's, if that is known.
    pub(in crate::account) src_namespace: Option<&'a str>,
    pub(in crate::account) src_pod: Option<&'a str>,
    /// What the pod was made by, or itself.
    pub(in crate::account) src_workload: Option<&'a str>,
    /// The listener that a caller of another node came to.
    pub(in crate::account) listener: Option<&'a str>,
    /// Where the client wanted to go.
    pub(in crate::account) dst_addr: Option<SocketAddr>,
    pub(in crate::account) upstream_addr: Option<SocketAddr>,
    pub(in crate::account) requested_server_name: Option<&'a str>,
    pub(in crate::account) protocol: Option<&'static str>,
    /// The name that the DNS forwarder told the caller for the destination, where none was sent.
    pub(in crate::account) dns_name: Option<&'a str>,
    pub(in crate::account) service: Option<&'a str>,
    /// Where the service is written: `file:line`.
    pub(in crate::account) rule: Option<&'a Place>,
    /// The route that led the connection elsewhere.
    pub(in crate::account) route: Option<&'a str>,
    /// `allow`, `deny`, or `audit`: let through, but enforcement would have denied it.
    pub(in crate::account) verdict: Option<&'static str>,
    /// Why it was, or would have been, denied.
    pub(in crate::account) reason: Option<DenyReason>,
    /// What the shadow policy says, where it differs in the verdict, the reason or the service;
    /// `unknown`: it would have had to read what the enforced policy did not.
    pub(in crate::account) shadow_verdict: Option<&'static str>,
    pub(in crate::account) shadow_reason: Option<&'static str>,
    pub(in crate::account) shadow_service: Option<&'a str>,
    /// The policy that judged the connection when it was made.
    pub(in crate::account) policy_generation: Option<u64>,
    /// The policy that ended it.
    pub(in crate::account) revoked_by_generation: Option<u64>,
    /// From the upstream to the client, as Envoy counts.
    pub(in crate::account) bytes_sent: u64,
    /// From the client to the upstream.
    pub(in crate::account) bytes_received: u64,
    pub(in crate::account) duration: Duration,
    pub(in crate::account) sniff: Option<Duration>,
    pub(in crate::account) resolve: Option<Duration>,
    pub(in crate::account) connect: Option<Duration>,
    pub(in crate::account) close_reason: &'static str,
    pub(in crate::account) response_flags: &'static str,
    /// The share of such connections that have a line, where not all have.
    pub(in crate::account) sample_rate: Option<f64>,
}

impl Line<'_> {
    /// Adds the line's bytes with the newline.
    pub(in crate::account) fn encode(&self, into: &mut Vec<u8>) {
        let mut fields = Fields::new(into);
        fields.time(key!("time"), self.time);
        fields.number(key!("conn_id"), self.conn_id);
        fields.address(key!("src.addr"), self.src_addr);
        fields.number(key!("src.pid"), self.src_pid);
        fields.text(key!("src.exe"), self.src_exe.as_deref());
        fields.number(key!("src.uid"), self.src_uid);
        fields.text(key!("src.cgroup"), self.src_cgroup.as_deref());
        fields.text(key!("src.container"), self.src_container);
        fields.text(key!("src.namespace"), self.src_namespace);
        fields.text(key!("src.pod"), self.src_pod);
        fields.text(key!("src.workload"), self.src_workload);
        fields.text(key!("listener"), self.listener);
        fields.address(key!("dst.addr"), self.dst_addr);
        fields.address(key!("upstream.addr"), self.upstream_addr);
        fields.text(key!("requested_server_name"), self.requested_server_name);
        fields.text(key!("protocol"), self.protocol);
        fields.text(key!("dns_name"), self.dns_name);
        fields.text(key!("service"), self.service);
        fields.place(key!("rule"), self.rule);
        fields.text(key!("route"), self.route);
        fields.text(key!("verdict"), self.verdict);
        fields.text(key!("reason"), self.reason.map(DenyReason::label));
        fields.text(key!("shadow_verdict"), self.shadow_verdict);
        fields.text(key!("shadow_reason"), self.shadow_reason);
        fields.text(key!("shadow_service"), self.shadow_service);
        fields.number(key!("policy_generation"), self.policy_generation);
        fields.number(key!("revoked_by_generation"), self.revoked_by_generation);
        fields.number(key!("bytes_sent"), Some(self.bytes_sent));
        fields.number(key!("bytes_received"), Some(self.bytes_received));
        fields.millis(key!("duration_ms"), Some(self.duration));
        fields.millis(key!("sniff_ms"), self.sniff);
        fields.millis(key!("resolve_ms"), self.resolve);
        fields.millis(key!("connect_ms"), self.connect);
        fields.text(key!("close_reason"), Some(self.close_reason));
        fields.text(key!("response_flags"), Some(self.response_flags));
        fields.share(key!("sample_rate"), self.sample_rate);
        fields.end();
    }
}

#[cfg(feature = "otel")]
impl Line<'_> {
    /// Adds behind the line's bytes when it began and ended, in nanoseconds since 1970.
    pub(in crate::account) fn add_times(&self, line: &mut Vec<u8>) {
        let end = self.time.nanos();
        let took = u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX);
        let start = end.saturating_sub(took);
        line.pop();
        // Writing to memory cannot fail.
        let _ = writeln!(line, " {start} {end}");
    }
}
