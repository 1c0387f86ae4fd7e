//! HTTP/2 by prior knowledge (RFC 9113): each stream's `:authority` is judged before its header block
//! is passed on.
//!
//! The upstream reads header blocks by what was in those before, so none can be left out: a refusal ends
//! the connection. `GOAWAY` tells the client which streams were not begun, and it may ask for them on a
//! new one, where they are judged, and answered, as first requests.

mod frame;
mod headers;
mod requests;
mod responses;

pub use frame::{Look, go_away, look};
pub(super) use requests::Requests;
pub(super) use responses::responses;
