//! Whether a query may be asked, and which addresses its answer may have.

use std::net::IpAddr;

use hickory_proto::rr::RecordType;

use super::ForwardSettings;
use super::query::Query;
use super::settings::Scope;
use crate::dial;
use crate::policy::{Denial, Policy, Resolvable};
use crate::types::{
    Caller, DenyReason, HostName, Location, OriginalDst, OutboundTrafficPolicy, PodMode,
};

/// The types of records that are asked for: those that programs look up of hosts and services, and what
/// it takes to check them.
///
/// Not among them are `NULL` and types without a meaning, which nothing but tunnels asks for, `ANY`
/// (RFC 8482), and zone transfers.
const TYPES: [RecordType; 17] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::HTTPS,
    RecordType::SVCB,
    RecordType::MX,
    RecordType::SRV,
    RecordType::TXT,
    RecordType::PTR,
    RecordType::NS,
    RecordType::SOA,
    RecordType::CAA,
    RecordType::NAPTR,
    RecordType::TLSA,
    RecordType::SSHFP,
    RecordType::DS,
    RecordType::DNSKEY,
];

/// The right to have one query answered.
#[derive(Debug)]
pub(super) struct Grant {
    guard: Guard,
    /// What enforcement would have said, in audit mode.
    pub(super) would_deny: Option<Denial>,
}

/// Which addresses an answer may have.
#[derive(Debug)]
enum Guard {
    /// Any: nothing is taken out.
    Open,
    /// Public ones, and those that a service with the name lists.
    Closed(Option<Resolvable>),
}

/// Judges a query to `server`.
pub(super) fn judge(
    policy: &Policy,
    settings: &ForwardSettings,
    query: &Query,
    server: OriginalDst,
    caller: &Caller,
) -> Result<Grant, Denial> {
    let mode = caller.mode(settings.mode);
    if mode == PodMode::Off {
        return Ok(open());
    }
    let judged = well_formed(settings, query)
        .and_then(|()| approved(settings, server))
        .map_err(Denial::from)
        .and_then(|()| by_name(policy, settings, query.name(), caller));
    match judged {
        Err(denial) if mode == PodMode::Audit => Ok(Grant {
            guard: Guard::Open,
            would_deny: Some(denial),
        }),
        judged => judged,
    }
}

/// Whether `caller` may ask an approved server for `name`.
pub fn may_ask(
    policy: &Policy,
    settings: &ForwardSettings,
    name: &HostName,
    caller: &Caller,
) -> Result<(), Denial> {
    by_name(policy, settings, Some(name), caller).map(|_| ())
}

fn well_formed(settings: &ForwardSettings, query: &Query) -> Result<(), DenyReason> {
    if query.text().len() > settings.max_name {
        return Err(DenyReason::DnsNameTooLong);
    }
    if !TYPES.contains(&query.kind()) {
        return Err(DenyReason::DnsMalformed);
    }
    Ok(())
}

fn approved(settings: &ForwardSettings, server: OriginalDst) -> Result<(), DenyReason> {
    let anything_goes = settings.outbound == OutboundTrafficPolicy::AllowAny;
    if anything_goes || settings.approves(server.socket_addr()) {
        Ok(())
    } else {
        Err(DenyReason::ResolverNotApproved)
    }
}

fn by_name(
    policy: &Policy,
    settings: &ForwardSettings,
    name: Option<&HostName>,
    caller: &Caller,
) -> Result<Grant, Denial> {
    // A name that is no host's is in no registry.
    let resolves = match name {
        Some(name) => policy.resolves(name, caller),
        None if settings.outbound == OutboundTrafficPolicy::AllowAny => return Ok(open()),
        None => Err(DenyReason::HostNotInRegistry.into()),
    };
    let is_internal = name.is_some_and(|name| settings.is_internal(name));
    match resolves {
        // A service with `deny` holds inside the mesh too.
        Err(denial) if denial.reason == DenyReason::ServiceDenied => Err(denial),
        _ if is_internal => Ok(open()),
        Err(_) if settings.scope == Scope::All => Ok(closed(None)),
        Err(denial) => Err(denial),
        Ok(resolvable) => Ok(granted(resolvable, settings)),
    }
}

fn granted(resolvable: Resolvable, settings: &ForwardSettings) -> Grant {
    let would_deny = resolvable.would_deny().cloned();
    let registered = resolvable.service().is_some();
    let guard = if registered {
        Guard::Closed(Some(resolvable))
    } else {
        Guard::Open
    };
    // Where all names are answered, that no service has this one is nothing to be said.
    let is_said = |denial: &Denial| {
        settings.scope != Scope::All || denial.reason == DenyReason::ServiceDenied
    };
    let would_deny = would_deny.filter(is_said);
    Grant { guard, would_deny }
}

fn open() -> Grant {
    Grant {
        guard: Guard::Open,
        would_deny: None,
    }
}

fn closed(resolvable: Option<Resolvable>) -> Grant {
    Grant {
        guard: Guard::Closed(resolvable),
        would_deny: None,
    }
}

impl Grant {
    /// Whether an answer may give this address. Whoever runs a name's DNS chooses where it points: to
    /// the node itself, its neighbours, or a cloud's metadata server.
    pub(super) fn permits(&self, ip: IpAddr) -> bool {
        match &self.guard {
            Guard::Open => true,
            Guard::Closed(None) => dial::check_answer(ip, Location::MeshExternal).is_ok(),
            Guard::Closed(Some(resolvable)) => {
                let location = if resolvable.is_internal() {
                    Location::MeshInternal
                } else {
                    Location::MeshExternal
                };
                resolvable.lists(ip) || dial::check_answer(ip, location).is_ok()
            }
        }
    }

    /// Whether the answer is released as it is.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.guard, Guard::Open)
    }
}
