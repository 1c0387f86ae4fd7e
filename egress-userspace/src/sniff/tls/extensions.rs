//! The extensions of a `ClientHello`: what is asked for, and what is offered.

use super::reader::Reader;
use crate::types::{DenyReason, HostName, HostNameError, Tls};

/// `server_name` (RFC 6066 section 3).
const SERVER_NAME: u16 = 0;
/// `application_layer_protocol_negotiation` (RFC 7301).
const ALPN: u16 = 16;
/// `encrypted_client_hello` (RFC 9849).
const ECH: u16 = 0xfe0d;
/// The only `NameType` there is (RFC 6066 section 3).
const HOST_NAME: u8 = 0;
/// Most extensions in a hello: about twice as many as are registered, and clients send 10 to 20.
/// With it the search for duplicates needs no memory of its own and stays short.
const MAX_EXTENSIONS: usize = 128;
/// Most protocols in ALPN: clients offer two or three, and each one kept is an allocation.
const MAX_PROTOCOLS: usize = 32;

/// Reads the block of extensions.
pub(super) fn parse(block: &[u8]) -> Result<Tls, DenyReason> {
    let mut tls = Tls::default();
    let mut seen = Seen::default();
    let mut reader = Reader::new(block);
    while !reader.is_empty() {
        let kind = reader.u16()?;
        let data = Reader::new(reader.vector16()?);
        seen.insert(kind)?;
        match kind {
            SERVER_NAME => tls.sni = server_name(data)?,
            ALPN => tls.alpn = protocols(data)?,
            ECH => tls.ech = true,
            _ => {}
        }
    }
    Ok(tls)
}

/// The extensions so far: none may come twice (RFC 8446 section 4.2).
struct Seen {
    kinds: [u16; MAX_EXTENSIONS],
    count: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            kinds: [0; MAX_EXTENSIONS],
            count: 0,
        }
    }
}

impl Seen {
    fn insert(&mut self, kind: u16) -> Result<(), DenyReason> {
        let (seen, free) = self.kinds.split_at_mut(self.count);
        match free.first_mut() {
            Some(slot) if !seen.contains(&kind) => *slot = kind,
            _ if kind == SERVER_NAME && seen.contains(&kind) => {
                return Err(DenyReason::SniDuplicate);
            }
            _ => return Err(DenyReason::MalformedTls),
        }
        self.count += 1;
        Ok(())
    }
}

/// An empty list or name is no name. Several names are refused: which of them counts would depend on
/// who reads.
fn server_name(mut data: Reader<'_>) -> Result<Option<HostName>, DenyReason> {
    let mut list = Reader::new(data.vector16()?);
    data.end()?;
    if list.is_empty() {
        return Ok(None);
    }
    let name = entry(&mut list)?;
    if list.is_empty() {
        return host_name(name);
    }
    entry(&mut list)?;
    Err(DenyReason::SniDuplicate)
}

fn entry<'a>(list: &mut Reader<'a>) -> Result<&'a [u8], DenyReason> {
    if list.u8()? == HOST_NAME {
        list.vector16()
    } else {
        Err(DenyReason::MalformedTls)
    }
}

fn host_name(name: &[u8]) -> Result<Option<HostName>, DenyReason> {
    if name.is_empty() {
        return Ok(None);
    }
    let text = str::from_utf8(name).map_err(|_| DenyReason::SniMalformed)?;
    text.parse().map(Some).map_err(|error| match error {
        HostNameError::Address(_) => DenyReason::SniIsAddress,
        HostNameError::Empty
        | HostNameError::TooLong(_)
        | HostNameError::LabelLength(_)
        | HostNameError::Character(_) => DenyReason::SniMalformed,
    })
}

fn protocols(mut data: Reader<'_>) -> Result<Vec<Box<[u8]>>, DenyReason> {
    let mut list = Reader::new(data.vector16()?);
    data.end()?;
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.vector8()?;
        if protocol.is_empty() || protocols.len() == MAX_PROTOCOLS {
            return Err(DenyReason::MalformedTls);
        }
        protocols.push(protocol.into());
    }
    if protocols.is_empty() {
        Err(DenyReason::MalformedTls)
    } else {
        Ok(protocols)
    }
}
