//! The fields of a line. A value that is not known is left out.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::time::Timestamp;

/// The protocol of questions to DNS servers.
pub(in crate::account) const DNS: &str = "dns";

/// One line. Values that a process or a peer chose are text in JSON strings, so that none can begin
/// a line or a field of its own.
#[derive(Debug, Serialize)]
pub(in crate::account) struct Line<'a> {
    /// When the line was written.
    pub(in crate::account) time: Timestamp,
    /// A DNS query has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) conn_id: Option<u64>,
    /// Not known of what the kernel refused: such a client has no port yet.
    #[serde(rename = "src.addr", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) src_addr: Option<SocketAddr>,
    #[serde(rename = "src.pid", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) src_pid: Option<u32>,
    #[serde(rename = "src.exe", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) src_exe: Option<Cow<'a, str>>,
    #[serde(rename = "src.uid", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) src_uid: Option<u32>,
    #[serde(rename = "src.cgroup", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) src_cgroup: Option<Cow<'a, str>>,
    /// Where the client wanted to go.
    #[serde(rename = "dst.addr", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) dst_addr: Option<SocketAddr>,
    #[serde(rename = "upstream.addr", skip_serializing_if = "Option::is_none")]
    pub(in crate::account) upstream_addr: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) requested_server_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) protocol: Option<&'static str>,
    /// The name that the DNS forwarder told the caller for the destination, where none was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) dns_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) service: Option<&'a str>,
    /// Where the service is written: `file:line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) rule: Option<String>,
    /// The route that led the connection elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) route: Option<&'a str>,
    /// `allow`, `deny`, or `audit`: let through, but enforcement would have denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) verdict: Option<&'static str>,
    /// Why it was, or would have been, denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) reason: Option<&'static str>,
    /// What the shadow policy says, where it differs in the verdict, the reason or the service;
    /// `unknown`: it would have had to read what the enforced policy did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) shadow_verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) shadow_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) shadow_service: Option<&'a str>,
    /// The policy that judged the connection when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) policy_generation: Option<u64>,
    /// The policy that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) revoked_by_generation: Option<u64>,
    /// From the upstream to the client, as Envoy counts.
    pub(in crate::account) bytes_sent: u64,
    /// From the client to the upstream.
    pub(in crate::account) bytes_received: u64,
    pub(in crate::account) duration_ms: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) sniff_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) resolve_ms: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::account) connect_ms: Option<Millis>,
    pub(in crate::account) close_reason: &'static str,
    pub(in crate::account) response_flags: &'static str,
}

impl Line<'_> {
    /// Adds the line's bytes with the newline; false if it has no JSON form, which none of its types
    /// allows.
    pub(super) fn encode(&self, into: &mut Vec<u8>) -> bool {
        let encoded = serde_json::to_writer(&mut *into, self).is_ok();
        into.push(b'\n');
        encoded
    }
}

/// Milliseconds with three decimals: a cached name resolves in microseconds.
#[derive(Clone, Copy, Debug)]
pub(in crate::account) struct Millis(Duration);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = (self.0.as_secs_f64() * 1e6).round();
        serializer.serialize_f64(micros / 1e3)
    }
}
