//! What each type of value looks like in the file, as an editor is told.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value as Json;

use super::Schema;
use crate::config::endpoint::Endpoint;
use crate::config::from::{CgroupPattern, ExePattern, KnownUser, PodLabels, PodWord, UnitPattern};
use crate::config::include::Include;
use crate::config::listener::{ListenAddr, RawPeer};
use crate::config::net::{InternalNet, LoopbackAddr};
use crate::config::paths::{CgroupPath, LogPath, SidePath, SocketPath};
use crate::config::units::{ByteSize, Fraction};
use crate::config::value::Ranged;
use crate::types::{EndpointAddress, HostName, HostPattern, Locality, OnRevoke, Peer, ServiceName};

/// A sum of numbers with units of time.
const DURATION: &str = "^([0-9]+(ms|s|m|h))+$";
/// A sum of numbers with units of size.
const SIZE: &str = "^([0-9]+(B|KiB|MiB|GiB))+$";
/// An address, or a CIDR. Which ones are right is more than a pattern can say.
const NETWORK: &str = "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$";
/// Neither a URL, nor with a port, nor with a `*` other than as the first label.
const HOST: &str = r"^(\*\.)?[^*:/@\s]+$";
/// A name in full.
const NAME: &str = r"^[^*:/@\s]+$";
/// An address with a port, or `"off"`.
const LISTEN: &str = r"^(off|[0-9.]+:[0-9]+|\[[0-9A-Fa-f:.]+\]:[0-9]+)$";
/// An absolute path.
const ABSOLUTE: &str = "^/";

/// A type whose values stand in the file.
pub(in crate::config) trait Described {
    /// What values look like.
    fn schema() -> Schema;

    /// This value as the file has it, where it is worth telling as a default.
    fn written(&self) -> Option<Json> {
        None
    }
}

/// A type whose values have an order.
pub(in crate::config) trait Bounded: Described + Ranged {
    /// Values of the range. Where they are strings no keyword says it, so words do.
    fn schema_within(range: &RangeInclusive<Self>) -> Schema {
        let range = format!("{} to {}", range.start().show(), range.end().show());
        Self::schema().describe(&range)
    }
}

impl Described for Fraction {
    fn schema() -> Schema {
        Self::schema_within(&(Self::NONE..=Self::ALL))
    }

    fn written(&self) -> Option<Json> {
        Some(self.share().into())
    }
}

impl Bounded for Fraction {
    fn schema_within(range: &RangeInclusive<Self>) -> Schema {
        Schema::number(range.start().share()..=range.end().share())
    }
}

impl Bounded for Duration {}
impl Bounded for Option<Duration> {}
impl Bounded for ByteSize {}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Described for $type {
            fn schema() -> Schema {
                Self::schema_within(&(Self::MIN..=Self::MAX))
            }

            fn written(&self) -> Option<Json> {
                Some((*self).into())
            }
        }

        impl Bounded for $type {
            fn schema_within(range: &RangeInclusive<Self>) -> Schema {
                Schema::integer(u64::from(*range.start())..=u64::from(*range.end()))
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

/// Types that are written as strings of one pattern.
macro_rules! strings {
    ($($type:ty: $pattern:expr;)*) => {$(
        impl Described for $type {
            fn schema() -> Schema {
                Schema::pattern($pattern)
            }
        }
    )*};
}

strings! {
    CgroupPath: ABSOLUTE;
    CgroupPattern: ABSOLUTE;
    EndpointAddress: r"^[^*/@\s]+$";
    ExePattern: ABSOLUTE;
    HostName: NAME;
    HostPattern: HOST;
    Include: "[^/]$";
    InternalNet: NETWORK;
    IpNet: NETWORK;
    KnownUser: ".";
    ListenAddr: r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]+$";
    Locality: "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}$";
    PodWord: "^[a-z0-9.-]{1,253}$";
    ServiceName: "^[A-Za-z0-9._-]{1,253}$";
    SidePath: "[^/]$";
    SocketAddr: r"^[0-9A-Fa-f.:\[\]]+$";
    UnitPattern: "^[^/]+$";
}

impl Described for Peer {
    fn schema() -> Schema {
        RawPeer::schema()
    }
}

impl Described for PodLabels {
    fn schema() -> Schema {
        Schema::map(Schema::pattern("^[A-Za-z0-9._-]{0,63}$"))
    }
}

impl Described for bool {
    fn schema() -> Schema {
        Schema::boolean()
    }

    fn written(&self) -> Option<Json> {
        Some((*self).into())
    }
}

impl Described for NonZeroU16 {
    fn schema() -> Schema {
        Schema::integer(1..=u16::MAX.into())
    }
}

impl Described for Duration {
    fn schema() -> Schema {
        Schema::pattern(DURATION)
    }

    fn written(&self) -> Option<Json> {
        Some(self.show().into())
    }
}

impl Described for Option<Duration> {
    fn schema() -> Schema {
        Duration::schema()
    }

    fn written(&self) -> Option<Json> {
        Some(self.show().into())
    }
}

impl Described for OnRevoke {
    fn schema() -> Schema {
        Schema::pattern(r"^(close|keep|drain\(([0-9]+(ms|s|m|h))+\))$")
    }

    fn written(&self) -> Option<Json> {
        Some(match self {
            Self::Close => "close".into(),
            Self::Keep => "keep".into(),
            Self::Drain(time) => format!("drain({})", time.show()).into(),
        })
    }
}

impl Described for Option<Locality> {
    fn schema() -> Schema {
        Locality::schema()
    }
}

impl Described for ByteSize {
    fn schema() -> Schema {
        Schema::integer(0..=i64::MAX.unsigned_abs()).either(&Schema::pattern(SIZE))
    }

    fn written(&self) -> Option<Json> {
        Some(self.show().into())
    }
}

impl Described for Option<SocketAddr> {
    fn schema() -> Schema {
        Schema::pattern(LISTEN)
    }

    fn written(&self) -> Option<Json> {
        Some(self.map_or("off".into(), |addr| addr.to_string().into()))
    }
}

impl Described for Option<Endpoint> {
    fn schema() -> Schema {
        Schema::pattern("^(off$|http://)")
    }

    fn written(&self) -> Option<Json> {
        Some(
            self.as_ref()
                .map_or("off".into(), |endpoint| endpoint.uri().to_string().into()),
        )
    }
}

impl Described for PathBuf {
    fn schema() -> Schema {
        Schema::pattern(ABSOLUTE)
    }

    fn written(&self) -> Option<Json> {
        self.to_str().map(Json::from)
    }
}

impl Described for Option<PathBuf> {
    fn schema() -> Schema {
        PathBuf::schema()
    }

    fn written(&self) -> Option<Json> {
        self.as_ref()?.written()
    }
}

impl Described for LogPath {
    fn schema() -> Schema {
        Schema::pattern("^((-|syslog|journald)$|/)")
    }

    fn written(&self) -> Option<Json> {
        match self {
            Self::Stdout => Some("-".into()),
            Self::Syslog => Some("syslog".into()),
            Self::Journald => Some("journald".into()),
            Self::File(path) => path.written(),
        }
    }
}

impl Described for SocketPath {
    fn schema() -> Schema {
        Schema::pattern("^(off$|/)")
    }

    fn written(&self) -> Option<Json> {
        match self {
            Self::Off => Some("off".into()),
            Self::At(path) => path.written(),
        }
    }
}

impl Described for Option<LoopbackAddr> {
    fn schema() -> Schema {
        Option::<SocketAddr>::schema()
    }

    fn written(&self) -> Option<Json> {
        self.map(LoopbackAddr::socket_addr).written()
    }
}
