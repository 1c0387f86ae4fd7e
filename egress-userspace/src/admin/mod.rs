//! What an operator's tools talk to, over HTTP: metrics, health, and the API.

mod answer;
mod api;
mod door;
mod page;
mod respond;
mod serve;

pub use api::{Api, ClusterView, Order, Standing};
pub use door::{Door, Place};
pub use respond::{Readiness, Site};
pub use serve::serve;
