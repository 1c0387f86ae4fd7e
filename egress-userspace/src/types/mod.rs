//! Words that every module speaks: addresses, names, ids, claims, reasons, services.

mod addr;
mod address_rule;
mod caller;
mod ceiling;
mod claim;
mod flag;
mod host;
mod ids;
mod listener;
mod mode;
mod path_pattern;
mod place;
mod plain;
mod pod_uid;
mod reason;
mod route;
mod selector;
mod service;
mod service_name;
mod traffic;

pub use addr::{ClientAddr, OriginalDst, UpstreamAddr};
pub use address_rule::{AddressAction, AddressRule, Transport};
pub use caller::{Caller, CallerKey, Pod, PodMode, Remote, Workload};
pub use ceiling::Ceiling;
pub use claim::{Claim, Language, Tls};
pub use flag::ResponseFlag;
pub use host::{HostName, HostNameError, HostPattern, HostPatternError};
pub use ids::{CgroupId, ConnId, Generation};
pub use listener::{Listener, ListenerProtocol, Peer, PeerIdentity, ServerTls};
pub use mode::{DenyErrno, Established, Mode, OnExit, OutboundTrafficPolicy};
pub use path_pattern::{PathPattern, PathPatternError};
pub use place::Place;
pub use plain::{is_obeyed, plain, quoted};
pub use pod_uid::{PodUid, PodUidError};
pub use reason::{DenyReason, ReasonKind};
pub use route::{Route, RouteDestination, RouteMatch};
pub use selector::{Selected, Selector, Specificity};
pub use service::{
    Ech, Endpoint, EndpointAddress, HttpJudging, Locality, Location, OnRevoke, Port, Protocol,
    Resolution, Service, Trust,
};
pub use service_name::ServiceName;
pub use traffic::{
    ClientTls, ClientTlsMode, ConnectionPool, Keepalive, LoadBalancer, OutlierDetection,
    ProxyProtocol, TrafficPolicy,
};
