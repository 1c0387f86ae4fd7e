//! What an operator's tools talk to: metrics and health over HTTP.

mod respond;
mod serve;

pub use respond::{Readiness, Site};
pub use serve::serve;
