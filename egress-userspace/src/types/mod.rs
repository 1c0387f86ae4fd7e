//! Words that every module speaks: addresses, names, ids, claims, reasons, services.

mod addr;
mod address_rule;
mod caller;
mod claim;
mod flag;
mod host;
mod ids;
mod mode;
mod reason;
mod service;

pub use addr::{ClientAddr, OriginalDst, UpstreamAddr};
pub use address_rule::{AddressAction, AddressRule, Transport};
pub use caller::Caller;
pub use claim::{Claim, Tls};
pub use flag::ResponseFlag;
pub use host::{HostName, HostNameError, HostPattern, HostPatternError};
pub use ids::{CgroupId, ConnId, Generation};
pub use mode::{DenyErrno, Established, Mode, OnExit, OutboundTrafficPolicy};
pub use reason::DenyReason;
pub use service::{
    Endpoint, EndpointAddress, Location, Port, Protocol, Resolution, Service, ServiceName,
};
