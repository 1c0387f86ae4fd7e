//! A server's answer: what it tells, and what of it may be told.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{RData, Record};

use super::query::{Query, is_same, response_counts};

/// Records that are read of one answer. The longest message has room for six thousand; round-robin
/// names of large services have a few dozen.
const MAX_RECORDS: u16 = 1024;

/// An answer to a query.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    message: Message,
}

/// What [`Answer::guard`] took out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Addresses.
    pub(super) addresses: usize,
    /// Keys for an encrypted `ClientHello`.
    pub(super) keys: usize,
}

impl Answer {
    /// Reads a message; `None`: it is not a readable answer to what was `asked`.
    pub(super) fn parse(bytes: Vec<u8>, asked: &Message) -> Option<Self> {
        let [1, counts @ ..] = response_counts(&bytes)? else {
            return None;
        };
        if counts.into_iter().fold(0, u16::saturating_add) > MAX_RECORDS {
            return None;
        }
        let message = Message::from_vec(&bytes).ok()?;
        let same = is_same(message.queries.first()?, asked.queries.first()?);
        (same && message.metadata.id == asked.metadata.id).then_some(Self { bytes, message })
    }

    /// The response code.
    pub(super) fn code(&self) -> ResponseCode {
        self.message.metadata.response_code
    }

    /// The response code's label: those that tell of a server's health, and one for all others.
    pub(super) fn code_label(&self) -> &'static str {
        match self.code() {
            ResponseCode::NoError => "noerror",
            ResponseCode::NXDomain => "nxdomain",
            ResponseCode::ServFail => "servfail",
            ResponseCode::Refused => "refused",
            _ => "other",
        }
    }

    /// The addresses that it gives, each with how long it holds.
    pub(super) fn addresses(&self) -> Vec<(IpAddr, Duration)> {
        let of = |record: &Record| {
            let ttl = Duration::from_secs(record.ttl.into());
            addresses(&record.data).into_iter().map(move |ip| (ip, ttl))
        };
        self.message.answers.iter().flat_map(of).collect()
    }

    /// Takes out addresses that are not permitted, wherever they stand, and keys with which a client
    /// would hide from the gateway whom it talks to.
    pub(super) fn guard(&mut self, permits: impl Fn(IpAddr) -> bool) -> Removed {
        let mut removed = Removed::default();
        let message = &mut self.message;
        for section in [
            &mut message.answers,
            &mut message.authorities,
            &mut message.additionals,
        ] {
            section.retain_mut(|record| keep(&mut record.data, &permits, &mut removed));
        }
        removed
    }

    /// The message for the client: as it came, but for its id, if nothing was `removed`.
    pub(super) fn release(mut self, query: &Query, removed: Removed) -> Option<Vec<u8>> {
        if removed == Removed::default() {
            self.bytes
                .first_chunk_mut()
                .map(|id| *id = query.id().to_be_bytes())?;
            return Some(self.bytes);
        }
        self.message.metadata.id = query.id();
        // What was changed is not what was signed.
        self.message.metadata.authentic_data = false;
        self.message.to_vec().ok()
    }
}

/// The addresses in a record. The hints of a service binding are used as addresses (RFC 9460 section 7.3).
fn addresses(data: &RData) -> Vec<IpAddr> {
    match data {
        RData::A(a) => vec![a.0.into()],
        RData::AAAA(aaaa) => vec![IpAddr::from(aaaa.0).to_canonical()],
        RData::HTTPS(https) => https
            .svc_params
            .iter()
            .flat_map(|(_, v)| hints(v))
            .collect(),
        RData::SVCB(svcb) => svcb.svc_params.iter().flat_map(|(_, v)| hints(v)).collect(),
        _ => Vec::new(),
    }
}

fn hints(value: &SvcParamValue) -> Vec<IpAddr> {
    match value {
        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().map(|a| a.0.into()).collect(),
        SvcParamValue::Ipv6Hint(hint) => {
            let ips = hint.0.iter().map(|aaaa| IpAddr::from(aaaa.0));
            ips.map(|ip| ip.to_canonical()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the record stays, perhaps with less in it.
fn keep(data: &mut RData, permits: &impl Fn(IpAddr) -> bool, removed: &mut Removed) -> bool {
    match data {
        RData::HTTPS(https) => keep_binding(&mut https.0, permits, removed),
        RData::SVCB(svcb) => keep_binding(svcb, permits, removed),
        _ => {
            let stays = addresses(data).into_iter().all(permits);
            removed.addresses += usize::from(!stays);
            stays
        }
    }
}

fn keep_binding(svcb: &mut SVCB, permits: &impl Fn(IpAddr) -> bool, removed: &mut Removed) -> bool {
    let mut gone = Vec::new();
    svcb.svc_params.retain(|(key, value)| {
        let is_key = matches!(value, SvcParamValue::EchConfigList(_));
        let is_address = !hints(value).into_iter().all(permits);
        removed.keys += usize::from(is_key);
        removed.addresses += usize::from(is_address);
        if is_key || is_address {
            gone.push(*key);
        }
        !is_key && !is_address
    });
    // A binding that cannot be used without what is gone is no use (RFC 9460 section 8).
    !svcb.svc_params.iter().any(|(_, value)| lists(value, &gone))
}

fn lists(value: &SvcParamValue, keys: &[SvcParamKey]) -> bool {
    matches!(value, SvcParamValue::Mandatory(mandatory) if mandatory.0.iter().any(|key| keys.contains(key)))
}
