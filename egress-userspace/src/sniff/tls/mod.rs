//! The TLS `ClientHello` (RFC 8446 section 4.1.2), which may come in any number of records.

mod extensions;
mod hello;
mod reader;
mod record;

use super::progress::Parsed;
use crate::types::Tls;

pub(super) use record::{HANDSHAKE, wire_limit};

/// Reads the `ClientHello` that a connection begins with. `cap` bounds the handshake message,
/// in bytes.
pub fn client_hello(bytes: &[u8], cap: usize) -> Parsed<Tls> {
    let message = record::first_message(bytes, cap)?;
    Ok(hello::parse(&message)?)
}
