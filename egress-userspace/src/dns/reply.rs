//! What a client is told instead of an answer.

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, Record};

use super::query::Query;
use crate::types::DenyReason;

/// Seconds that a client may keep a denial: a service that is added works soon after a first failed try.
const NEGATIVE_TTL: u32 = 5;
/// Option code of extended errors (RFC 8914 section 2).
const EXTENDED_ERROR: u16 = 15;

/// An extended error (RFC 8914 section 4).
#[derive(Clone, Copy, Debug)]
#[repr(u16)]
enum Extended {
    /// The name is not for this client.
    Filtered = 17,
    /// The client is not to ask here, or not so much.
    Prohibited = 18,
    /// Records of this type are not asked for.
    NotSupported = 21,
    /// No server gave an answer.
    NoReachableAuthority = 22,
}

/// A denial. `None`: it has no form on the wire, which no query that was read leads to.
pub(super) fn denied(query: &Query, reason: DenyReason) -> Option<Vec<u8>> {
    let (code, extended) = words(reason);
    let mut message = query.reply(code);
    if code != ResponseCode::Refused {
        message.add_authority(start_of_authority());
    }
    explain(&mut message, extended, reason.label());
    message.to_vec().ok()
}

/// No server could be reached.
pub(super) fn unanswered(query: &Query) -> Option<Vec<u8>> {
    let mut message = query.reply(ResponseCode::ServFail);
    explain(&mut message, Extended::NoReachableAuthority, "no_answer");
    message.to_vec().ok()
}

/// The answer is longer than the client takes: it should ask again over TCP.
pub(super) fn truncated(query: &Query, code: ResponseCode) -> Option<Vec<u8>> {
    let mut message = query.reply(code);
    message.metadata.truncation = true;
    message.to_vec().ok()
}

/// A name that may not be asked for does not exist; one that may, but not so, has no such records.
/// `REFUSED` makes clients ask their next server, as they should of one that is not approved.
fn words(reason: DenyReason) -> (ResponseCode, Extended) {
    match reason {
        DenyReason::ResolverNotApproved | DenyReason::LimitDns => {
            (ResponseCode::Refused, Extended::Prohibited)
        }
        DenyReason::DnsMalformed => (ResponseCode::NoError, Extended::NotSupported),
        DenyReason::ResolvedAddressRefused => (ResponseCode::NoError, Extended::Filtered),
        _ => (ResponseCode::NXDomain, Extended::Filtered),
    }
}

/// Of the root, which every name is below (RFC 2308 section 5).
fn start_of_authority() -> Record {
    let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, NEGATIVE_TTL);
    Record::from_rdata(Name::root(), NEGATIVE_TTL, RData::SOA(soa))
}

/// Says why, to a client that knows extended errors: those that send `OPT`.
fn explain(message: &mut Message, extended: Extended, label: &str) {
    if let Some(edns) = &mut message.edns {
        add_error(edns, extended, label);
    }
}

fn add_error(edns: &mut Edns, extended: Extended, label: &str) {
    let mut option = (extended as u16).to_be_bytes().to_vec();
    option.extend_from_slice(b"egress: ");
    option.extend_from_slice(label.as_bytes());
    edns.options_mut()
        .insert(EdnsOption::Unknown(EXTENDED_ERROR, option));
}
