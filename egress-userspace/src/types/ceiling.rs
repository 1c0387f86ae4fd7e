//! The most that namespaces may admit for themselves.

use ipnet::IpNet;

use super::{Ech, HostPattern, HttpJudging, OnRevoke, PathPattern, Place, Port, Trust};

/// What the own services of some namespaces are within. It is matched as a service is: what it does not
/// list does not matter.
#[derive(Clone, Debug)]
pub struct Ceiling {
    /// Which namespaces: at least one.
    pub namespaces: Vec<PathPattern>,
    /// Their services' `hosts` are within these; empty: they have none.
    pub hosts: Vec<HostPattern>,
    /// Their services' `addresses` are within these; empty: they have none.
    pub addresses: Vec<IpNet>,
    /// Their services' ports are among these: at least one, none of datagrams.
    pub ports: Vec<Port>,
    /// What their services say, who may not say it themselves.
    pub trust: Trust,
    /// The same.
    pub ech: Ech,
    /// The same.
    pub http: HttpJudging,
    /// The same.
    pub on_revoke: OnRevoke,
    /// Where the entry begins.
    pub place: Place,
}
