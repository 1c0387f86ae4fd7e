//! Values that are one of a few words.

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::{Problem, did_you_mean, one_of};
use super::value::{Reject, Value, string};
use crate::types::{
    DenyErrno, Established, Location, Mode, OnExit, OutboundTrafficPolicy, Protocol, Resolution,
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

macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident,)* }) => {
        impl Value for $type {
            fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
                word(value, problems, &[$(($word, Self::$variant),)*])
            }
        }
    };
}

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

words!(Resolution {
    "NONE" => None,
    "STATIC" => Static,
    "DNS" => Dns,
    "DNS_ROUND_ROBIN" => DnsRoundRobin,
    "DYNAMIC_DNS" => DynamicDns,
});

fn word<T: Copy>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
    words: &[(&'static str, T)],
) -> Option<T> {
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    string(value, problems, &one_of(&known), |text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let help = did_you_mean(text, &known);
            Reject::new(format!("unknown value {text:?}")).maybe_help(help)
        })
    })
}
