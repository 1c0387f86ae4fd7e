//! Values that are one of a few words.

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::{Problem, did_you_mean, one_of};
use super::value::{Reject, string};
use crate::types::{
    DenyErrno, Ech, Established, HttpJudging, ListenerProtocol, LoadBalancer, Location, Mode,
    OnExit, OutboundTrafficPolicy, Protocol, ProxyProtocol, Resolution, Trust,
};

/// Which engine moves bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayMode {
    /// Copy at first, splice once a direction proves to be bulk.
    #[default]
    Auto,
    /// Splice from the first byte.
    Splice,
    /// Never splice.
    Copy,
}

/// Which lookups of governed processes the gateway answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsForwarder {
    /// None: they go to the servers themselves.
    Off,
    /// Those of names that a service has for the caller.
    #[default]
    Allowed,
    /// All.
    All,
}

/// Whose pods are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchWord {
    /// Nobody's: nothing of Kubernetes is asked.
    Off,
    /// Those of the gateway's node.
    #[default]
    Node,
    /// Those of the whole cluster.
    Cluster,
}

/// Istio's modes of TLS to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsWord {
    Disable,
    Simple,
    Mutual,
}

/// How callers of other nodes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityWord {
    Address,
    MutualTls,
}

macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident,)* }) => {
        impl $crate::config::value::Value for $type {
            fn read(
                value: &serde_spanned::Spanned<toml::de::DeValue<'_>>,
                problems: &mut Vec<$crate::config::problem::Problem>,
            ) -> Option<Self> {
                $crate::config::words::word(value, problems, &[$(($word, Self::$variant),)*])
            }
        }

        impl $crate::config::schema::Described for $type {
            fn schema() -> $crate::config::schema::Schema {
                $crate::config::schema::Schema::words(&[$($word,)*])
            }

            fn written(&self) -> Option<serde_json::Value> {
                Some(match self { $(Self::$variant => $word,)* }.into())
            }
        }
    };
}

pub(super) use words;

/// A kind of socket that governed processes have only if it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketWord {
    /// ICMP echo without privileges.
    Ping,
    /// Any IP packet.
    Raw,
}

words!(Mode {
    "enforce" => Enforce,
    "audit" => Audit,
});

words!(DenyErrno {
    "EPERM" => Eperm,
    "ECONNREFUSED" => Econnrefused,
    "EHOSTUNREACH" => Ehostunreach,
    "ENETUNREACH" => Enetunreach,
    "EACCES" => Eacces,
});

words!(Established {
    "stop" => Stop,
    "log" => Log,
});

words!(OnExit {
    "closed" => Closed,
    "open" => Open,
});

words!(OutboundTrafficPolicy {
    "REGISTRY_ONLY" => RegistryOnly,
    "ALLOW_ANY" => AllowAny,
});

words!(RelayMode {
    "auto" => Auto,
    "splice" => Splice,
    "copy" => Copy,
});

words!(DnsForwarder {
    "off" => Off,
    "allowed" => Allowed,
    "all" => All,
});

words!(WatchWord {
    "off" => Off,
    "node" => Node,
    "cluster" => Cluster,
});

words!(SocketWord {
    "ping" => Ping,
    "raw" => Raw,
});

words!(Protocol {
    "TLS" => Tls,
    "HTTPS" => Https,
    "HTTP" => Http,
    "HTTP2" => Http2,
    "GRPC" => Grpc,
    "TCP" => Tcp,
    "UDP" => Udp,
});

words!(Location {
    "MESH_EXTERNAL" => MeshExternal,
    "MESH_INTERNAL" => MeshInternal,
});

words!(Trust {
    "redial" => Redial,
    "verify" => Verify,
    "original" => Original,
});

words!(Ech {
    "allow_outer" => AllowOuter,
    "deny" => Deny,
    "require_verified_ip" => RequireVerifiedIp,
});

words!(HttpJudging {
    "every-request" => EveryRequest,
    "first" => First,
});

words!(LoadBalancer {
    "ROUND_ROBIN" => RoundRobin,
    "LEAST_REQUEST" => LeastRequest,
    "RANDOM" => Random,
    "SOURCE_IP" => SourceIp,
});

words!(ProxyProtocol {
    "V1" => V1,
    "V2" => V2,
});

words!(ListenerProtocol {
    "CONNECT" => Connect,
    "PROXY" => Proxy,
});

words!(IdentityWord {
    "MUTUAL_TLS" => MutualTls,
    "ADDRESS" => Address,
});

words!(TlsWord {
    "DISABLE" => Disable,
    "SIMPLE" => Simple,
    "MUTUAL" => Mutual,
});

words!(Resolution {
    "NONE" => None,
    "STATIC" => Static,
    "DNS" => Dns,
    "DNS_ROUND_ROBIN" => DnsRoundRobin,
    "DYNAMIC_DNS" => DynamicDns,
});

pub(super) fn word<T: Copy>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
    words: &[(&'static str, T)],
) -> Option<T> {
    let meaning = |text: &str| words.iter().find(|(word, _)| *word == text);
    if let Some((_, meaning)) = value.get_ref().as_str().and_then(meaning) {
        return Some(*meaning);
    }
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    string(value, problems, &one_of(&known), |text| {
        let help = did_you_mean(text, &known);
        Err(Reject::new(format!("unknown value {text:?}")).maybe_help(help))
    })
}
