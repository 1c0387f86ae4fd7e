//! A line of JSON, read strictly: what is there is right, and what is not known here is passed over, as a
//! newer gateway may write more.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use super::seen::{Decided, Seen, Spoken};
use crate::account::Timestamp;
use crate::types::{Caller, CgroupId, DenyReason, HostName, OriginalDst, Remote, plain};

/// Most characters of a complaint: a line may be long, and all of it may be wrong.
const MAX_WHY: usize = 160;

/// Longest path: the kernel's longest, of which each byte that is no text is written as a character of three.
const MAX_PATH: usize = 3 * 4_096;
/// Longest name of a service or a route.
const MAX_LABEL: usize = 253;

/// Why a line is not one of an access log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no JSON, or not an object with these types of values.
    #[error("{0}")]
    Json(String),
    /// A value is none that the gateway writes.
    #[error("`{0}` is {1}")]
    Value(&'static str, String),
    /// It is longer than any that the gateway writes.
    #[error("it is too long")]
    TooLong,
}

/// The fields that matter here, as they are written.
#[derive(Deserialize)]
struct Raw {
    time: String,
    #[serde(rename = "src.addr")]
    src_addr: Option<String>,
    #[serde(rename = "src.pid")]
    src_pid: Option<u32>,
    #[serde(rename = "src.exe")]
    src_exe: Option<String>,
    #[serde(rename = "src.uid")]
    src_uid: Option<u32>,
    #[serde(rename = "src.cgroup")]
    src_cgroup: Option<String>,
    listener: Option<Box<str>>,
    #[serde(rename = "dst.addr")]
    dst_addr: Option<String>,
    #[serde(rename = "upstream.addr")]
    upstream_addr: Option<String>,
    requested_server_name: Option<String>,
    protocol: Option<String>,
    dns_name: Option<String>,
    service: Option<Box<str>>,
    route: Option<Box<str>>,
    verdict: Option<String>,
    reason: Option<String>,
    bytes_sent: u64,
    bytes_received: u64,
}

/// Reads one line.
pub fn parse(line: &[u8]) -> Result<Seen, Malformed> {
    let raw: Raw =
        serde_json::from_slice(line).map_err(|error| Malformed::Json(short(&error.to_string())))?;
    raw.try_into()
}

impl TryFrom<Raw> for Seen {
    type Error = Malformed;

    fn try_from(raw: Raw) -> Result<Self, Malformed> {
        for (field, text, most) in [
            ("src.exe", raw.src_exe.as_deref(), MAX_PATH),
            ("src.cgroup", raw.src_cgroup.as_deref(), MAX_PATH),
            ("listener", raw.listener.as_deref(), MAX_LABEL),
            ("service", raw.service.as_deref(), MAX_LABEL),
            ("route", raw.route.as_deref(), MAX_LABEL),
        ] {
            if text.is_some_and(|text| text.len() > most) {
                return Err(Malformed::Value(field, "too long".into()));
            }
        }
        let address = |field, text| read::<SocketAddr>(field, text);
        let spoken = raw.protocol.as_deref().map(spoken).transpose()?;
        let name = match spoken {
            // Of a question it may be anything.
            Some(Spoken::Dns) => raw.requested_server_name.and_then(|name| name.parse().ok()),
            _ => read("requested_server_name", raw.requested_server_name)?,
        };
        Ok(Self {
            time: read::<Timestamp>("time", Some(raw.time.clone()))?
                .ok_or_else(|| wrong("time", &raw.time))?,
            dst: address("dst.addr", raw.dst_addr)?.map(OriginalDst::new),
            caller: match raw.listener {
                Some(listener) => {
                    let address = address("src.addr", raw.src_addr.clone())?;
                    let address =
                        address.map_or(IpAddr::from(Ipv4Addr::UNSPECIFIED), |addr| addr.ip());
                    let listener = listener.into();
                    Caller::remote(
                        Remote {
                            listener,
                            address,
                            is_certified: false,
                        },
                        None,
                    )
                }
                None => caller(
                    raw.src_pid,
                    raw.src_uid,
                    raw.src_exe.as_deref(),
                    raw.src_cgroup.as_deref(),
                )?,
            },
            spoken,
            name,
            told: read::<HostName>("dns_name", raw.dns_name)?,
            service: raw.service,
            route: raw.route,
            decided: decided(raw.verdict.as_deref(), raw.reason.as_deref())?,
            by_kernel: address("src.addr", raw.src_addr)?.is_none(),
            connected: address("upstream.addr", raw.upstream_addr)?.is_some(),
            bytes_sent: raw.bytes_sent,
            bytes_received: raw.bytes_received,
        })
    }
}

fn caller(
    pid: Option<u32>,
    uid: Option<u32>,
    exe: Option<&str>,
    cgroup: Option<&str>,
) -> Result<Caller, Malformed> {
    // A cgroup that was gone has only its number.
    let (id, path) = match cgroup {
        Some(path) if path.starts_with('/') => (None, Some(path)),
        Some(id) => (read("src.cgroup", Some(id.to_owned()))?, None),
        None => (None, None),
    };
    let unknown = Caller::unknown(CgroupId(id.unwrap_or_default()));
    Ok(Caller {
        pid: pid.unwrap_or(unknown.pid),
        uid: uid.unwrap_or(unknown.uid),
        exe: exe.map(|exe| Path::new(exe).into()),
        cgroup_path: path.map(Into::into),
        ..unknown
    })
}

fn spoken(label: &str) -> Result<Spoken, Malformed> {
    let known = [
        Spoken::Tls,
        Spoken::Http,
        Spoken::Http2,
        Spoken::Tcp,
        Spoken::Dns,
    ];
    let found = known.into_iter().find(|spoken| spoken.label() == label);
    found.ok_or_else(|| wrong("protocol", label))
}

fn decided(verdict: Option<&str>, reason: Option<&str>) -> Result<Option<Decided>, Malformed> {
    let reason = match reason {
        None => None,
        Some(label) => {
            let mut known = DenyReason::ALL.iter().copied();
            let found = known.find(|reason| reason.label() == label);
            Some(found.ok_or_else(|| wrong("reason", label))?)
        }
    };
    match (verdict, reason) {
        (None, None) => Ok(None),
        (Some("allow"), None) => Ok(Some(Decided::Allow)),
        (Some("audit"), Some(reason)) => Ok(Some(Decided::Audit(reason))),
        (Some("deny"), Some(reason)) => Ok(Some(Decided::Deny(reason))),
        (Some("audit" | "deny"), None) => Err(Malformed::Value("reason", "missing".into())),
        (Some("allow") | None, Some(reason)) => Err(Malformed::Value(
            "verdict",
            format!("not for the reason {reason}"),
        )),
        (Some(verdict), _) => Err(wrong("verdict", verdict)),
    }
}

fn read<T: FromStr>(field: &'static str, text: Option<String>) -> Result<Option<T>, Malformed> {
    text.map(|text| text.parse().map_err(|_| wrong(field, &text)))
        .transpose()
}

fn wrong(field: &'static str, text: &str) -> Malformed {
    Malformed::Value(field, format!("\"{}\"", short(text)))
}

/// The text's beginning, without anything that could do harm to a terminal.
fn short(text: &str) -> String {
    let mut chars = text.chars();
    let mut short = plain(&chars.by_ref().take(MAX_WHY).collect::<String>());
    if chars.next().is_some() {
        short.push_str("...");
    }
    short
}
