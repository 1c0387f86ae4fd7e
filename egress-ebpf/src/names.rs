//! Questions to DNS servers: the gateway answers them, whatever server is meant.

use egress_common::{DNS_PORT, protocol};

use crate::maps::takes_names;

/// Whether what goes to this port is a question that the gateway is to answer.
///
/// The port is looked at first: of all else nothing more has to be looked up.
#[inline(always)]
pub(crate) fn is_question(number: u16, port: [u8; 2]) -> bool {
    matches!(number, protocol::TCP | protocol::UDP)
        && u16::from_ne_bytes(port) == u16::from_ne_bytes(DNS_PORT)
        && takes_names()
}
