//! What is answered, for people and for programs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::question::Speech;

/// Why a connection is admitted or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the policy says.
    pub verdict: Said,
    /// Why it goes through although no service admits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub let_through: Option<LetThrough>,
    /// The denial's label, as in the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in a sentence, without a full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The service that admits or denies it, or came nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Where that service is written: `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The route that leads it elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What was judged.
    pub connection: Connection,
    /// What came near to admitting it, the nearest first: at most [`MAX_MISSES`](super::MAX_MISSES).
    pub nearest: Vec<Miss>,
    /// How many more were found.
    pub left_out: usize,
    /// What was assumed, what only asking can tell, and what else becomes of it.
    pub notes: Vec<String>,
    /// A `[[service]]` that would admit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_allow: Option<String>,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The connection may be made.
    Allow,
    /// It may not.
    Deny,
}

/// Why a connection goes through that no service admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetThrough {
    /// `gateway.mode` is `audit`, or the pod's namespace says so: what is denied is only recorded.
    Audit,
    /// `gateway.outbound_traffic_policy` is `ALLOW_ANY`.
    AllowAny,
    /// The destination is inside the mesh: loopback, or one of `gateway.internal`.
    Internal,
    /// The caller's cgroup is in no `[[scope]]`, or the pod's namespace is not governed.
    NotGoverned,
}

/// A connection as it was judged: what was asked, in one spelling, and what was assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The name that the client wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// What the client speaks.
    pub protocol: Speech,
    /// Where it connects to.
    pub ip: IpAddr,
    /// Nothing was said of where it connects to.
    pub ip_assumed: bool,
}

/// A service that does not admit the connection, but nearly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The service.
    pub service: String,
    /// Where it is written: `file:line`.
    pub rule: String,
    /// What keeps it from admitting the connection.
    pub miss: Kind,
    /// The same in a sentence, without a full stop.
    pub text: String,
    /// The key that says so, where one does …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// … and the item of its array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

/// What keeps a service from admitting a connection; the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It does not take an encrypted `ClientHello`.
    Ech,
    /// It admits it, but a service with `deny` comes first.
    Beaten,
    /// It is for other callers.
    Caller,
    /// Its name is right, and the destination is not one of its addresses.
    Address,
    /// Its name is right on the port, for another protocol.
    Protocol,
    /// Its name is right, on other ports.
    Port,
    /// Its address is right on the port, for another protocol.
    AddressProtocol,
    /// Its wildcard means names below this one.
    Apex,
    /// It has a name above this one, without a wildcard.
    Below,
    /// Its name differs in one character.
    Slip,
    /// It is found by a name, and none is sent or looked up.
    Unnamed,
    /// Its address is right, on other ports.
    AddressPort,
    /// It has the port for other addresses.
    Elsewhere,
}

impl Explanation {
    /// Whether the policy admits the connection, or has nothing to say of it.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Said::Allow
    }
}
