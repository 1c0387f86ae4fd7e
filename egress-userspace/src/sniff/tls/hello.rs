//! The `ClientHello` message (RFC 8446 section 4.1.2).

use super::extensions;
use super::reader::Reader;
use crate::types::{DenyReason, Tls};

/// Length of `random`.
const RANDOM: usize = 32;
/// Longest `legacy_session_id`.
const MAX_SESSION_ID: usize = 32;

/// Reads a whole message, without its header.
pub(super) fn parse(message: &[u8]) -> Result<Tls, DenyReason> {
    let mut reader = Reader::new(message);
    let _legacy_version = reader.u16()?;
    reader.take(RANDOM)?;
    let session_id = reader.vector8()?;
    let cipher_suites = reader.vector16()?;
    let compression_methods = reader.vector8()?;
    let sound = session_id.len() <= MAX_SESSION_ID
        && !cipher_suites.is_empty()
        && cipher_suites.len().is_multiple_of(2)
        && !compression_methods.is_empty();
    if !sound {
        return Err(DenyReason::MalformedTls);
    }
    // Before TLS 1.3 a hello could end here.
    if reader.is_empty() {
        return Ok(Tls::default());
    }
    let extensions = reader.vector16()?;
    reader.end()?;
    extensions::parse(extensions)
}
